"""Every kind of trouble is the trouble that it says."""

from __future__ import annotations

import hashlib
import time
from urllib.parse import quote

import av
import httpx
import pytest

from sources_emulator import trouble_campaign
from sources_emulator.catalogue import Fault


def file_of(archive: httpx.Client, kind: str) -> tuple[str, dict]:
    """The address and the entry of a trouble item's original."""
    identifier = f"trouble-{kind}"
    entries = archive.get(f"/metadata/{identifier}").json()["files"]
    entry = next(entry for entry in entries if entry["source"] == "original" and entry["format"] != "Metadata")
    return f"/download/{identifier}/{quote(entry['name'])}", entry


def fetched(archive: httpx.Client, kind: str, **extra: object) -> httpx.Response:
    return archive.get(file_of(archive, kind)[0], follow_redirects=True, **extra)


def test_there_is_an_item_for_every_fault():
    assert {item.fault for item in trouble_campaign.ITEMS if item.fault} == set(Fault)


@pytest.mark.parametrize(("kind", "status"), [("429-twice", 429), ("503-twice", 503)])
def test_a_passing_refusal_passes_after_two_requests(archive, kind, status):
    entry = file_of(archive, kind)[1]
    answers = [fetched(archive, kind) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert hashlib.md5(answers[2].content).hexdigest() == entry["md5"]
    assert (answers[0].headers.get("retry-after") == "1") == (status == 429)


def test_a_head_request_uses_up_no_fault(archive):
    address = file_of(archive, "429-twice")[0]
    assert [archive.head(address, follow_redirects=True).status_code for _ in range(3)] == [429] * 3
    assert fetched(archive, "429-twice").status_code == 429


def test_a_lasting_refusal_lasts(archive):
    assert {fetched(archive, "503-always").status_code for _ in range(5)} == {503}


def test_a_truncated_body_is_shorter_than_its_content_length_every_time(archive):
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
            fetched(archive, "truncated")


def test_a_body_truncated_once_is_whole_the_second_time(archive):
    entry = file_of(archive, "truncated-once")[1]
    with pytest.raises(httpx.RemoteProtocolError):
        fetched(archive, "truncated-once")
    assert hashlib.md5(fetched(archive, "truncated-once").content).hexdigest() == entry["md5"]


def test_a_wrong_md5_does_not_match_bytes_that_are_sound(archive):
    entry = file_of(archive, "wrong-md5")[1]
    answer = fetched(archive, "wrong-md5")
    assert len(answer.content) == int(entry["size"])
    assert hashlib.md5(answer.content).hexdigest() != entry["md5"]


def test_an_html_page_comes_with_status_200_in_place_of_audio(archive):
    answer = fetched(archive, "html-page")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_redirect_loop_never_ends(archive):
    with pytest.raises(httpx.TooManyRedirects):
        fetched(archive, "redirect-loop")


@pytest.mark.parametrize(
    ("kind", "place"),
    [("private", "http://169.254.169.254/"), ("loopback", "http://127.0.0.1:9/"), ("file", "file:///etc/passwd")],
)
def test_a_redirect_leads_where_nobody_should_go(archive, kind, place):
    answer = archive.get(file_of(archive, f"redirect-{kind}")[0])
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(place)


def test_a_trickle_sends_a_few_bytes_a_second(archive):
    begun, received = time.monotonic(), 0
    with archive.stream("GET", file_of(archive, "trickle")[0], follow_redirects=True) as answer:
        for block in answer.iter_raw():
            received += len(block)
            if received >= 192:
                break
    assert received == 192
    assert time.monotonic() - begun >= 1.9


def test_an_oversized_content_length_is_a_lie(archive):
    with archive.stream("GET", file_of(archive, "oversized")[0], follow_redirects=True) as answer:
        assert int(answer.headers["content-length"]) == 10_000_000_000_000


def test_an_item_taken_down_is_still_in_the_search_index(archive):
    docs = archive.get("/advancedsearch.php", params={"q": "identifier:trouble-gone", "output": "json"}).json()[
        "response"
    ]["docs"]
    assert [doc["identifier"] for doc in docs] == ["trouble-gone"]
    assert archive.get("/metadata/trouble-gone").json() == {}


@pytest.mark.parametrize(
    ("kind", "licence"), [("no-licence", None), ("all-rights", "https://www.example.org/terms#all-rights-reserved")]
)
def test_a_stale_index_claims_a_licence_that_the_metadata_does_not_have(archive, kind, licence):
    params = {"q": f"identifier:trouble-{kind} AND licenseurl:*creativecommons*", "output": "json"}
    assert archive.get("/advancedsearch.php", params=params).json()["response"]["numFound"] == 1
    assert archive.get(f"/metadata/trouble-{kind}").json()["metadata"].get("licenseurl") == licence


@pytest.mark.parametrize(
    ("kind", "licence"),
    [
        ("nc", "http://creativecommons.org/licenses/by-nc/3.0/"),
        ("nd", "http://creativecommons.org/licenses/by-nd/3.0/"),
        ("nc-nd", "https://creativecommons.org/licenses/by-nc-nd/4.0/"),
        ("look-alike", "http://creativecommons.org.licences.example/licenses/by/4.0/"),
        ("versionless", "https://creativecommons.org/licenses/by/"),
    ],
)
def test_licences_with_conditions_are_declared_as_uploaders_write_them(archive, kind, licence):
    assert archive.get(f"/metadata/trouble-{kind}").json()["metadata"]["licenseurl"] == licence


def test_twins_are_the_same_bytes_under_two_identifiers(archive):
    elder, younger = fetched(archive, "twin-a").content, fetched(archive, "twin-b").content
    titles = [archive.get(f"/metadata/trouble-twin-{twin}/metadata/title").json()["result"] for twin in "ab"]
    assert elder == younger
    assert titles[0] != titles[1]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("name-traversal", "../../etc/passwd"),
        ("name-unicode", "песня ñandú 音楽 🎵.mp3"),
        ("name-long", trouble_campaign.LONG_NAME),
        ("name-quotes", "line\nbreak \"and\" 'quotes' #1?&=%2F;.mp3"),
    ],
)
def test_a_hostile_name_is_declared_and_its_file_is_served_by_that_name_alone(archive, kind, name):
    entry = file_of(archive, kind)[1]
    assert entry["name"] == name
    address = f"/download/trouble-{kind}/{quote(name, safe='')}"
    answer = archive.get(address, follow_redirects=True)
    assert hashlib.md5(answer.content).hexdigest() == entry["md5"]


