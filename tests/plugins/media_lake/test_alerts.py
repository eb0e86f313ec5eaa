from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from PIL import Image

from include.catalog.keys import FootageFolder
from include.catalog.schemas import check
from include.catalog.triage import FiredRule, Triage, incident_id
from include.settings import SETTINGS
from media_lake import channels, playback, sign
from media_lake.hooks import cloudfront
from media_lake.hooks.cloudfront import CloudFrontUrlHook, DeliveryNotConfigured
from media_lake.hooks.dynamodb import OnceHook
from media_lake.operators.alerts import MOST_PICTURE_ATTEMPTS, FootageAlertOperator
from media_lake.triage import UploadRecords
from tests.plugins.media_lake.films import film
from tests.plugins.media_lake.webhooks import Webhook

pytestmark = pytest.mark.usefixtures("shared_clients", "further_shared_clients")

HOSTILE = "<!channel> [click](http://evil.example/a) @everyone\r\n\x1b[31m"
RUN = SimpleNamespace(dag_id="triage_footage", run_id="manual__2026-03-01")


class Told:
    """A task instance whose siblings pushed ``refusals``, by their ids."""

    map_index, max_tries = 3, 4

    def __init__(self, refusals: dict[str, str] | None = None) -> None:
        self.refusals = refusals or {}

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> str | None:
        assert (key, map_indexes) == ("refusal", self.map_index)
        return self.refusals.get(task_ids)


@pytest.fixture(scope="module")
def signer(local_aws) -> Any:
    return CloudFrontUrlHook().conn


@pytest.fixture
def further_shared_clients(lake_clients, signer, monkeypatch) -> None:
    monkeypatch.setattr(OnceHook, "conn", lake_clients.dynamodb)
    monkeypatch.setattr(CloudFrontUrlHook, "conn", signer)
    for module in (cloudfront, channels):  # each mask makes the next dearer, and none is to be needed here
        monkeypatch.setattr(module, "mask_secret", lambda _: None)


@pytest.fixture
def webhook(monkeypatch):
    """A chat that the connection ``apprise_default`` names."""
    made = Webhook()
    value = {"conn_type": "apprise", "extra": {"config": {"path": made.path()}}}
    monkeypatch.setenv("AIRFLOW_CONN_APPRISE_DEFAULT", json.dumps(value))
    yield made
    made.close()


@pytest.fixture
def incident(catalogue, lake, asset_id) -> dict[str, Any]:
    """An upload that was decided to be an incident, with its rendition and a clip: 6 s that grow brighter."""
    return upload(catalogue, lake, asset_id)


def upload(
    catalogue: Any,
    lake: Any,
    asset_id: str,
    *,
    content: bytes | None = None,
    made: tuple[str, ...] = ("web.mp4", "evidence_1.mp4"),
    **stated: Any,
) -> dict[str, Any]:
    stem = f"drive-{asset_id[:8]}"
    folder = FootageFolder("cam-1", "20260301", stem)
    key = f"footage/cam-1/20260301/{stem}.mp4"
    version = lake.conn.put_object(Bucket=SETTINGS.ingest_bucket, Key=key, Body=content or film())
    for name in made:
        lake.conn.put_object(Bucket=SETTINGS.processed_bucket, Key=folder.media(name), Body=film())
    attributes = {
        "source": "footage",
        "source_id": f"{SETTINGS.ingest_bucket}/{key}",
        "campaign": "footage",
        "run": "20260301_150000",
        "bucket": SETTINGS.ingest_bucket,
        "key": key,
        "version_id": version.get("VersionId"),
        "uploaded_at": "2026-03-01T15:00:00Z",
        "device": "cam-1",
        "day": "20260301",
        "stem": stem,
        "title": f"cam-1 {stem}.mp4",
        "original_name": f"{stem}.mp4",
    }
    catalogue.claim(asset_id, claimed_by="triage_footage/test", attributes=attributes)
    fired = FiredRule(rule="impact", weight=0.5, evidence="a bang", start_s=4.0, end_s=4.5)
    record = Triage(
        asset_id=asset_id,
        original_name=attributes["original_name"],
        decision="incident",
        score=0.9,
        rules_version="rules 2026-03-01 0123abcd",
        fired=(fired,),
        moments_s=(4.0,),
        decided_by="rules",
        screened_out=False,
        importance="high",
        alert_id=None,
        playback_url_expires_at=None,
        storage=None,
        skipped={},
    )
    found = {"captured_at": "2026-03-01T14:03:22Z", "duration_s": 6.0, "moments_s": [4.0], "decision": "incident"}
    item = attributes | found | {"triage_key": folder.record("triage")} | stated
    UploadRecords(lake, item).write("triage", record)
    catalogue.mark(asset_id, "analysed", **{name: item[name] for name in (*found, *stated, "triage_key")})
    return catalogue.read(asset_id)


def alert(item: dict[str, Any], refusals: dict[str, str] | None = None, **asked: Any) -> str:
    given = {"task_id": "send_alert", "asset_id": item["asset_id"], "topic_arn": ""} | asked
    context: Any = {"ti": Told(refusals), "dag_run": RUN}
    return FootageAlertOperator(**given).execute(context)


