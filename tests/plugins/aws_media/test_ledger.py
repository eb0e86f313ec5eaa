from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.stub import Stubber

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.ledger import (
    JobIdentity,
    LedgerEntry,
    LedgerUnavailable,
    TaskMemory,
    entry_from_json,
    entry_to_json,
    paid_by_run,
)
from include.costs.rate_card import BilledUnits, default_rate_card
from media_lake.hooks.dynamodb import OnceHook

TAGS = {"job_key": "k", "dag_id": "triage", "run_id": "r", "task_id": "detect"}
HOLDER = "triage|r|detect|-1|1"


@pytest.fixture
def identity() -> JobIdentity:
    """Something that nobody bought before."""
    return JobIdentity(
        service="rekognition",
        operation="label_detection",
        bucket="media-raw",
        key=f"video/{uuid.uuid4().hex}.mp4",
        version="1",
        parameters={"MinConfidence": 50.5},
    )


@pytest.fixture
def claim(ledger, identity):
    def claim(holder: str = HOLDER, **options) -> LedgerEntry:
        return ledger.claim(identity, holder=holder, tags=TAGS, options=options).entry

    return claim


@pytest.fixture
def memory(a_task):
    return TaskMemory(a_task()["task_state_store"])


def test_an_entry_comes_back_as_it_was_kept(ledger, identity, claim):
    entry = claim(Channel={"SNSTopicArn": "arn", "Priority": -50})
    quote = default_rate_card().quote([BilledUnits(item="rekognition.label_detection", quantity=1.25)])
    entry = ledger.change(entry, lambda e: e.priced(quote).started("job-1"))
    entry = ledger.change(entry, lambda e: e.failed("Broken", "no moov"))
    entry = ledger.change(entry, lambda e: e.next_generation(holder=HOLDER, tags=TAGS, options={}))
    entry = ledger.change(entry, lambda e: e.started("job-2").completed({"result_key": "a.json", "share": 0.25}))
    assert ledger.read(identity.job_key) == entry
    assert entry.previous[0]["error"] == {"code": "Broken", "message": "no moov"}
    assert entry_from_json(entry_to_json(entry)) == entry


def test_the_first_claim_starts_and_the_next_ones_join(ledger, identity, claim):
    assert ledger.claim(identity, holder=HOLDER, tags=TAGS, options={}).is_new
    second = ledger.claim(identity, holder="other|r|t|-1|1", tags={"dag_id": "other"}, options={"Channel": "b"})
    assert not second.is_new
    assert (second.entry.tags, second.entry.options) == (TAGS, {})  # what the first start sent is sent again
    assert second.entry.holders == {HOLDER, "other|r|t|-1|1"}


def test_a_later_try_takes_the_place_of_an_earlier_one(claim):
    claim("triage|r|detect|3|1")
    claim("triage|r|detect|31|1")
    assert claim("triage|r|detect|3|2").holders == {"triage|r|detect|3|2", "triage|r|detect|31|1"}


@pytest.mark.parametrize("end", [lambda e: e.failed("Broken", ""), LedgerEntry.cancelled])
def test_after_a_job_that_came_to_nothing_the_next_generation_has_another_token(ledger, identity, claim, end):
    first = claim()
    ledger.change(first, end)
    claimed = ledger.claim(identity, holder=HOLDER, tags=TAGS, options={})
    assert claimed.is_new
    assert (claimed.entry.generation, claimed.entry.state) == (2, "starting")
    assert claimed.entry.token != first.token
    assert len(claimed.entry.token) == 64
    assert claimed.entry.job_id is None


def test_a_generation_that_is_over_is_not_changed_any_more(ledger, identity, claim):
    first = claim()
    ledger.change(first, lambda e: e.failed("Broken", ""))
    second = claim()
    assert ledger.change(first, lambda e: e.started("late")) == second
    assert ledger.read(identity.job_key) == second


def test_the_price_of_a_generation_is_not_that_of_the_one_before(ledger, claim):
    quote = default_rate_card().quote([BilledUnits(item="rekognition.label_detection", quantity=1)])
    ledger.change(claim(), lambda e: e.priced(quote).failed("Broken", ""))
    second = claim()
    assert (second.estimated_usd, second.priced_by) == (None, None)
    assert second.previous[0]["estimated_usd"] == 0.1


def test_of_many_claims_at_once_one_starts_and_all_hold(local_aws, identity):
    barrier = threading.Barrier(8)

    def claim(number: int) -> bool:
        hook = JobLedgerHook()
        hook.read("nothing")  # the client is made before the race
        barrier.wait()
        return hook.claim(identity, holder=f"triage|r|t{number}|-1|1", tags=TAGS, options={}).is_new

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1
    assert len(JobLedgerHook().read(identity.job_key).holders) == 8


