"""Which of the versions that S3 lists are uploads that stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from include.catalog.standing_uploads import standing_uploads

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


def version(key: str, number: int, *, latest: bool = False, version_id: str | None = None) -> dict:
    """The version that was uploaded at second ``number``."""
    return {
        "Key": key,
        "VersionId": version_id or f"v{number}",
        "IsLatest": latest,
        "LastModified": START + timedelta(seconds=number),
        "ETag": f'"e{number}"',
        "Size": 5,
    }


def marker(key: str, number: int, *, latest: bool = False) -> dict:
    return {"Key": key, "IsLatest": latest, "LastModified": START + timedelta(seconds=number)}


def standing(*pages: dict) -> list[list[str | None]]:
    return [[upload.version_id for upload in page] for page in standing_uploads("media-ingest", pages)]


def test_every_version_that_no_delete_hides_stands():
    page = {
        "Versions": [version("a", 5, latest=True), version("a", 4), version("a", 1), version("b", 2)],
        "DeleteMarkers": [marker("a", 3), marker("b", 3, latest=True)],
    }
    assert standing(page) == [["v5", "v4"]]


def test_a_delete_on_the_page_before_hides_what_comes_after_it():
    first = {"Versions": [version("a", 5, latest=True)], "DeleteMarkers": [marker("a", 3)], "NextKeyMarker": "a"}
    second = {"Versions": [version("a", 1), version("b", 1, latest=True)]}
    assert standing(first, second) == [["v5"], ["v1"]]
    assert [upload.key for page in standing_uploads("b", [first, second]) for upload in page] == ["a", "b"]


def test_a_delete_of_another_key_on_the_page_before_hides_nothing():
    first = {"DeleteMarkers": [marker("a", 3, latest=True)], "NextKeyMarker": "b"}
    assert standing(first, {"Versions": [version("b", 1)]}) == [[], ["v1"]]


def test_of_a_delete_in_the_same_second_only_one_that_is_current_hides_a_version():
    assert standing({"Versions": [version("a", 3)], "DeleteMarkers": [marker("a", 3)]}) == [["v3"]]
    assert standing({"Versions": [version("a", 3)], "DeleteMarkers": [marker("a", 3, latest=True)]}) == [[]]


def test_what_has_no_version_id_stands_only_while_it_is_current():
    current, older = version("a", 3, latest=True, version_id="null"), version("b", 3, version_id="null")
    assert standing({"Versions": [current, older]}) == [[None]]


def test_one_key_that_cannot_be_read_keeps_nobody_from_the_others(caplog):
    broken = version("half a character \ud800", 1, latest=True)
    assert standing({"Versions": [broken, version("b", 2, latest=True)]}) == [["v2"]]
    assert "is left out" in caplog.text


def test_an_empty_prefix_has_no_uploads():
    assert standing({}) == [[]]
