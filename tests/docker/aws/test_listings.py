"""A listing is readable whatever the keys hold."""

from __future__ import annotations

import pytest

KEYS = ["a\x01b", "a\x01/c", "a\tb", "a%2Fb", "a+b c", "a/x<&>", "a&amp;", "a\ufffeb", "aé夜"]


@pytest.fixture
def versions(s3, bucket):
    """A bucket of hostile keys, each written twice and then the first one deleted."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in KEYS:
        for body in (b"1", b"2"):
            s3.put_object(Bucket=bucket, Key=key, Body=body)
    s3.delete_object(Bucket=bucket, Key=KEYS[0])
    return bucket


def test_every_version_of_every_key_is_listed_under_its_name(s3, versions):
    answer = s3.list_object_versions(Bucket=versions, Prefix="a")
    assert sorted(version["Key"] for version in answer["Versions"]) == sorted([*KEYS, *KEYS])
    assert [marker["Key"] for marker in answer["DeleteMarkers"]] == [KEYS[0]]
    assert answer["Prefix"] == "a"


def test_it_goes_on_behind_such_a_key_and_below_such_a_prefix(s3, versions):
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=versions, PaginationConfig={"PageSize": 2}))
    assert len(pages) == 10  # the delete marker counts
    assert {version["Key"] for page in pages for version in page.get("Versions", [])} == set(KEYS)
    below = s3.list_object_versions(Bucket=versions, Prefix="a\x01", Delimiter="/")
    assert (below["Prefix"], [common["Prefix"] for common in below["CommonPrefixes"]]) == ("a\x01", ["a\x01/"])


def test_a_client_that_does_not_ask_for_it_gets_plain_names(aws, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a+b", Body=b"1")
    path = f"/{bucket}?versions="
    assert b"<Key>a+b</Key>" in aws.send("GET", path, headers=aws.sign("GET", path)).body


def test_a_listing_of_objects_is_readable_too(s3, versions):
    answer = s3.list_objects_v2(Bucket=versions, Prefix="a")
    assert sorted(stored["Key"] for stored in answer["Contents"]) == sorted(KEYS[1:])
