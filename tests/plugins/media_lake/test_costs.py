"""What a run costs, before it is paid: on landed films in the local AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput

from include.settings import SETTINGS
from media_lake.operators.costs import CurationApproveCostOperator
from tests.plugins.media_lake.films import Notes, film, land

pytestmark = pytest.mark.usefixtures("shared_clients")

SIX_SECONDS_USD = 0.1 * 3 * 0.1  # labels, segments (two kinds at half the price) and text, for a tenth of a minute
PROXY_USD = 10 / 60 * 0.0075  # ten seconds are the least that is billed
HOSTILE = "](https://evil.example) | `x` <script>alert(1)</script>\n# 0 USD"


class Desk:
    """Where the operator works: what it pushed, and what it asked of a person."""

    def __init__(self) -> None:
        self.notes, self.asked = Notes(), []
        self.context: Any = {
            "ti": self.notes,
            "task_instance": SimpleNamespace(id="ti"),
            "dag_run": SimpleNamespace(dag_id="curate_video"),
        }

    def operator(self, asset_ids: list[str], **changes: Any) -> CurationApproveCostOperator:
        options: dict[str, Any] = {"analyses": "labels,segments,text", "max_cost_usd": 5.0, **changes}
        return CurationApproveCostOperator(task_id="approve_cost", asset_ids=asset_ids, **options)

    def quote(self, *asset_ids: str, **changes: Any) -> list[str]:
        return self.operator(list(asset_ids), **changes).execute(self.context)

    def answer(self, asset_ids: list[str], option: str, *, timedout: bool = False, **changes: Any) -> list[str]:
        """Resume the task in another process, as it were, with somebody's answer."""
        event = {
            "chosen_options": [option],
            "params_input": {},
            "responded_at": datetime.now(UTC),
            "responded_by_user": None if timedout else {"id": "7", "name": "Ada"},
            "timedout": timedout,
        }
        return self.operator(asset_ids, **changes).execute_complete(self.context, event)

    @property
    def quoted_usd(self) -> float | None:
        return self.notes.pushed["quoted_usd"]


@pytest.fixture
def desk(monkeypatch) -> Desk:
    desk = Desk()
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **asked: desk.asked.append(asked)
    )
    return desk


@pytest.fixture
def landed(catalogue, lake):
    return land(catalogue, lake, film())


def test_a_run_within_its_limit_goes_on_with_all_its_films(desk, landed):
    assert desk.quote(landed, landed) == [landed, landed]
    assert desk.quoted_usd == pytest.approx(2 * SIX_SECONDS_USD)
    assert desk.asked == []


@pytest.mark.parametrize("limit", [SIX_SECONDS_USD, str(SIX_SECONDS_USD)], ids=["native", "rendered"])
def test_the_limit_itself_is_allowed(desk, landed, limit):
    assert desk.quote(landed, max_cost_usd=limit) == [landed]


def test_only_what_is_asked_for_is_quoted(desk, landed):
    desk.quote(landed, analyses=["labels"])
    assert desk.quoted_usd == pytest.approx(0.01)


def test_a_film_that_takes_a_proxy_costs_more(desk, catalogue, lake):
    desk.quote(land(catalogue, lake, film("film.webm"), name="film.webm"))
    assert desk.quoted_usd == pytest.approx(SIX_SECONDS_USD + PROXY_USD, rel=0.02)


def test_a_length_that_no_header_says_is_measured_so_that_it_has_a_price(desk, catalogue, lake):
    desk.quote(land(catalogue, lake, film("film.webm", live=True), name="film.webm"))
    assert desk.quoted_usd == pytest.approx(SIX_SECONDS_USD + PROXY_USD, rel=0.05)


def test_bad_films_cost_nothing_and_stop_nobody(desk, catalogue, lake, landed, asset_id):
    gone = land(catalogue, lake, film())
    lake.delete(SETTINGS.raw_bucket, catalogue.read(gone)["raw_key"])
    ids = [land(catalogue, lake, b"<html>404</html>"), gone, asset_id, landed]
    assert desk.quote(*ids) == ids
    assert desk.quoted_usd == pytest.approx(SIX_SECONDS_USD)


def test_an_empty_run_costs_nothing(desk, local_aws):
    assert desk.quote(max_cost_usd=0) == []
    assert desk.quoted_usd == 0


