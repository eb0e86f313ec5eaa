"""Ranges, validators and the honest sending of files."""

from __future__ import annotations

import httpx
import pytest

from sources_emulator.serving import not_modified

NAME = "/download/late-train-to-nowhere/Late%20Train%20to%20Nowhere.mp3"


@pytest.fixture
def whole(archive) -> httpx.Response:
    return archive.get(NAME, follow_redirects=True)


def asked(archive: httpx.Client, method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return archive.request(method, NAME, headers=named, follow_redirects=True)


@pytest.mark.parametrize(
    ("header", "first", "last"), [("bytes=0-9", 0, 9), ("bytes=100-", 100, None), ("bytes=-7", -7, None)]
)
def test_a_range_gives_that_part(archive, whole, header, first, last):
    answer = asked(archive, Range=header)
    expected = whole.content[first : None if last is None else last + 1]
    assert answer.status_code == 206
    assert answer.content == expected
    begin = first % len(whole.content)
    assert answer.headers["content-range"] == f"bytes {begin}-{begin + len(expected) - 1}/{len(whole.content)}"


def test_a_range_past_the_end_is_416_with_the_size(archive, whole):
    answer = asked(archive, Range=f"bytes={len(whole.content)}-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=0-1,4-5", "items=0-1", "bytes=-", "bytes=٣-"])
def test_a_range_that_is_not_understood_gives_the_whole_file(archive, whole, header):
    answer = asked(archive, Range=header.encode())
    assert (answer.status_code, answer.content) == (200, whole.content)


def test_if_range_gives_the_part_only_while_the_file_is_the_same(archive, whole):
    same = asked(archive, Range="bytes=0-9", If_Range=whole.headers["etag"])
    dated = asked(archive, Range="bytes=0-9", If_Range=whole.headers["last-modified"])
    other = asked(archive, Range="bytes=0-9", If_Range='"something-else"')
    assert (same.status_code, dated.status_code, other.status_code) == (206, 206, 200)
    assert other.content == whole.content


def test_a_client_that_has_the_file_gets_304(archive, whole):
    assert asked(archive, If_None_Match=whole.headers["etag"]).status_code == 304
    assert asked(archive, If_Modified_Since=whole.headers["last-modified"]).status_code == 304
    assert asked(archive, If_None_Match='"other"').status_code == 200


def test_head_has_the_headers_and_no_body(archive, whole):
    answer = asked(archive, "HEAD")
    assert answer.content == b""
    for name in ("content-length", "content-type", "etag", "last-modified", "accept-ranges"):
        assert answer.headers[name] == whole.headers[name]


def test_a_file_older_than_1970_is_sent_to_whoever_does_not_ask_whether_it_changed():
    assert not not_modified({}, '"tag"', modified=-400_000_000)
    assert not not_modified({"if-modified-since": "yesterday"}, '"tag"', modified=-400_000_000)
    assert not_modified({"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}, '"tag"', modified=-400_000_000)
