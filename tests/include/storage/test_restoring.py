from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from include.costs.rate_card import default_rate_card
from include.storage.restoring import RestoreRefused, begin_restore, quote_restore, read_back_of, restore_usd

ARCHIVED = {"StorageClass": "DEEP_ARCHIVE", "ContentLength": 5}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def readable_until(moment: datetime) -> dict:
    return ARCHIVED | {"Restore": f'ongoing-request="false", expiry-date="{moment:%a, %d %b %Y %H:%M:%S GMT}"'}


@pytest.fixture
def stub():
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield stub


def begin(stub, **other):
    state = begin_restore(stub.client, "lake", "a.mp4", days=3, tier="Bulk", now=NOW, **other)
    stub.assert_no_pending_responses()
    return state


def request(**restore) -> dict:
    return {"Bucket": "lake", "Key": "a.mp4", "RestoreRequest": {"Days": 3, **restore}}


def test_an_archived_object_is_asked_for_once(stub):
    stub.add_response("head_object", ARCHIVED)
    stub.add_response("restore_object", {}, request(GlacierJobParameters={"Tier": "Bulk"}))
    stub.add_response("head_object", ARCHIVED | {"Restore": 'ongoing-request="true"'})
    assert begin(stub).state == "restoring"


def test_nothing_is_asked_for_what_is_not_archived_or_readable_or_under_way(stub):
    for head, state in (
        ({"StorageClass": "STANDARD_IA"}, "readable"),
        (readable_until(NOW + timedelta(days=3)), "readable"),
        (ARCHIVED | {"Restore": 'ongoing-request="true"'}, "restoring"),
    ):
        stub.add_response("head_object", head)
        assert begin(stub).state == state


def test_a_copy_that_would_go_too_early_is_kept_longer_without_a_tier(stub):
    stub.add_response("head_object", readable_until(NOW + timedelta(days=1)))
    stub.add_response("restore_object", {}, request())
    stub.add_response("head_object", readable_until(NOW + timedelta(days=3)))
    assert begin(stub).until == NOW + timedelta(days=3)


def test_a_restore_that_somebody_else_began_is_adopted(stub):
    stub.add_response("head_object", ARCHIVED)
    stub.add_client_error("restore_object", "RestoreAlreadyInProgress", http_status_code=409)
    assert begin(stub).state == "restoring"


@pytest.mark.parametrize(
    ("operation", "code", "status", "message"),
    [
        ("restore_object", "AccessDenied", 403, "needs s3:RestoreObject"),
        ("restore_object", "InvalidArgument", 400, "cannot be restored: InvalidArgument"),
        ("head_object", "404", 404, "is not there"),
        ("head_object", "403", 403, "needs s3:GetObject"),
    ],
)
def test_a_refusal_says_what_is_needed(stub, operation, code, status, message):
    if operation == "restore_object":
        stub.add_response("head_object", ARCHIVED)
    stub.add_client_error(operation, code, http_status_code=status)
    with pytest.raises(RestoreRefused, match=message):
        begin(stub)


def test_a_passing_failure_is_left_to_a_retry(stub):
    stub.add_response("head_object", ARCHIVED)
    stub.add_client_error("restore_object", "SlowDown", http_status_code=503)
    with pytest.raises(ClientError):
        begin(stub)


def test_a_restore_costs_its_retrieval_and_the_copy_while_it_stands():
    card = default_rate_card()
    cheap, fast = (restore_usd(2**30, days=7, tier=tier, card=card) for tier in ("Bulk", "Standard"))
    assert cheap == pytest.approx(0.0025 + 0.000025 + 0.0000004 + 0.023 * 7 / 30)
    assert fast == pytest.approx(0.02 + 0.0001 + 0.0000004 + 0.023 * 7 / 30)


def test_what_can_be_read_already_costs_the_days_that_it_is_to_be_read_longer():
    def usd(head):
        quote = {"days": 7, "tier": "Bulk", "card": default_rate_card(), "now": NOW}
        return quote_restore(head | {"ContentLength": 2**40}, **quote)

    assert usd(readable_until(NOW + timedelta(days=2))) == pytest.approx(1024 * 0.023 * 5 / 30)
    assert usd(readable_until(NOW + timedelta(days=7))) is None
    assert usd(ARCHIVED | {"Restore": 'ongoing-request="true"'}) is None
    assert usd({"StorageClass": "STANDARD"}) is None
    assert usd(ARCHIVED) == pytest.approx(1024 * (0.0025 + 0.023 * 7 / 30), rel=1e-4)


def test_a_tier_that_there_is_not_is_refused():
    with pytest.raises(RestoreRefused, match="Standard or Bulk, not 'Expedited'"):
        read_back_of("Expedited", default_rate_card())