def test_of_many_next_generations_at_once_there_is_one(local_aws, identity):
    ledger = JobLedgerHook()
    entry = ledger.claim(identity, holder=HOLDER, tags=TAGS, options={}).entry
    ledger.change(entry, lambda e: e.failed("Broken", ""))
    barrier = threading.Barrier(4)

    def claim(number: int) -> LedgerEntry:
        hook = JobLedgerHook()
        hook.read("nothing")
        barrier.wait()
        return hook.claim(identity, holder=f"triage|r|t{number}|-1|1", tags=TAGS, options={}).entry

    with ThreadPoolExecutor(4) as pool:
        assert {entry.generation for entry in pool.map(claim, range(4))} == {2}


def test_a_reply_that_is_lost_while_claiming_claims_once(ledger, identity, monkeypatch):
    swap = JobLedgerHook.swap

    def swap_and_lose_the_reply(self, old, new):
        swap(self, old, new)
        monkeypatch.setattr(JobLedgerHook, "swap", swap)
        return False  # as DynamoDB answers the repeated, conditional request

    monkeypatch.setattr(JobLedgerHook, "swap", swap_and_lose_the_reply)
    claimed = ledger.claim(identity, holder=HOLDER, tags=TAGS, options={})
    assert (claimed.entry.generation, claimed.entry.holders) == (1, {HOLDER})
    assert not claimed.is_new  # so that a job that may have been started is looked for


def test_an_entry_that_keeps_changing_is_an_error_that_says_so(memory, identity, monkeypatch):
    monkeypatch.setattr("aws_media.ledger.time.sleep", lambda _: None)
    monkeypatch.setattr(memory, "swap", lambda old, new: False)
    with pytest.raises(LedgerUnavailable, match="kept changing"):
        memory.claim(identity, holder=HOLDER, tags=TAGS, options={})


def test_the_memory_of_a_task_says_what_the_ledger_says(memory, identity):
    entry = memory.claim(identity, holder=HOLDER, tags=TAGS, options={}).entry
    memory.change(entry, lambda e: e.started("job-1"))
    again = memory.claim(identity, holder="triage|r|detect|-1|2", tags=TAGS, options={})
    assert (again.entry.job_id, again.is_new, again.entry.state) == ("job-1", False, "active")


def test_a_task_that_wants_a_job_of_its_own_has_a_key_of_its_own(identity):
    keys = {replace(identity, only_for=task).job_key for task in ("", "triage|r|a|-1", "triage|r|b|-1")}
    assert len(keys) == 3


def test_what_a_task_of_a_run_held_is_found(ledger, identity):
    task = f"triage|{uuid.uuid4().hex}|detect"
    assert ledger.held_by_task(task) == set()
    for _ in range(2):
        ledger.note_held(task, identity.job_key)
    assert ledger.held_by_task(task) == {identity.job_key}


def test_marks_of_other_things_stand_beside_the_jobs(ledger, identity, claim):
    OnceHook().remember(f"once-{identity.job_key}", {"run": 1})
    claim()
    assert OnceHook().recall(f"once-{identity.job_key}") == {"run": 1}


# --- letting go


@pytest.fixture
def service(studio):
    from tests.plugins.aws_media.studio import StudioHook

    return StudioHook()


def started(ledger, claim, service) -> LedgerEntry:
    entry = claim()
    job_id = service.start("label_detection", {}, token=entry.token, tags=TAGS)
    return ledger.change(entry, lambda e: e.started(job_id))


def test_a_job_that_nobody_wants_any_more_is_cancelled(ledger, claim, service, studio):
    entry = started(ledger, claim, service)
    assert ledger.let_go(entry.job_key, HOLDER, service, cancel=True) == "cancelled"
    assert studio.cancelled == ["job-1"]
    assert ledger.read(entry.job_key).state == "cancelled"


def test_a_job_that_is_only_released_goes_on(ledger, claim, service, studio):
    entry = started(ledger, claim, service)
    assert ledger.let_go(entry.job_key, HOLDER, service, cancel=False) == "released"
    assert studio.cancelled == []
    standing = ledger.read(entry.job_key)
    assert (standing.state, standing.holders) == ("active", frozenset())


def test_a_job_that_another_try_holds_is_not_cancelled(ledger, claim, service, studio):
    entry = started(ledger, claim, service)
    claim("triage|r|detect|-1|2")
    assert ledger.let_go(entry.job_key, HOLDER, service, cancel=True) == "released"
    assert studio.cancelled == []


