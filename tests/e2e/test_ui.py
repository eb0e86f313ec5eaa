"""What a person sees in Airflow's UI, in a real browser, with a run that was started from the form.

Screenshots of each page are kept below pytest's base folder, in ``screenshots/``: ``--basetemp=<folder>`` chooses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright

from include.catalog.campaigns import CAMPAIGNS
from include.catalog.licences import DEFAULT_FAMILIES, LICENCE_FAMILIES, VIDEO_FAMILIES
from include.settings import SETTINGS
from tests.ground import PATIENCE_S

DAG, VIDEO_DAG = "curate_audio", "curate_video"
NEW_CAMPAIGN = "tollgate-players"  # creators of the stand-in's folk music, and no campaign of the list
PATIENCE_MS = 60_000  # of a page on a busy machine
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if not Path(SETTINGS.chromium_path).is_file():
        pytest.fail(
            f"no browser at {SETTINGS.chromium_path}: run tests/e2e/install_browser.sh, or set CHROMIUM_PATH to one"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=SETTINGS.chromium_path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visitor(browser, stack, airflow) -> BrowserContext:
    """A browser in which the stack's one user has logged in."""
    visitor = browser.new_context(base_url=stack.airflow_url, viewport={"width": 1440, "height": 1000})
    visitor.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page = visitor.new_page()
    page.goto("/dags")
    page.locator("input[name=username]").fill(stack.username)
    page.locator("input[name=password]").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name=DAG, exact=True)).to_be_visible()
    page.close()
    return visitor


@pytest.fixture
def page(visitor) -> Iterator[Page]:
    page = visitor.new_page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def keep(tmp_path_factory) -> Callable[[Page, str], None]:
    """Keeps a screenshot under a name."""
    folder = tmp_path_factory.getbasetemp() / "screenshots"

    def keep(page: Page, name: str) -> None:
        page.wait_for_timeout(500)  # for what moves to arrive
        page.screenshot(path=folder / f"{name}.png")

    return keep


def form_of(page: Page, dag_id: str = DAG) -> Locator:
    """Open the trigger form."""
    page.goto(f"/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").first.click()
    expect(page.locator("#element_campaign")).to_be_visible()
    return page.get_by_role("dialog")


def submit(form: Locator) -> None:
    form.get_by_role("button", name="Trigger", exact=True).click()