def links_of(message: str) -> dict[str, str]:
    """The links of a message by their first word."""
    found = [line[3:].split("](") for line in message.splitlines() if "](" in line]
    return {name.split()[0]: url.removesuffix(")") for name, url in found}


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_an_incident_is_alerted_with_links_that_play_and_a_picture_of_the_moment(incident, webhook, catalogue, lake):
    assert alert(incident) == incident_id(incident["asset_id"])
    (sent,) = webhook.received
    for told in ("cam-1", "2026-03-01T14:03:22Z", "Score 0.90", "00:00:04.00 impact", "00:00:00.00 to 00:00:06.00"):
        assert told in sent["message"]
    links = links_of(sent["message"])
    assert [status_of(links[name]) for name in ("Film", "Clip", "Picture")] == [200, 200, 200]
    assert status_of(links["Film"].replace("web.mp4", "evidence_1.mp4")) == 403
    with urllib.request.urlopen(links["Picture"], timeout=10) as answer:
        picture = Image.open(io.BytesIO(answer.read()))
    assert picture.format == "JPEG"
    assert np.asarray(picture).mean() == pytest.approx(40 * 3, abs=4)  # the fortieth picture of the film
    item = catalogue.read(incident["asset_id"])
    folder = FootageFolder(item["device"], item["day"], item["stem"])
    assert item["alert_id"] == incident_id(item["asset_id"])
    assert item["rendition_key"] == folder.media("web.mp4")
    assert item["evidence_keys"] == [folder.media("evidence_1.mp4")]
    assert item["picture_key"] == folder.media("moment.jpg")
    record = UploadRecords(lake, item).read("triage", Triage)
    assert record.alert_id == item["alert_id"]
    assert record.playback_url_expires_at == item["playback_url_expires_at"]
    check(json.loads(lake.read_text(SETTINGS.processed_bucket, item["triage_key"])), Triage)


def test_the_links_stand_nowhere_but_in_the_message(incident, webhook, catalogue, lake, caplog):
    returned = alert(incident)
    (sent,) = webhook.received
    signature = links_of(sent["message"])["Film"].partition("Signature=")[2].partition("&")[0]
    assert len(signature) > 40
    item = catalogue.read(incident["asset_id"])
    record = lake.read_text(SETTINGS.processed_bucket, item["triage_key"])
    for place in (returned, json.dumps(item, default=str), record, caplog.text):
        assert signature not in place


@pytest.mark.parametrize("decision", ["normal", "review", None])
def test_what_is_no_incident_is_skipped(catalogue, lake, asset_id, webhook, decision):
    item = upload(catalogue, lake, asset_id, decision=decision)
    with pytest.raises(AirflowSkipException, match="only incidents are alerted"):
        alert(item)
    assert webhook.received == []


def test_an_upload_that_is_not_in_the_catalogue_is_skipped(local_aws, asset_id):
    with pytest.raises(AirflowSkipException, match="nothing yet"):
        alert({"asset_id": asset_id})


def test_a_second_execution_sends_nothing_and_changes_nothing(incident, webhook, catalogue, lake):
    alert(incident)
    item = catalogue.read(incident["asset_id"])
    record = lake.read_text(SETTINGS.processed_bucket, item["triage_key"])
    alert(incident, hours=1)
    assert len(webhook.received) == 1
    assert catalogue.read(incident["asset_id"]) == item
    assert lake.read_text(SETTINGS.processed_bucket, item["triage_key"]) == record


def test_the_retry_sends_to_the_failed_channel_alone_with_the_same_expiry(incident, webhook, catalogue, monkeypatch):
    other = Webhook()
    other.answers = [500]
    config = [{"path": webhook.path()}, {"path": other.path("0THER")}]
    value = {"conn_type": "apprise", "extra": {"config": config}}
    monkeypatch.setenv("AIRFLOW_CONN_APPRISE_DEFAULT", json.dumps(value))
    with pytest.raises(AirflowException, match=r"apprise_default\[1\] \(JSON\): it answered 500$"):
        alert(incident)
    before = catalogue.read(incident["asset_id"])
    assert "alerted_at" not in before  # so that another run takes it again, should no retry succeed
    alert(incident)
    other.close()
    assert (len(webhook.received), len(other.received)) == (1, 1)
    after = catalogue.read(incident["asset_id"])
    assert after["playback_url_expires_at"] == before["playback_url_expires_at"]
    assert "alerted_at" in after


def test_what_could_not_be_made_is_told_with_its_reason_and_the_picture_comes_from_the_upload(
    catalogue, lake, asset_id, webhook
):
    item = upload(catalogue, lake, asset_id, made=())
    refusals = {"triage_upload.make_rendition": f"MediaConvert refused it: {HOSTILE}"}
    alert(item, refusals, task_id="triage_upload.send_alert")
    (sent,) = webhook.received
    assert "- Film: MediaConvert refused it: ＜!channel＞" in sent["message"]
    assert "triage＿upload․cut＿evidence＿1 ended without it: its log tells why" in sent["message"]
    assert status_of(links_of(sent["message"])["Picture"]) == 200
    item = catalogue.read(asset_id)
    assert (item["rendition_key"], item["evidence_keys"]) == (None, [])


