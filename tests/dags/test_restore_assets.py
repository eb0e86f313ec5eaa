"""The whole of restore_assets in this process, on the local AWS, whose restores take their time."""

from __future__ import annotations

import json
import uuid

import pytest

from include.settings import SETTINGS

ARCHIVE = SETTINGS.archive_bucket
ODD = "{{ 1/0 }} =é%20+'\u2028" + "long " * 60 + "a.mp4 "


@pytest.fixture
def archived(s3):
    """An archived drive and one that is not, below a prefix of their own, with names as people give them."""
    prefix = f"footage/cam-{uuid.uuid4().hex[:6]}/20260301/"
    s3.put_object(Bucket=ARCHIVE, Key=f"{prefix}{ODD}", Body=b"archived", StorageClass="DEEP_ARCHIVE")
    s3.put_object(Bucket=ARCHIVE, Key=f"{prefix}b.mp4", Body=b"at hand", StorageClass="STANDARD_IA")
    return prefix


@pytest.fixture
def restore(bag, execute):
    def restore(**conf):
        bag.get_dag("restore_assets").get_task("restore_object").partial_kwargs["waiter_delay"] = 1
        return execute("restore_assets", **conf)

    return restore


@pytest.fixture
def alerts(local_aws):
    """Reads what people were told of."""
    from airflow.providers.amazon.aws.hooks.sqs import SqsHook

    client = SqsHook().conn
    url = client.get_queue_url(QueueName="media-alerts-inbox")["QueueUrl"]

    def alerts(kind: str) -> list[dict]:
        found = []
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return [alert for alert in found if alert.get("kind") == kind]

    return alerts


def test_what_is_archived_is_restored_waited_for_and_told_of(archived, restore, s3, alerts):
    done = restore(keys=[f"{archived}{ODD}"], prefix=f"{archived}b", days=2)
    assert done.state == "success"
    assert s3.get_object(Bucket=ARCHIVE, Key=f"{archived}{ODD}")["Body"].read() == b"archived"
    (alert,) = alerts("restore")
    told = {entry["key"]: entry for entry in alert["objects"]}
    assert [entry["readable"] for entry in told.values()] == [True, True]
    assert told[f"{archived}{ODD}"]["until"] is not None
    assert told[f"{archived}b.mp4"]["until"] is None


def test_a_run_above_its_limit_asks_for_nothing_and_says_so(archived, restore, s3):
    done = restore(keys=[f"{archived}{ODD}"], max_cost_usd=0)
    assert done.state == "failed"
    assert "Restore" not in s3.head_object(Bucket=ARCHIVE, Key=f"{archived}{ODD}")