def test_a_job_whose_start_was_never_noted_is_found_by_its_tags(ledger, claim, service, studio):
    studio.lists_jobs = True
    entry = claim()
    service.start("label_detection", {}, token=entry.token, tags=TAGS)
    assert ledger.let_go(entry.job_key, HOLDER, service, cancel=True) == "cancelled"
    assert studio.cancelled == ["job-1"]


def test_a_start_that_nobody_can_look_up_stays_open_for_whoever_asks_next(ledger, identity, claim, service, studio):
    entry = claim()
    service.start("label_detection", {}, token=entry.token, tags=TAGS)
    assert ledger.let_go(entry.job_key, HOLDER, service, cancel=True) == "released"
    standing = ledger.read(entry.job_key)
    assert (standing.state, standing.holders) == ("starting", frozenset())
    again = ledger.claim(identity, holder="later|r|detect|-1|1", tags={}, options={})
    assert not again.is_new
    assert service.start("label_detection", {}, token=again.entry.token, tags=again.entry.tags) == "job-1"


def test_what_is_done_is_never_cancelled(ledger, claim, service, studio):
    entry = started(ledger, claim, service)
    ledger.change(entry, lambda e: e.completed({"result_key": "a"}))
    assert ledger.let_go(entry.job_key, HOLDER, service, cancel=True) == "released"
    assert ledger.read(entry.job_key).state == "complete"


def test_letting_go_of_what_was_never_claimed_is_nothing(ledger, service):
    assert ledger.let_go("0" * 64, HOLDER, service, cancel=True) == "released"


# --- no ledger


def test_a_missing_table_is_named_with_what_to_do(shared_clients, identity):
    with pytest.raises(LedgerUnavailable, match=r"table nowhere, does not exist.*create it.*job_key"):
        JobLedgerHook(table="nowhere").claim(identity, holder=HOLDER, tags=TAGS, options={})


def test_a_table_that_may_not_be_used_is_named_with_what_to_allow(local_aws, identity):
    ledger = JobLedgerHook()
    with Stubber(ledger.conn.meta.client) as stubber:
        stubber.add_client_error("get_item", "AccessDeniedException", "not authorized to perform: dynamodb:GetItem")
        with pytest.raises(LedgerUnavailable, match=r"may not be used.*allow dynamodb:GetItem"):
            ledger.claim(identity, holder=HOLDER, tags=TAGS, options={})


# ---------------------------------------------------------------------------------------------- what a run has bought
def entry_of(run_id: str, usd: float | None, job_id: str | None = "job", **changes) -> LedgerEntry:
    entry = LedgerEntry.first(
        JobIdentity(service="s", operation="o", bucket="b", key=uuid.uuid4().hex, version="1", parameters={}),
        holder="",
        tags={"dag_id": "curate", "run_id": run_id, "task_id": "t"},
        options={},
    )
    return replace(entry, estimated_usd=usd, job_id=job_id, **changes)


def test_a_run_finds_the_jobs_of_all_its_tasks_once(ledger, identity, claim):
    run = uuid.uuid4().hex
    claim()
    for task in ("detect", "detect_again"):
        ledger.note_held(f"triage|{run}|{task}", identity.job_key)
    ledger.note_held(f"triage|{run}|detect", "never claimed")
    found = ledger.entries_of_run("triage", run, ["detect", "detect_again", "idle"])
    assert [entry.job_key for entry in found] == [identity.job_key]


def test_a_run_paid_for_what_it_started_and_not_for_what_others_had_bought():
    entries = [entry_of("mine", 0.5), entry_of("mine", 0.25, state="failed"), entry_of("earlier", 8.0)]
    assert paid_by_run(entries, "curate", "mine") == 0.75
    assert paid_by_run(entries, "other_dag", "mine") == 0.0


def test_a_job_that_was_refused_cost_nothing():
    assert paid_by_run([entry_of("mine", 0.5, job_id=None, state="failed")], "curate", "mine") == 0.0


def test_an_unknown_price_makes_the_sum_unknown():
    assert paid_by_run([entry_of("mine", 0.5), entry_of("mine", None)], "curate", "mine") is None


def test_the_jobs_of_earlier_generations_were_paid_by_whoever_started_them():
    first = entry_of("mine", 0.5, state="failed")
    then = first.next_generation(holder="", tags={"dag_id": "curate", "run_id": "later"}, options={})
    then = replace(then, job_id="job-2", estimated_usd=0.125, state="complete")
    entries = [entry_from_json(entry_to_json(then))]
    assert paid_by_run(entries, "curate", "mine") == 0.5
    assert paid_by_run(entries, "curate", "later") == 0.125