def test_a_film_without_a_picture_is_still_alerted(catalogue, lake, asset_id, webhook):
    alert(upload(catalogue, lake, asset_id, content=b"no film at all", made=()))
    (sent,) = webhook.received
    assert "- Picture: NotMedia" in sent["message"]


def test_a_film_that_takes_the_worker_down_is_alerted_without_a_picture(incident, webhook, monkeypatch):
    def dies(*_: Any) -> None:
        raise SystemExit  # as a killed worker leaves things

    monkeypatch.setattr(playback, "_picture_of", dies)
    for _ in range(MOST_PICTURE_ATTEMPTS):
        with pytest.raises(SystemExit):
            alert(incident)
    alert(incident)
    (sent,) = webhook.received
    assert "- Picture: making it took the worker down 2 times" in sent["message"]


def test_a_picture_is_written_once(incident, lake, webhook):
    key = FootageFolder("cam-1", "20260301", incident["stem"]).media("moment.jpg")
    lake.conn.put_object(Bucket=SETTINGS.processed_bucket, Key=key, Body=b"the first one")
    alert(incident)
    assert lake.read_text(SETTINGS.processed_bucket, key) == "the first one"


def test_an_alert_does_not_wait_for_links_that_cannot_be_signed(incident, webhook, catalogue, monkeypatch):
    def unusable(*_: Any, **__: Any) -> None:
        raise DeliveryNotConfigured("store the key")

    monkeypatch.setattr(playback.CloudFrontUrlHook, "sign", unusable)
    alert(incident)
    (sent,) = webhook.received
    assert "- Film: no link could be signed: the delivery is not set up" in sent["message"]
    assert catalogue.read(incident["asset_id"])["playback_url_expires_at"] is None


def test_hostile_names_and_texts_arrive_as_harmless_ones(catalogue, lake, asset_id, webhook):
    item = upload(catalogue, lake, asset_id, title=f"cam-1 {HOSTILE}", captured_at=HOSTILE)
    records = UploadRecords(lake, item)
    record = records.read("triage", Triage)
    fired = FiredRule(rule=HOSTILE, weight=1.0, evidence=HOSTILE, start_s=None, end_s=None)
    records.write("triage", replace(record, fired=(fired,), decided_by=HOSTILE))
    alert(item)
    (sent,) = webhook.received
    assert "evil.example" not in sent["message"]
    assert "<!" not in sent["message"] + sent["title"]
    assert "@" not in sent["message"] + sent["title"]


def test_without_any_channel_the_alert_stands_in_the_log_without_its_links(incident, catalogue, capsys, caplog):
    alert(incident, apprise_conn_id="apprise_of_nobody")
    log = caplog.text + capsys.readouterr().out
    assert "MEDIA_ALERTS_TOPIC_ARN" in log
    assert "Score 0.90" in log
    assert "Signature=" not in log
    item = catalogue.read(incident["asset_id"])
    assert item["alert_id"] == incident_id(item["asset_id"])
    assert item["playback_url_expires_at"] is None


def test_the_topic_gets_the_alert_with_its_id_as_attribute(incident, local_aws):
    import boto3

    sns = boto3.client("sns", endpoint_url=local_aws)
    sqs = boto3.client("sqs", endpoint_url=local_aws)
    topic = sns.create_topic(Name=f"alerts-{uuid.uuid4().hex[:8]}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"inbox-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    for _ in range(2):
        alert(incident, topic_arn=topic, apprise_conn_id="apprise_of_nobody")
    (received,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    envelope = json.loads(received["Body"])
    told = json.loads(envelope["Message"])
    assert envelope["Subject"] == f"Incident: cam-1 {incident['stem']} (0.90)"
    assert envelope["MessageAttributes"]["incident_id"]["Value"] == incident_id(incident["asset_id"])
    assert told["score"] == 0.9
    assert status_of(told["film"]["url"]) == 200


def test_fresh_links_can_be_printed_later(incident, webhook):
    alert(incident)
    lines = sign.main([incident["asset_id"], "--hours", "2"]).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Film", "Clip 1", "Picture"]
    assert [status_of(line.partition(": ")[2]) for line in lines] == [200, 200, 200]
    assert len(webhook.received) == 1


def test_links_are_printed_of_incidents_alone(catalogue, lake, asset_id):
    with pytest.raises(SystemExit, match="is no incident"):
        sign.main([asset_id])


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "1e9", "soon"])
def test_hours_that_no_link_can_play_are_refused_with_what_may_be(asset_id, capsys, hours):
    with pytest.raises(SystemExit):
        sign.main([asset_id, "--hours", hours])
    assert "argument --hours" in capsys.readouterr().err


@pytest.mark.parametrize("hours", [0, -1])
def test_links_that_never_play_are_refused(incident, webhook, hours):
    with pytest.raises(ValueError, match="links are to play for a while"):
        alert(incident, hours=hours)
