"""Uploads are decided on, reviewed and summed up, on the local AWS: records, catalogue, what other tasks are told."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException, TaskAwaitingInput

from include.captions.transcribe import segments_from_transcript, transcript_text
from include.catalog.keys import FootageFolder, analysis_key, footage_run_summary_key
from include.catalog.records import Failure, record_to_json
from include.catalog.schemas import check
from include.catalog.triage import FootageAnalysis, FootageRunSummary, Storage, Transcript, Triage
from include.settings import SETTINGS
from include.storage.stream import json_document
from include.triage.evidence import NO_SOUND, SCREENED_OUT
from include.video.mediaconvert import files_read
from media_lake import sentiment
from media_lake.operators.footage_summary import FootageWriteSummaryOperator
from media_lake.operators.review import (
    FootageApplyReviewOperator,
    FootageAskReviewerOperator,
    FootageReviewOperator,
)
from media_lake.operators.triage import FootageDecideOperator
from media_lake.seen_and_heard import NOTHING_TO_HEAR
from media_lake.triage import BY_DEFAULT
from tests.include.triage.evidences import signals
from tests.include.triage.test_command_line import transcript as spoken
from tests.plugins.media_lake.films import film
from tests.plugins.media_lake.rekognition_pages import keep, labels_pages, segments_pages, text_pages

pytestmark = pytest.mark.usefixtures("shared_clients")

GROUP = "triage_upload"


@pytest.fixture(scope="module")
def comprehend(local_aws):
    from airflow.providers.amazon.aws.hooks.comprehend import ComprehendHook

    return ComprehendHook().conn


@pytest.fixture(autouse=True)
def _one_comprehend(comprehend, monkeypatch) -> None:
    monkeypatch.setattr("airflow.providers.amazon.aws.hooks.comprehend.ComprehendHook.conn", comprehend)


HOSTILE = "x](https://evil.example) | `a` <b>\n# 0"
CRASH = signals([(3, 0.4)], [(3.5, 18)], duration_s=6.0)
BRAKING = signals([(3, 0.4)], duration_s=6.0)
QUIET = signals(duration_s=6.0)
PAGES = {
    "detect_labels": ("label_detection", labels_pages),
    "detect_segments": ("segment_detection", segments_pages),
    "detect_text": ("text_detection", text_pages),
}


class Instance:
    """A task instance of map index 3, and the siblings of its group."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], Any] = {}
        self.pushed: dict[str, Any] = {}
        self.map_index, self.try_number, self.max_tries = 3, 1, 4

    def tell(self, task: str, value: Any, key: str = "return_value") -> None:
        self.told[f"{GROUP}.{task}", key] = value

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        return self.told.get((task_ids, key)) if map_indexes == self.map_index else None

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


@pytest.fixture
def instance() -> Instance:
    return Instance()


@pytest.fixture
def run() -> SimpleNamespace:
    moment = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    return SimpleNamespace(dag_id="triage_footage", run_id=uuid.uuid4().hex, logical_date=moment, run_after=moment)


@pytest.fixture
def context(instance, run) -> dict[str, Any]:
    outlets: dict[Any, Any] = {}
    return {"ti": instance, "dag_run": run, "task_instance": SimpleNamespace(id="ti"), "outlet_events": outlets}