def test_a_run_above_its_limit_stops_and_says_what_to_do(desk, landed):
    with pytest.raises(
        AirflowFailException, match=r"\$0\.0300, max_cost_usd is 0\.01.*batch_size.*approve_over_budget"
    ):
        desk.quote(landed, max_cost_usd="0.01", approve_over_budget="False")
    assert desk.quoted_usd == pytest.approx(SIX_SECONDS_USD)


def test_an_unknown_price_is_above_every_limit(desk, catalogue, lake, monkeypatch):
    monkeypatch.setattr("aws_media.media_object.MOST_MEASURED_BYTES", 0)
    live = land(catalogue, lake, film("film.webm", live=True), name="film.webm")
    with pytest.raises(AirflowFailException, match=r"an unknown price, at least \$0\.0000"):
        desk.quote(live, max_cost_usd=1000)
    assert desk.quoted_usd is None


@pytest.mark.parametrize("asked", [True, "True"], ids=["native", "rendered"])
def test_a_person_is_asked_when_the_run_says_so(desk, catalogue, lake, asked):
    film_id = land(catalogue, lake, film(), title="Waves")
    with pytest.raises(TaskAwaitingInput) as waiting:
        desk.quote(film_id, max_cost_usd=0.01, approve_over_budget=asked)
    assert (waiting.value.method_name, waiting.value.timeout) == ("execute_complete", timedelta(hours=24))
    (question,) = desk.asked
    assert question["subject"] == "Pay $0.0300 for the analyses of 1 film?"
    assert (question["options"], question["defaults"]) == (["Approve", "Reject"], ["Reject"])
    for part in ("| labels ", "| technical cues ", "**together**", "| `Waves` | 0:06 | no | 0.0300 |", "max_cost_usd"):
        assert part in question["body"]
    assert desk.quoted_usd == pytest.approx(SIX_SECONDS_USD)


def test_a_hostile_title_stays_one_cell_of_plain_text(desk, catalogue, lake):
    film_id = land(catalogue, lake, film(), title=HOSTILE)
    with pytest.raises(TaskAwaitingInput):
        desk.quote(film_id, max_cost_usd=0, approve_over_budget=True)
    (row,) = [line for line in desk.asked[0]["body"].splitlines() if "evil" in line]
    cells = row.strip("|").split("|")
    assert len(cells) == 4
    assert cells[0].strip().startswith("`") and cells[0].strip().endswith("`") and cells[0].count("`") == 2
    assert not [line for line in desk.asked[0]["body"].splitlines() if line.startswith("#")]


def test_approved_the_run_goes_on_with_the_same_films(desk):
    assert desk.answer(["a", "b"], "Approve") == ["a", "b"]


def test_rejected_the_run_stops_without_an_error(desk):
    with pytest.raises(AirflowSkipException, match="rejected by Ada: nothing is analysed"):
        desk.answer(["a"], "Reject")


def test_rejected_the_run_fails_where_that_is_wanted(desk):
    with pytest.raises(AirflowFailException, match="rejected by Ada"):
        desk.answer(["a"], "Reject", fail_on_reject=True)


def test_without_an_answer_in_time_the_run_fails_and_asks_no_more(desk):
    with pytest.raises(AirflowFailException, match="nobody approved the cost in time"):
        desk.answer(["a"], "Reject", timedout=True)


def test_an_answer_that_was_not_offered_is_refused(desk):
    with pytest.raises(ValueError, match="not in"):
        desk.answer(["a"], "Perhaps")


def test_an_analysis_that_there_is_not_is_refused(desk, landed):
    with pytest.raises(AirflowFailException, match="no such analysis: faces"):
        desk.quote(landed, analyses="labels,faces")


def test_a_pipeline_that_holds_it_is_serialised():
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("quotes", schedule=None) as dag:
        CurationApproveCostOperator(
            task_id="approve_cost",
            asset_ids=["a"],
            analyses="labels{{ ',moderation' if params.moderation }}",
            max_cost_usd="{{ params.max_cost_usd }}",
            execution_timeout=timedelta(hours=1),
        )
    task = DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_dict["approve_cost"]
    assert task.execution_timeout == timedelta(hours=1)
    assert set(task.template_fields) >= {"asset_ids", "analyses", "max_cost_usd", "approve_over_budget"}
