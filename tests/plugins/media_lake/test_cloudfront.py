"""The hook against the local CloudFront: its links play, a new key signs at once, and nothing secret is told."""

from __future__ import annotations

import dataclasses
import json
import logging
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from include.settings import SETTINGS
from media_lake.hooks import cloudfront
from media_lake.hooks.cloudfront import CloudFrontUrlHook, DeliveryNotConfigured
from media_lake.hooks.s3 import LakeHook

KEY = "video/footage/cam-1/20261120/a b+c_media/web.mp4"
MINUTE = timedelta(minutes=1)


def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def footage(local_aws) -> bytes:
    LakeHook().conn.put_object(Bucket=SETTINGS.processed_bucket, Key=KEY, Body=b"0123456789", ContentType="video/mp4")
    return b"0123456789"


@pytest.fixture
def set_up(monkeypatch):
    """Change settings for one test."""

    def change(**values: str) -> None:
        monkeypatch.setattr(cloudfront, "SETTINGS", dataclasses.replace(SETTINGS, **values))

    return change


@pytest.fixture(scope="module")
def secrets(local_aws):
    return CloudFrontUrlHook().conn


@pytest.fixture
def own_secret(set_up, secrets):
    """A signing secret of the test's own, below a prefix of its own; the links lead to the seeded distribution."""
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    name = f"{prefix}/cloudfront-signing-key"
    seeded = secrets.get_secret_value(SecretId=SETTINGS.signing_secret)["SecretString"]
    secrets.create_secret(Name=name, SecretString=seeded)
    set_up(prefix=prefix)
    yield name
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_link_plays_whole_and_in_ranges(footage):
    signed = CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)
    assert signed.url.startswith(
        f"{SETTINGS.delivery_url}/video/footage/cam-1/20261120/a%20b%2Bc_media/web.mp4?Expires="
    )
    assert fetch(signed.url) == (200, footage)
    assert fetch(signed.url, Range="bytes=2-4") == (206, b"234")
    assert timedelta(seconds=50) < signed.expires_at - datetime.now(UTC) <= MINUTE


def test_a_link_with_a_changed_character_is_refused(footage):
    url = CloudFrontUrlHook().sign(KEY, expires_in=MINUTE).url
    for position in range(url.index("/_cloudfront/") + len("/_cloudfront/media/"), len(url), 5):
        changed = "B" if url[position] == "A" else "A"
        status, _ = fetch(url[:position] + changed + url[position + 1 :])
        assert status == 403, position


def test_an_address_range_and_a_start_are_kept_to(footage):
    hook = CloudFrontUrlHook()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert fetch(hook.sign(KEY, expires_in=MINUTE, ip_range="127.0.0.0/8").url)[0] == 200
    assert fetch(hook.sign(KEY, expires_in=MINUTE, ip_range="203.0.113.0/24").url)[0] == 403
    assert fetch(hook.sign(KEY, expires_in=timedelta(days=2), starts_at=tomorrow).url)[0] == 403


def test_a_rotated_key_signs_at_once_and_old_links_work_until_it_leaves_the_group(footage, own_secret, secrets):
    client = boto3.client("cloudfront", endpoint_url=SETTINGS.delivery_url.split("/_cl")[0])
    old = CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)
    fresh = ec.generate_private_key(ec.SECP256R1())
    encoding = serialization.Encoding.PEM
    public = fresh.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    config = {"CallerReference": own_secret, "Name": own_secret.replace("/", "-"), "EncodedKey": public}
    new_id = client.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"]
    [group] = [
        item["KeyGroup"]
        for item in client.list_key_groups()["KeyGroupList"]["Items"]
        if item["KeyGroup"]["KeyGroupConfig"]["Name"] == f"{SETTINGS.prefix}-delivery"
    ]
    before = group["KeyGroupConfig"]

    def trust(*ids: str) -> None:
        etag = client.get_key_group(Id=group["Id"])["ETag"]
        client.update_key_group(Id=group["Id"], IfMatch=etag, KeyGroupConfig={**before, "Items": list(ids)})

    private = fresh.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    try:
        trust(new_id, *before["Items"])
        secrets.put_secret_value(
            SecretId=own_secret, SecretString=json.dumps({"key_pair_id": new_id, "private_key": private})
        )
        new = CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)
        assert f"Key-Pair-Id={new_id}" in new.url
        assert fetch(old.url)[0] == fetch(new.url)[0] == 200
        trust(new_id)
        assert fetch(old.url)[0] == 403
        assert fetch(new.url)[0] == 200
    finally:
        trust(*before["Items"])


def test_a_key_that_comes_next_signs_as_soon_as_it_is_the_current_one(footage, own_secret, secrets):
    text = secrets.get_secret_value(SecretId=SETTINGS.signing_secret, VersionStage="AWSPENDING")["SecretString"]
    upcoming = f"Key-Pair-Id={json.loads(text)['key_pair_id']}"
    pending = secrets.put_secret_value(SecretId=own_secret, SecretString=text, VersionStages=["AWSPENDING"])[
        "VersionId"
    ]
    assert upcoming not in CloudFrontUrlHook().sign(KEY, expires_in=MINUTE).url
    current = secrets.get_secret_value(SecretId=own_secret, VersionStage="AWSCURRENT")["VersionId"]
    secrets.update_secret_version_stage(
        SecretId=own_secret, VersionStage="AWSCURRENT", MoveToVersionId=pending, RemoveFromVersionId=current
    )
    signed = CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)
    assert upcoming in signed.url
    assert fetch(signed.url)[0] == 200


def test_without_a_distribution_it_says_what_to_set(set_up):
    set_up(delivery_url="")
    with pytest.raises(DeliveryNotConfigured, match=r"MEDIA_DELIVERY_URL .*docs/delivery\.md"):
        CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)


def test_without_a_secret_it_says_what_to_store(local_aws, set_up):
    set_up(prefix="test-nobody")
    with pytest.raises(DeliveryNotConfigured, match=r"test-nobody/cloudfront-signing-key .*docs/delivery\.md"):
        CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)


def test_a_secret_that_cannot_sign_is_named_but_not_shown(own_secret, secrets):
    secrets.put_secret_value(SecretId=own_secret, SecretString='{"key_pair_id": "K123", "private_key": "hunter2"}')
    with pytest.raises(DeliveryNotConfigured, match=f"{own_secret} .* cannot sign: private_key is no PEM") as error:
        CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)
    assert "hunter2" not in str(error.value)


def test_a_link_that_works_for_no_time_is_not_made(local_aws):
    with pytest.raises(ValueError, match="some time"):
        CloudFrontUrlHook().sign(KEY, expires_in=timedelta(0))


def test_nothing_secret_is_logged_and_links_are_masked(local_aws, caplog, monkeypatch):
    masked: list[str] = []
    monkeypatch.setattr(cloudfront, "mask_secret", masked.append)
    with caplog.at_level(logging.INFO):
        signed = CloudFrontUrlHook().sign(KEY, expires_in=MINUTE)
        logging.getLogger("airflow.task").warning("made %s", signed)
    assert "made SignedUrl(" in caplog.text
    assert "Signature" not in caplog.text
    assert "PRIVATE KEY" not in caplog.text
    assert signed.url in masked
    assert any(text.startswith("-----BEGIN PRIVATE KEY-----\n") for text in masked)
    assert any(text in signed.url and "?" not in text and len(text) > 50 for text in masked)