class Uploads:
    """Uploads that landed in the lake."""

    def __init__(self, catalogue, lake, run) -> None:
        self.catalogue, self.lake, self.run = catalogue, lake, run

    def land(self, measured: Any = CRASH, *, name: str = "drive.mp4", **found: Any) -> str:
        asset_id = uuid.uuid4().hex[:24]
        folder = FootageFolder("cam-1", "20260301", f"drive-{asset_id[:8]}")
        key = f"footage/cam-1/20260301/{asset_id}.mp4"
        stored = self.lake.conn.put_object(Bucket=SETTINGS.ingest_bucket, Key=key, Body=film())
        item = {
            "source": "footage",
            "campaign": "footage",
            "run": "20260301_063000",
            "title": f"cam-1 {name}",
            "original_name": name,
            "device": "cam-1",
            "day": "20260301",
            "stem": folder.stem,
            "version_id": stored.get("VersionId"),
            "etag": stored["ETag"].strip('"'),
            "sha256": hashlib.sha256(film()).hexdigest(),
        }
        by = f"{self.run.dag_id}/{self.run.run_id}"
        self.catalogue.claim(asset_id, claimed_by=by, attributes=item)
        self.lake.write_text(SETTINGS.processed_bucket, folder.record("signals"), record_to_json(measured))
        place = {"raw_bucket": SETTINGS.ingest_bucket, "raw_key": key, "duration_s": 6.0}
        self.catalogue.mark(asset_id, "landed", **place, **found)
        return asset_id

    def folder(self, asset_id: str) -> FootageFolder:
        item = self.catalogue.read(asset_id)
        return FootageFolder(item["device"], item["day"], item["stem"])

    def record(self, asset_id: str, kind: Any, cls: type) -> dict[str, Any]:
        """Return a record, which has the shape that is promised."""
        record = json.loads(self.lake.read_text(SETTINGS.processed_bucket, self.folder(asset_id).record(kind)))
        check(record, cls)
        return record

    def triage(self, asset_id: str) -> dict[str, Any]:
        return self.record(asset_id, "triage", Triage)

    def analyse(self, asset_id: str, instance: Instance, *tasks: str) -> None:
        """Let the siblings find what they find."""
        for task in tasks or PAGES:
            operation, pages = PAGES[task]
            instance.tell(task, keep(self.lake, self.folder(asset_id).base, operation, pages(), job_id=f"job-{task}"))

    def transcribe(self, asset_id: str, instance: Instance, *words: str, language: str = "en-US") -> None:
        heard = spoken(*words)
        head = {"job_id": "t1", "language": language, "text": transcript_text(heard)}
        key = analysis_key(self.folder(asset_id).base, "transcript")
        body = b"".join(json_document(head, "records", segments_from_transcript(heard)))
        self.lake.conn.put_object(Bucket=SETTINGS.processed_bucket, Key=key, Body=body)
        instance.tell("transcribe", key)


@pytest.fixture
def uploads(catalogue, lake, run) -> Uploads:
    return Uploads(catalogue, lake, run)


@pytest.fixture
def decide(context):
    def decide(asset_id: str, group: str | None = GROUP) -> None:
        FootageDecideOperator(task_id="decide", asset_id=asset_id, group=group).execute(context)

    return decide


@pytest.fixture
def rated(monkeypatch) -> list[list[str]]:
    """The batches of texts that were sent to be rated; ``refuse`` in a text has all of it refused."""
    batches: list[list[str]] = []
    rate = sentiment.rate_texts

    class Comprehend:
        def __init__(self, real) -> None:
            self.real = real

        def batch_detect_sentiment(self, *, TextList, LanguageCode):  # noqa: N803
            batches.append(TextList)
            return self.real.batch_detect_sentiment(TextList=TextList, LanguageCode=LanguageCode)

    monkeypatch.setattr("media_lake.seen_and_heard.rate_texts", lambda real, *rest: rate(Comprehend(real), *rest))
    return batches


# ------------------------------------------------------------------------------------------------------- by the rules