def runs_of(airflow, dag_id: str = DAG) -> dict[str, dict]:
    runs = airflow.request("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 100})["dag_runs"]
    return {run["dag_run_id"]: run for run in runs}


@pytest.fixture(scope="module")
def form_run(visitor, airflow, client, keep) -> Iterator[str]:
    """The id of a finished run that a person started from the form, with a campaign that nobody had named before."""
    ssm = client("ssm")
    campaign = ssm.get_parameter(Name=SETTINGS.active_campaign_parameter)["Parameter"]["Value"]
    before = set(runs_of(airflow))
    page = visitor.new_page()
    form = form_of(page)
    form.locator("#element_campaign").fill(NEW_CAMPAIGN)
    form.locator("input[name=element_batch_size]").fill("2")
    keep(page, "trigger_form_filled_in")
    submit(form)
    expect(form).to_be_hidden()
    page.close()
    (run_id,) = set(runs_of(airflow)) - before
    try:
        assert airflow.wait_for_run(DAG, run_id, PATIENCE_S) == "success"
        yield run_id
    finally:
        ssm.put_parameter(Name=SETTINGS.active_campaign_parameter, Value=campaign, Type="String", Overwrite=True)


@pytest.fixture(scope="module")
def asking_run(visitor, airflow, keep) -> Iterator[str]:
    """The id of a run of curate_video that was started from the form, may cost nothing, and asks whether it may."""
    airflow.unpause(VIDEO_DAG)
    before = set(runs_of(airflow, VIDEO_DAG))
    page = visitor.new_page()
    form = form_of(page, VIDEO_DAG)
    form.locator("#element_campaign").fill("electronic")
    form.locator("input[name=element_batch_size]").fill("1")
    form.locator("input[name=element_max_cost_usd]").fill("0")
    for name in ("approve_over_budget", "persist_campaign"):
        form.locator("label", has=page.locator(f"input[name=element_{name}]")).first.click()
    keep(page, "video_trigger_form_filled_in")
    submit(form)
    expect(form).to_be_hidden()
    page.close()
    (run_id,) = set(runs_of(airflow, VIDEO_DAG)) - before
    yield run_id


@pytest.fixture(scope="module")
def names(airflow, form_run) -> list[str]:
    """The titles of what the run chose, in the order of their map indices."""
    names = [chosen["name"] for chosen in airflow.xcom(DAG, form_run, "search_items")]
    assert len(names) == 2
    return names


@pytest.fixture(scope="module")
def landed(airflow, form_run, client) -> int:
    """The map index of a task that landed its file; another may have met a bad one."""
    ids = [chosen["asset_id"] for chosen in airflow.xcom(DAG, form_run, "search_items")]
    found = {
        asset_id: client("dynamodb").get_item(
            TableName=SETTINGS.assets_table, Key={"asset_id": {"S": asset_id}}, ConsistentRead=True
        )["Item"]
        for asset_id in ids
    }
    return next(index for index, asset_id in enumerate(ids) if found[asset_id]["state"]["S"] == "analysed")


def url_of(run_id: str, path: str = "", dag_id: str = DAG) -> str:
    return f"/dags/{dag_id}/runs/{quote(run_id, safe='')}{path}"


def test_the_pipelines_are_listed_with_their_tags(page, keep):
    page.goto("/dags")
    for dag_id in (DAG, VIDEO_DAG):
        expect(page.get_by_role("link", name=dag_id, exact=True)).to_be_visible()
    for tag in ("audio", "video", "curation"):
        expect(page.get_by_role("link", name=tag, exact=True).first).to_be_visible()
    keep(page, "dag_list")


def test_the_form_offers_the_known_campaigns_and_stays_empty(page, keep):
    form = form_of(page)
    campaign = form.locator("#element_campaign")
    expect(campaign).to_have_value("")
    expect(campaign).to_be_editable()
    offered = form.locator(f"datalist#{campaign.get_attribute('list')} option")
    assert offered.evaluate_all("options => options.map(option => option.value)") == list(CAMPAIGNS)
    keep(page, "trigger_form")


def test_the_form_asks_for_all_that_a_run_may_be_told(page):
    form = form_of(page)
    expect(form.locator("input[name=element_batch_size]")).to_have_value("5")
    expect(form.locator("input[name=element_persist_campaign]")).to_be_checked()
    for title in ("Campaign", "Batch size", "Allowed licences", "Make it active"):
        expect(form.locator("label", has_text=re.compile(rf"^{title}\b"))).to_be_visible()


def test_licences_are_chosen_from_a_list_of_names(page, keep):
    form = form_of(page)
    chosen = form.locator("input[name=element_licences]")
    assert chosen.evaluate_all("inputs => inputs.map(input => input.value)") == list(DEFAULT_FAMILIES)
    form.locator("#element_licences input[role=combobox]").click()
    expect(page.get_by_role("option")).to_have_text(["CC BY-ND", "CC BY-NC-ND"])
    assert len(LICENCE_FAMILIES) == len(DEFAULT_FAMILIES) + 2
    keep(page, "trigger_form_licences")
    page.get_by_role("option", name="CC BY-ND").click()
    assert chosen.evaluate_all("inputs => inputs.map(input => input.value)") == [*DEFAULT_FAMILIES, "by-nd"]


def test_a_bad_campaign_name_is_refused_in_the_form(page, airflow, keep):
    before = runs_of(airflow).keys()
    form = form_of(page)
    form.locator("#element_campaign").fill("Rm -rf /")
    submit(form)
    expect(form.get_by_text("Invalid input for param campaign: 'Rm -rf /' does not match")).to_be_visible()
    keep(page, "trigger_form_refusal")
    assert runs_of(airflow).keys() == before


def test_the_form_fits_a_narrow_screen(page, keep):
    page.set_viewport_size({"width": 420, "height": 900})
    form = form_of(page)
    keep(page, "trigger_form_narrow")
    form.get_by_role("button", name="Trigger", exact=True).scroll_into_view_if_needed()
    keep(page, "trigger_form_narrow_end")
    for field in ("#element_campaign", "#element_licences", "input[name=element_batch_size]"):
        box = form.locator(field).bounding_box()
        assert box["x"] >= 0, field
        assert box["x"] + box["width"] <= 420, field


def test_a_run_from_the_form_takes_a_new_name_and_makes_it_the_active_campaign(airflow, form_run, client):
    assert runs_of(airflow)[form_run]["conf"] == {
        "campaign": NEW_CAMPAIGN,
        "batch_size": 2,
        "licences": list(DEFAULT_FAMILIES),
        "persist_campaign": True,
    }
    active = client("ssm").get_parameter(Name=SETTINGS.active_campaign_parameter)["Parameter"]["Value"]
    assert active == NEW_CAMPAIGN


def test_the_grid_names_mapped_tasks_by_their_asset(page, form_run, names, keep):
    page.goto(url_of(form_run))
    for name in names:
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    keep(page, "grid")
    page.goto(url_of(form_run, "/tasks/land_audio/mapped"))
    for name in names:
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    keep(page, "grid_land_audio")


def test_the_log_of_a_task_says_what_landed_where(page, form_run, names, landed, keep):
    page.goto(url_of(form_run, f"/tasks/land_audio/mapped/{landed}"))
    expect(page.get_by_text(re.compile(rf"landed: s3://{SETTINGS.raw_bucket}/audio/internet-archive/"))).to_be_visible()
    expect(page.get_by_role("heading", name=f"land_audio [{names[landed]}]")).to_be_visible()
    keep(page, "task_log")


def test_a_landing_links_to_the_item_at_its_source(page, form_run, landed, keep):
    page.goto(url_of(form_run, f"/tasks/land_audio/mapped/{landed}/details"))
    link = page.get_by_role("link", name="Item at its source")
    expect(link).to_have_attribute("href", re.compile(r"^https://archive\.org/details/[\w.-]+$"))
    keep(page, "task_details")


def test_the_docs_of_a_pipeline_show_its_table(page, keep):
    page.goto(f"/dags/{DAG}")
    page.get_by_role("button", name="Dag Docs").click()
    docs = page.get_by_role("dialog")
    expect(docs.get_by_role("heading", name=DAG)).to_be_visible()
    rows = docs.locator("tr:has(td)")
    expect(rows.locator("td:first-child")).to_have_text(["Runs", "Reads", "Writes", "If it fails"])
    assert all(text.strip() for text in rows.locator("td:nth-child(2)").all_inner_texts())
    keep(page, "dag_docs")
    rows.last.scroll_into_view_if_needed()
    keep(page, "dag_docs_end")


def test_the_form_of_the_video_pipeline_asks_for_sources_analyses_and_a_budget(page, keep):
    form = form_of(page, VIDEO_DAG)
    values = "inputs => inputs.map(input => input.value)"
    assert form.locator("input[name=element_licences]").evaluate_all(values) == [*DEFAULT_FAMILIES, "pixabay"]
    assert len(VIDEO_FAMILIES) == len(LICENCE_FAMILIES) + 1
    assert form.locator("input[name=element_sources]").evaluate_all(values) == ["wikimedia", "pixabay"]
    expect(form.locator("input[name=element_batch_size]")).to_have_value("2")
    expect(form.locator("input[name=element_max_cost_usd]")).to_have_value("5")
    for name in ("moderation", "approve_over_budget"):
        expect(form.locator(f"input[name=element_{name}]")).not_to_be_checked()
    keep(page, "video_trigger_form")
    form.locator("input[name=element_approve_over_budget]").scroll_into_view_if_needed()
    keep(page, "video_trigger_form_end")


def test_a_person_is_shown_what_a_run_over_its_budget_would_buy_and_rejects_it(
    page, airflow, client, asking_run, wait_until, keep
):
    pending = lambda: airflow.request("GET", f"/dags/{VIDEO_DAG}/dagRuns/{asking_run}/hitlDetails")["hitl_details"]  # noqa: E731
    wait_until(pending, "the question to a person")
    page.goto(url_of(asking_run, "/tasks/approve_cost/required_actions", VIDEO_DAG))
    expect(page.get_by_text(re.compile(r"Pay \$0\.\d+ for the analyses of 1 film\?"))).to_be_visible()
    keep(page, "required_action")
    expect(page.locator("table")).to_have_count(2)
    page.get_by_role("button", name="Reject").click()
    assert airflow.wait_for_run(VIDEO_DAG, asking_run, PATIENCE_S) == "success"
    states = {one["task_id"]: one["state"] for one in airflow.task_instances(VIDEO_DAG, asking_run)}
    assert states["approve_cost"] == "skipped"
    run = airflow.xcom(VIDEO_DAG, asking_run, "choose_campaign", "run")
    stored = client("s3").get_object(
        Bucket=SETTINGS.processed_bucket, Key=f"video/wikimedia/electronic/{run}/summary.json"
    )
    summary = json.loads(stored["Body"].read())
    assert (summary["landed"], summary["analysed"]) == (1, 0)
    keep(page, "required_action_rejected")


def test_the_docs_of_the_video_pipeline_show_its_table(page, keep):
    page.goto(f"/dags/{VIDEO_DAG}")
    page.get_by_role("button", name="Dag Docs").click()
    docs = page.get_by_role("dialog")
    expect(docs.locator("tr td:first-child")).to_have_text(["Runs", "Reads", "Writes", "If it fails"])
    keep(page, "video_dag_docs")