def test_the_odd_recordings_are_what_they_say(archive, tmp_path):
    assert fetched(archive, "zero-bytes").content == b""
    assert fetched(archive, "text-named-mp3").text.startswith("This is a text file")
    path = tmp_path / "file"
    path.write_bytes(fetched(archive, "one-sample").content)
    with av.open(str(path)) as media:
        assert sum(frame.samples for frame in media.decode(audio=0)) == 1
    path.write_bytes(fetched(archive, "silent").content)
    with av.open(str(path)) as media:
        assert all(not frame.to_ndarray().any() for frame in media.decode(audio=0))
    path.write_bytes(fetched(archive, "video").content)
    with av.open(str(path)) as media:
        assert (len(media.streams.video), len(media.streams.audio)) == (1, 1)


def test_an_item_may_have_no_audio_at_all(archive):
    files = archive.get("/metadata/trouble-no-audio").json()["files"]
    assert {file["format"] for file in files} == {"Metadata"}


def test_a_rule_refuses_as_often_as_it_says_and_then_no_more(archive):
    rule = {"path_prefix": "/advancedsearch.php", "status": 429, "retry_after": 1, "times": 2}
    assert archive.post("/_trouble", json=rule).json()["rules"][0]["times"] == 2
    answers = [archive.get("/advancedsearch.php", params={"q": "jazz", "output": "json"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert archive.get("/_trouble").json() == {"rules": []}


def test_a_rule_without_times_stays_until_cleared(archive):
    archive.post("/_trouble", json={"path_prefix": "/metadata/", "status": 503})
    assert {archive.get("/metadata/corner-table").status_code for _ in range(4)} == {503}
    assert archive.get("/advancedsearch.php?q=jazz&output=json").status_code == 200
    archive.delete("/_trouble")
    assert archive.get("/metadata/corner-table").status_code == 200


def test_a_rule_can_pick_one_page_and_can_only_delay(archive):
    archive.post("/_trouble", json={"path_prefix": "/advancedsearch.php", "status": 503, "contains": "page=2"})
    archive.post("/_trouble", json={"path_prefix": "/metadata/", "delay_s": 0.3, "times": 1})
    assert archive.get("/advancedsearch.php?q=jazz&output=json&page=1").status_code == 200
    assert archive.get("/advancedsearch.php?q=jazz&output=json&page=2").status_code == 503
    begun = time.monotonic()
    assert archive.get("/metadata/corner-table").status_code == 200
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize(
    "rule",
    [
        [],
        {},
        {"path_prefix": 1},
        {"path_prefix": "/", "status": 99},
        {"path_prefix": "/", "times": 0},
        {"path_prefix": "/", "colour": 1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_a_reason(archive, rule):
    answer = archive.post("/_trouble", json=rule)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_request_can_ask_for_its_own_trouble(archive):
    headers = {"X-Trouble-Status": "429", "X-Trouble-Retry-After": "7"}
    answer = archive.get("/advancedsearch.php?q=jazz&output=json", headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_the_log_tells_who_asked_for_what_and_what_came_of_it(archive):
    fetched(archive, "none")
    log = archive.get("/_requests").json()["requests"]
    assert [entry["status"] for entry in log] == [200, 302, 200]
    assert {entry["user_agent"] for entry in log} == {"tests/1 (somebody@example.org)"}
    assert log[0]["path"] == "/metadata/trouble-none"
    assert log[2]["bytes_sent"] == int(file_of(archive, "none")[1]["size"])
    archive.delete("/_requests")
    assert archive.get("/_requests").json() == {"requests": []}