def test_an_incident_is_written_down_and_others_are_told_what_to_make(uploads, instance, decide, context):
    asset_id = uploads.land()
    uploads.analyse(asset_id, instance)
    uploads.transcribe(asset_id, instance, "oh", "no")
    decide(asset_id)
    triage = uploads.triage(asset_id)
    assert (triage["decision"], triage["decided_by"], triage["moments_s"]) == ("incident", "rules", [3])
    assert triage["fired"][0]["rule"] == "impact"
    assert triage["alert_id"] == f"inc-{asset_id}"
    assert triage["skipped"] == {}
    item = uploads.catalogue.read(asset_id)
    assert (item["state"], item["decision"], item["moments_s"]) == ("analysed", "incident", [3])
    assert item["triage_key"] == uploads.folder(asset_id).record("triage")
    assert item["rules_version"] == triage["rules_version"]
    told = instance.pushed
    assert (told["name"], told["decision"], context["name"]) == ("cam-1 drive.mp4", "incident", "cam-1 drive.mp4")
    base = f"s3://{SETTINGS.processed_bucket}/{uploads.folder(asset_id).base}"
    assert f"{base}_web" in json.dumps(told["rendition_settings"])
    assert f"{base}_evidence_1" in json.dumps(told["evidence_1_settings"])
    assert (told["evidence_2_settings"], told["evidence_3_settings"]) == ({}, {})


def test_what_was_seen_and_heard_is_kept(uploads, instance, decide):
    asset_id = uploads.land(QUIET)
    uploads.analyse(asset_id, instance)
    uploads.transcribe(asset_id, instance, "this", "is", "terrible")
    decide(asset_id)
    analysis = uploads.record(asset_id, "analysis", FootageAnalysis)
    assert [label["name"] for label in analysis["labels"]] == ["Car"]
    assert ([line["text"] for line in analysis["text"]], len(analysis["shots"])) == (["EXIT"], 2)
    assert analysis["engine"]["model_version"] == "labels 3.0, segments 2.0, text 3.1"
    transcript = uploads.record(asset_id, "transcript", Transcript)
    assert (transcript["text"], transcript["job_id"], transcript["skipped"]) == ("this is terrible", "t1", {})
    assert transcript["utterances"][0]["sentiment"]["negative"] > 0.5
    assert transcript["sentiment_usd"] == 0.0003
    assert uploads.triage(asset_id)["decision"] == "normal"


def test_a_screened_out_upload_is_decided_on_without_any_analysis(uploads, instance, decide):
    asset_id = uploads.land(QUIET)
    decide(asset_id, group=None)
    triage = uploads.triage(asset_id)
    assert (triage["decision"], triage["screened_out"], triage["score"]) == ("normal", True, 0)
    assert set(triage["skipped"].values()) == {SCREENED_OUT}
    assert instance.pushed["decision"] == "normal"
    assert instance.pushed["rendition_settings"] == instance.pushed["evidence_1_settings"] == {}


def test_what_was_refused_stands_with_its_reason_and_keeps_a_jolt_from_being_filed_away(uploads, instance, decide):
    asset_id = uploads.land(BRAKING)
    uploads.analyse(asset_id, instance, "detect_segments", "detect_text")
    instance.tell("detect_labels", "AccessDeniedException: not today", key="refusal")
    instance.tell("prepare_upload", "", key="audio_key")
    decide(asset_id)
    triage = uploads.triage(asset_id)
    assert triage["skipped"] == {
        "labels": "AccessDeniedException: not today",
        "transcript": NO_SOUND,
        "sentiment": NO_SOUND,
    }
    assert triage["decision"] == "review"
    assert "not_looked_at" in [fired["rule"] for fired in triage["fired"]]


def test_sound_that_nothing_can_be_made_of_is_told_apart_from_none(uploads, instance, decide):
    asset_id = uploads.land(QUIET, has_audio=True)
    instance.tell("prepare_upload", "", key="audio_key")
    decide(asset_id)
    assert uploads.triage(asset_id)["skipped"]["transcript"] == NOTHING_TO_HEAR


def test_without_a_proxy_that_is_why_nothing_was_seen(uploads, instance, decide):
    asset_id = uploads.land(QUIET)
    instance.tell("make_proxy", "no proxy", key="refusal")
    instance.tell("detect_labels", "no such object", key="refusal")
    decide(asset_id)
    skipped = uploads.triage(asset_id)["skipped"]
    assert (skipped["labels"], skipped["segments"], skipped["text"]) == ("no proxy", "no proxy", "no proxy")


