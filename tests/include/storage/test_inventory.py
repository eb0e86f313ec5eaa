from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from include.storage.inventory import Contents, InventoryError, latest_inventory
from tests.include.storage.inventories import FIELDS, csv_gz, put_inventory, row


def read(s3, reports, bucket="lake"):
    return list(Contents(s3, bucket, latest_inventory(s3, bucket, reports_bucket=reports)))


def test_every_current_object_of_all_files_comes_with_its_key_decoded(s3, bucket):
    files = [csv_gz([row('a b+ü,"=1".mp4', 5)]), csv_gz([row("c.mp4", 6, VersionId="v2", StorageClass="DEEP_ARCHIVE")])]
    put_inventory(s3, bucket, files)
    first, second = read(s3, bucket)
    assert (first.key, first.size_bytes, first.version_id) == ('a b+ü,"=1".mp4', 5, None)
    assert (second.version_id, second.storage_class, second.etag) == ("v2", "DEEP_ARCHIVE", "e1")
    assert first.last_modified == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


def test_older_versions_are_counted_and_deleted_objects_left_out(s3, bucket):
    rows = [
        row("a", VersionId="2"),
        row("a", VersionId="1", IsLatest="false"),
        row("b", IsDeleteMarker="true", Size=""),
    ]
    put_inventory(s3, bucket, [csv_gz(rows)])
    contents = Contents(s3, "lake", latest_inventory(s3, "lake", reports_bucket=bucket))
    assert [stored.version_id for stored in contents] == ["2"]
    assert contents.older_versions == 1


def test_the_newest_complete_inventory_is_read(s3, bucket):
    put_inventory(s3, bucket, [csv_gz([row("old")])], taken_at="2026-02-01T00-00Z")
    put_inventory(s3, bucket, [csv_gz([row("new")])], taken_at="2026-03-01T00-00Z")
    put_inventory(s3, bucket, [csv_gz([row("half")])], taken_at="2026-04-01T00-00Z", complete=False)
    assert [stored.key for stored in read(s3, bucket)] == ["new"]


def test_there_may_be_none(s3, bucket):
    assert latest_inventory(s3, "lake", reports_bucket=bucket) is None


def test_an_inventory_of_a_part_of_the_bucket_is_passed_over(s3, bucket):
    source = f"filtered-{uuid4().hex}"
    s3.create_bucket(Bucket=source)
    put_inventory(s3, bucket, [csv_gz([row("a")])], bucket=source)
    assert latest_inventory(s3, source, reports_bucket=bucket) is not None
    destination = {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "CSV"}}
    configuration = {
        "Id": "weekly",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Weekly"},
        "Destination": destination,
        "Filter": {"Prefix": "video/"},
    }
    s3.put_bucket_inventory_configuration(Bucket=source, Id="weekly", InventoryConfiguration=configuration)
    assert latest_inventory(s3, source, reports_bucket=bucket) is None


def test_no_row_of_a_damaged_file_is_read(s3, bucket):
    folder = put_inventory(s3, bucket, [csv_gz([row("a")])])
    s3.put_object(Bucket=bucket, Key=f"{folder}2026-03-02T00-00Z-0.csv.gz", Body=csv_gz([row("forged")]))
    with pytest.raises(InventoryError, match=r"data/.*is damaged"):
        read(s3, bucket)


def test_a_damaged_manifest_is_refused(s3, bucket):
    put_inventory(s3, bucket, [csv_gz([row("a")])])
    s3.put_object(Bucket=bucket, Key="inventory/lake/weekly/2026-03-02T00-00Z/manifest.json", Body=b"{}")
    with pytest.raises(InventoryError, match=r"manifest\.json is damaged"):
        read(s3, bucket)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "Parquet"}, "set the inventory's output format to CSV"),
        ({"fields": [name for name in FIELDS if name != "StorageClass"]}, "lacks StorageClass"),
    ],
)
def test_an_inventory_that_cannot_be_read_says_what_to_change(s3, bucket, changed, message):
    put_inventory(s3, bucket, [csv_gz([row("a")])], **changed)
    with pytest.raises(InventoryError, match=message):
        read(s3, bucket)


def test_a_bucket_without_inventory_is_listed_with_its_current_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"22"):
        current = s3.put_object(Bucket=bucket, Key="a", Body=body, StorageClass="STANDARD_IA")["VersionId"]
    s3.put_object(Bucket=bucket, Key="gone", Body=b"")
    s3.delete_object(Bucket=bucket, Key="gone")
    contents = Contents(s3, bucket)
    (stored,) = contents
    assert (stored.key, stored.version_id, stored.size_bytes, stored.storage_class) == ("a", current, 2, "STANDARD_IA")
    assert contents.older_versions == 2


def test_objects_of_a_bucket_without_versions_have_none(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    (stored,) = Contents(s3, bucket)
    assert stored.version_id is None