def test_a_sibling_that_says_nothing_is_named(uploads, instance, decide):
    asset_id = uploads.land(QUIET)
    decide(asset_id)
    skipped = uploads.triage(asset_id)["skipped"]
    assert skipped["labels"] == f"{GROUP}.detect_labels ended without a result: its log tells why"
    assert skipped["transcript"] == f"{GROUP}.transcribe ended without a result: its log tells why"


def test_results_that_are_gone_are_told(uploads, instance, decide):
    asset_id = uploads.land(QUIET)
    instance.tell("detect_labels", "nowhere.label_detection.json")
    instance.tell("transcribe", "nowhere.transcript.json")
    decide(asset_id)
    skipped = uploads.triage(asset_id)["skipped"]
    assert "nowhere.label_detection.json, is gone" in skipped["labels"]
    assert "nowhere.transcript.json, is gone" in skipped["transcript"]


def test_deciding_twice_writes_the_same_bytes_and_pays_once(uploads, instance, decide, lake, rated):
    asset_id = uploads.land()
    uploads.analyse(asset_id, instance)
    uploads.transcribe(asset_id, instance, "what", "a", "mess")

    def written() -> dict[str, bytes]:
        keys = [uploads.folder(asset_id).record(kind) for kind in ("analysis", "transcript", "triage")]
        return {key: lake.conn.get_object(Bucket=SETTINGS.processed_bucket, Key=key)["Body"].read() for key in keys}

    decide(asset_id)
    first, settings = written(), dict(instance.pushed)
    decide(asset_id)
    assert (written(), instance.pushed) == (first, settings)
    assert rated == [["what a mess"]]


def test_batches_that_were_paid_before_a_crash_are_not_paid_again(uploads, instance, decide, rated, monkeypatch):
    asset_id = uploads.land(QUIET)
    words = [f"number{n}" for n in range(60)]
    monkeypatch.setattr("include.captions.transcribe.LONGEST_PAUSE_S", 0.1)  # a segment a word
    uploads.transcribe(asset_id, instance, *words)

    class Killed(BaseException):
        pass

    real = sentiment.rate_texts

    def dies_after_one_batch(*arguments):
        yield next(real(*arguments))
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("media_lake.seen_and_heard.rate_texts", dies_after_one_batch)
        with pytest.raises(Killed):
            decide(asset_id)
    decide(asset_id)
    assert [len(batch) for batch in rated] == [25, 10]
    transcript = uploads.record(asset_id, "transcript", Transcript)
    assert all(said["sentiment"] for said in transcript["utterances"])
    assert transcript["sentiment_usd"] == pytest.approx(60 * 0.0003)


def test_a_language_that_is_not_rated_leaves_the_rest(uploads, instance, decide):
    asset_id = uploads.land(QUIET)
    uploads.transcribe(asset_id, instance, "goedendag", language="nl-NL")
    decide(asset_id)
    transcript = uploads.record(asset_id, "transcript", Transcript)
    assert transcript["skipped"] == {"sentiment": "Comprehend does not rate the language nl-NL"}
    assert transcript["utterances"][0]["text"] == "goedendag"


def test_an_upload_that_is_gone_is_an_incident_with_nothing_to_show(uploads, instance, decide, lake):
    asset_id = uploads.land()
    item = uploads.catalogue.read(asset_id)
    lake.conn.delete_object(Bucket=item["raw_bucket"], Key=item["raw_key"], VersionId=item["version_id"])
    decide(asset_id)
    assert (instance.pushed["decision"], instance.pushed["rendition_settings"]) == ("incident", {})


def test_an_incident_that_was_written_over_is_shown_from_a_copy_of_it(uploads, instance, decide, lake):
    asset_id = uploads.land()
    item = uploads.catalogue.read(asset_id)
    lake.conn.put_object(Bucket=item["raw_bucket"], Key=item["raw_key"], Body=b"the next drive")
    decide(asset_id)
    key = uploads.folder(asset_id).original(item["raw_key"])
    for settings in (instance.pushed["rendition_settings"], instance.pushed["evidence_1_settings"]):
        assert files_read(settings) == [f"s3://{SETTINGS.processed_bucket}/{key}"]
    assert lake.conn.get_object(Bucket=SETTINGS.processed_bucket, Key=key)["Body"].read() == film()


@pytest.mark.parametrize("state", ["failed", "duplicate", None])
def test_what_cannot_be_decided_on_is_skipped_and_those_after_it_are_told(uploads, instance, decide, state):
    asset_id = uuid.uuid4().hex[:24]
    if state:
        asset_id = uploads.land()
        failure = Failure(stage="inspect", error="NotMedia", message="m", retryable=False)
        uploads.catalogue.mark(asset_id, state, failure=failure)
    with pytest.raises(AirflowSkipException, match=state or "not in the catalogue"):
        decide(asset_id)
    assert (instance.pushed["decision"], instance.pushed["rendition_settings"]) == ("", {})


def test_what_was_done_about_an_upload_outlives_another_decision(uploads, decide, lake):
    asset_id = uploads.land()
    decide(asset_id)
    storage = Storage(storage_class="STANDARD", reason="r", monthly_usd_before=1, monthly_usd_after=1)
    done = {"playback_url_expires_at": "2026-03-08T00:00:00Z", "importance": "high"}
    changed = {**uploads.triage(asset_id), **done, "storage": json.loads(record_to_json(storage))}
    lake.write_text(SETTINGS.processed_bucket, uploads.folder(asset_id).record("triage"), json.dumps(changed))
    decide(asset_id)
    assert uploads.triage(asset_id) == changed


# --------------------------------------------------------------------------------------------------------- by a person


@pytest.fixture
def asked(monkeypatch) -> list[dict[str, Any]]:
    """What a person was asked."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **detail: asked.append(detail)
    )
    return asked


@pytest.fixture
def doubtful(uploads, instance, decide) -> str:
    """An upload of which the rules are not sure, with a name that means harm."""
    asset_id = uploads.land(BRAKING, name=HOSTILE)
    uploads.analyse(asset_id, instance, "detect_segments", "detect_text")
    instance.tell("detect_labels", f"denied {HOSTILE}", key="refusal")
    decide(asset_id)
    return asset_id


@pytest.fixture
def review(context):
    def review(asset_id: str, **options: Any) -> FootageReviewOperator:
        return FootageReviewOperator(task_id="ask_person", asset_id=asset_id, **options)

    return review


@pytest.fixture
def apply(context, review):
    """Applies a person's answer, or that nobody gave one."""

    def apply(asset_id: str, option: str, *, timedout: bool = False) -> None:
        event = {
            "chosen_options": [option],
            "params_input": {},
            "responded_at": datetime.now(UTC),
            "responded_by_user": None if timedout else {"id": "7", "name": "Ada"},
            "timedout": timedout,
        }
        answer = review(asset_id).execute_complete(context, event)
        FootageApplyReviewOperator(task_id="apply_answer", asset_id=asset_id, answer=answer).execute(context)

    return apply


def ask_reviewer(asset_id: str) -> FootageAskReviewerOperator:
    return FootageAskReviewerOperator(task_id="ask_reviewer", asset_id=asset_id, review_dag_id="review_footage")


def test_a_doubtful_upload_starts_the_one_review_that_is_its_own(doubtful, context):
    with pytest.raises(DagRunTriggerException) as started:
        ask_reviewer(doubtful).execute(context)
    run = started.value
    assert (run.trigger_dag_id, run.dag_run_id) == ("review_footage", f"review__{doubtful}")
    assert run.conf == {"asset_id": doubtful}
    assert run.skip_when_already_exists
    assert not run.reset_dag_run


def test_an_upload_that_the_rules_are_sure_of_starts_no_review(uploads, decide, context):
    asset_id = uploads.land()
    decide(asset_id)
    with pytest.raises(AirflowSkipException, match="is incident: there is no doubt"):
        ask_reviewer(asset_id).execute(context)


def test_a_person_is_asked_with_what_fired_and_a_deadline(doubtful, review, asked, context):
    operator = review(doubtful, review_hours="6")
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context)
    (question,) = asked
    assert (question["options"], question["defaults"]) == (["Incident", "Normal"], ["Incident"])
    assert operator.response_timeout.total_seconds() == 6 * 3600
    assert "| 00:00:03.00 | `hard_braking` | +0.25 | a jolt of 0․40 frame widths a second |" in question["body"]
    assert "Without an answer within 6 hours it is an incident." in question["body"]
    assert doubtful in question["body"]
    assert "To look at it: ` aws s3 cp s3://media-ingest/footage/" in question["body"]


def test_what_strangers_wrote_has_no_meaning_in_the_question(doubtful, review, asked, context):
    with pytest.raises(TaskAwaitingInput):
        review(doubtful).execute(context)
    text = asked[0]["subject"] + asked[0]["body"]
    assert "evil" in text
    for markup in ("](https", "<b>", "`a`", "\n# 0"):
        assert markup not in text


def test_a_clear_decision_is_not_asked_about(uploads, decide, review, asked, context):
    asset_id = uploads.land()
    decide(asset_id)
    with pytest.raises(AirflowSkipException, match="incident: there is nothing to ask"):
        review(asset_id).execute(context)
    assert asked == []


@pytest.mark.parametrize(("option", "decision"), [("Incident", "incident"), ("Normal", "normal")])
def test_the_answer_of_a_person_is_the_decision(doubtful, apply, uploads, instance, option, decision):
    before = uploads.triage(doubtful)
    apply(doubtful, option)
    triage = uploads.triage(doubtful)
    alert_id = f"inc-{doubtful}" if decision == "incident" else None
    assert triage == {**before, "decision": decision, "decided_by": "Ada", "alert_id": alert_id}
    item = uploads.catalogue.read(doubtful)
    assert (item["decision"], item["decided_by"], item["score"]) == (decision, "Ada", before["score"])
    assert instance.pushed["decision"] == decision
    assert bool(instance.pushed["rendition_settings"]) == bool(instance.pushed["evidence_1_settings"]) == bool(alert_id)


def test_without_an_answer_in_time_it_is_an_incident(doubtful, apply, uploads):
    apply(doubtful, "Incident", timedout=True)
    assert (uploads.triage(doubtful)["decision"], uploads.triage(doubtful)["decided_by"]) == ("incident", BY_DEFAULT)


def test_the_rules_do_not_overrule_a_person_who_may_think_again(
    doubtful, apply, uploads, decide, review, asked, context
):
    apply(doubtful, "Normal")
    decide(doubtful)
    triage = uploads.triage(doubtful)
    assert (triage["decision"], triage["decided_by"]) == ("normal", "Ada")
    with pytest.raises(TaskAwaitingInput):  # a cleared question is asked anew
        review(doubtful).execute(context)


def test_of_two_reviews_the_one_that_nobody_answers_overrules_no_person(
    doubtful, apply, uploads, review, asked, context
):
    apply(doubtful, "Normal")
    with pytest.raises(TaskAwaitingInput):
        review(doubtful).execute(context)
    assert "Without an answer within 24 hours it stays normal, as Ada decided." in asked[0]["body"]
    apply(doubtful, "Incident", timedout=True)
    triage = uploads.triage(doubtful)
    assert (triage["decision"], triage["decided_by"], triage["alert_id"]) == ("normal", "Ada", None)
    apply(doubtful, "Incident")
    assert uploads.triage(doubtful)["decision"] == "incident"


def test_an_answer_after_the_deadline_counts_when_the_question_is_asked_anew(doubtful, apply, uploads):
    apply(doubtful, "Incident", timedout=True)
    apply(doubtful, "Normal")
    triage = uploads.triage(doubtful)
    assert (triage["decision"], triage["decided_by"], triage["alert_id"]) == ("normal", "Ada", None)


def test_an_answer_about_an_upload_that_nobody_decided_on_is_skipped(uploads, context):
    answer = {"decision": "incident", "decided_by": "Ada"}
    operator = FootageApplyReviewOperator(task_id="apply_answer", asset_id=uploads.land(), answer=answer)
    with pytest.raises(AirflowSkipException, match="never decided"):
        operator.execute(context)


# ---------------------------------------------------------------------------------------------------------- the summary


@pytest.fixture
def sum_up(context, lake):
    def sum_up(asset_ids: list[str], **costs: Any) -> dict[str, Any]:
        outlet = Asset("footage_triage")
        context["outlet_events"][outlet] = SimpleNamespace(extra=None)
        operator = FootageWriteSummaryOperator(task_id="report", asset_ids=asset_ids, outlets=[outlet], **costs)
        key = operator.execute(context)
        summary = json.loads(lake.read_text(SETTINGS.processed_bucket, key))
        check(summary, FootageRunSummary)
        return summary | {"extra": context["outlet_events"][outlet].extra}

    return sum_up


def test_a_run_is_summed_up(uploads, decide, sum_up, instance, doubtful):
    crash, quiet, open_ = uploads.land(), uploads.land(QUIET), uploads.land()
    bad, again = uploads.land(), uploads.land()
    decide(crash)
    decide(quiet, group=None)
    uploads.transcribe(doubtful, instance, "all", "good")
    decide(doubtful)
    uploads.catalogue.mark_failed(bad, Failure(stage="inspect", error="NotMedia", message="why", retryable=False))
    uploads.catalogue.mark(again, "duplicate", duplicate_of=crash)
    summary = sum_up([crash, quiet, open_, bad, again, doubtful], quoted_usd="0.5", saved_usd=0.25, paid_tasks=["x"])
    counts = {name: summary[name] for name in ("taken", "analysed", "failed", "duplicates", "unfinished")}
    assert counts == {"taken": 6, "analysed": 3, "failed": 1, "duplicates": 1, "unfinished": 1}
    assert [summary[name] for name in ("incidents", "reviews", "normal", "screened_out")] == [1, 1, 1, 1]
    assert (summary["quoted_usd"], summary["saved_usd"], summary["paid_usd"]) == (0.5, 0.25, 0.0003)
    told = {upload["asset_id"]: upload for upload in summary["uploads"]}
    assert told[bad]["failure"]["message"] == "why"
    assert told[again]["duplicate_of"] == crash
    assert (told[crash]["decision"], told[crash]["moments_s"]) == ("incident", [3])
    assert summary["extra"]["incidents"] == 1
    assert summary["extra"]["summary"].endswith(footage_run_summary_key("20260301_063000"))
    assert instance.pushed["analysed"] == 3


def test_uploads_of_another_run_are_not_counted(uploads, catalogue, lake, decide, sum_up):
    mine = uploads.land()
    other = Uploads(catalogue, lake, SimpleNamespace(dag_id="triage_footage", run_id="other")).land()
    decide(mine)
    assert [upload["asset_id"] for upload in sum_up([mine, other])["uploads"]] == [mine]


def test_a_run_that_took_nothing_writes_nothing_and_wakes_nobody(sum_up, instance, local_aws):
    with pytest.raises(AirflowSkipException, match="took no upload"):
        sum_up([])
    assert instance.pushed["analysed"] == 0


def test_a_run_that_decided_nothing_is_summed_up_and_wakes_nobody(uploads, sum_up, instance, lake, run):
    asset_id = uploads.land()
    with pytest.raises(AirflowSkipException, match="nothing was decided"):
        sum_up([asset_id])
    summary = json.loads(lake.read_text(SETTINGS.processed_bucket, footage_run_summary_key("20260301_063000")))
    assert (summary["run_id"], summary["unfinished"], summary["quoted_usd"]) == (run.run_id, 1, None)
    assert instance.pushed["analysed"] == 0
