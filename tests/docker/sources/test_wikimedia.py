"""Wikimedia Commons' wire shapes, as recorded answers and MediaWiki's documentation show them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import httpx
import pytest

from sources_emulator.wikimedia import REQUESTS_A_MINUTE, TOLD_AT_ONCE

CAMPAIGNS = ("jazz", "ambient", "electronic", "folk", "nature-sounds", "street-sounds", "trouble")
SEARCH = {"action": "query", "format": "json", "generator": "search", "gsrnamespace": "6"}


def asked(archive: httpx.Client, **params: Any) -> dict[str, Any]:
    return archive.get("/w/api.php", params=params).raise_for_status().json()


def crawled(archive: httpx.Client, words: str, **more: Any) -> list[dict[str, Any]]:
    """Every page of a search, in the order of the search, with all that the answers tell of it."""
    first = SEARCH | {"gsrsearch": f"{words} filetype:video", "formatversion": "2", "prop": "videoinfo"} | more
    pages: dict[int, dict[str, Any]] = {}
    going_on: dict[str, Any] = {}
    for _ in range(100):
        answer = asked(archive, **first | going_on)
        for page in answer.get("query", {}).get("pages", []):
            pages.setdefault(page["pageid"], {}).update(page)
        if "continue" not in answer:
            return sorted(pages.values(), key=lambda page: page["index"])
        going_on = answer["continue"]
    raise AssertionError("the answers do not come to an end")


def films_of(archive: httpx.Client, campaign: str) -> list[dict[str, Any]]:
    films = archive.get("/_truth").json()["films"]
    return [film for film in films if (film["catalogue"], film["campaign"]) == ("wikimedia", campaign)]


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_a_campaigns_words_find_its_own_films_in_the_catalogues_order(archive, campaign):
    found = [str(page["pageid"]) for page in crawled(archive, campaign.replace("-", " "))]
    assert found == [film["source_id"] for film in films_of(archive, campaign)]
    assert found


def test_an_answer_tells_some_files_and_leads_to_the_others_of_its_batch_and_then_to_the_next_batch(archive):
    first = SEARCH | {"gsrsearch": "trouble", "gsrlimit": "6", "prop": "videoinfo", "viprop": "sha1"}
    one = asked(archive, **first)
    assert "batchcomplete" not in one
    assert set(one["continue"]) == {"vicontinue", "continue"}
    assert one["continue"]["continue"] == "||"
    two = asked(archive, **first | one["continue"])
    assert two["batchcomplete"] == ""
    assert two["continue"] == {"gsroffset": 6, "continue": "gsroffset||"}
    told = [{key for key, page in answer["query"]["pages"].items() if "videoinfo" in page} for answer in (one, two)]
    assert set(one["query"]["pages"]) == set(two["query"]["pages"]) == told[0] | told[1]
    assert (len(told[0]), len(told[1])) == (TOLD_AT_ONCE, 6 - TOLD_AT_ONCE)
    three = asked(archive, **first | two["continue"])
    assert set(three["query"]["pages"]).isdisjoint(one["query"]["pages"])


def test_the_pages_of_an_answer_stand_in_the_order_of_their_ids_and_say_their_rank(archive):
    pages = asked(archive, **SEARCH, gsrsearch="trouble", formatversion="2")["query"]["pages"]
    assert [page["pageid"] for page in pages] == sorted(page["pageid"] for page in pages)
    assert sorted(page["index"] for page in pages) == list(range(1, 11))


def test_two_properties_are_told_side_by_side_and_one_that_is_done_is_not_told_again(archive):
    first = SEARCH | {"gsrsearch": "jazz", "gsrlimit": "5", "prop": "videoinfo|imageinfo", "formatversion": "2"}
    one = asked(archive, **first)
    assert set(one["continue"]) == {"vicontinue", "iicontinue", "continue"}
    rest = one["continue"] | {"continue": "||imageinfo"}
    del rest["iicontinue"]
    two = asked(archive, **first | rest)
    assert all("imageinfo" not in page for page in two["query"]["pages"])
    assert any("videoinfo" in page for page in two["query"]["pages"])


def test_the_shape_is_the_recorded_one(archive):
    props = "url|size|sha1|mime|mediatype|user|timestamp|extmetadata"
    (page,) = (
        page
        for page in crawled(archive, "jazz", viprop=props)
        if page["title"].startswith("File:Lantern Club, Late Set")
    )
    assert set(page) == {"pageid", "ns", "title", "index", "imagerepository", "videoinfo"}
    assert (page["ns"], page["imagerepository"]) == (6, "local")
    (info,) = page["videoinfo"]
    assert set(info) == {
        "timestamp", "user", "size", "width", "height", "duration", "url", "descriptionurl", "descriptionshorturl",
        "sha1", "mime", "mediatype", "extmetadata",
    }  # fmt: skip
    assert (info["mime"], info["mediatype"], info["width"], info["height"]) == ("video/webm", "VIDEO", 640, 360)
    told = info["extmetadata"]
    assert told["LicenseUrl"] == {
        "hidden": "",
        "source": "commons-desc-page",
        "value": "https://creativecommons.org/licenses/by-sa/4.0",
    }
    assert told["Artist"]["value"].startswith('<a href="//commons.wikimedia.org/wiki/User:')
    assert told["CommonsMetadataExtension"]["value"] == 1.2
    assert told["Credit"]["value"] == '<span class="int-own-work" lang="en">Own work</span>'


def test_a_work_in_the_public_domain_has_no_licence_address_and_one_that_is_not_free_says_so(archive):
    pages = [*crawled(archive, "jazz", viprop="extmetadata"), *crawled(archive, "electronic", viprop="extmetadata")]
    told = {page["title"]: page["videoinfo"][0]["extmetadata"] for page in pages}
    free = told["File:The Bass Player's Corner.mp4"]
    assert "LicenseUrl" not in free
    assert (free["LicenseShortName"]["value"], free["License"]["value"]) == ("Public domain", "pd")
    assert told["File:Subway Cathedral, Excerpt.webm"]["NonFree"]["value"] == "true"


def test_a_file_is_served_with_ranges_and_has_the_digest_that_the_api_declares(archive):
    pages = crawled(archive, "ambient", viprop="url|sha1|size")
    info = next(page["videoinfo"][0] for page in pages if page["title"] == "File:Slow Aurora.webm")
    whole = archive.get(info["url"])
    assert whole.headers["content-type"] == "video/webm"
    assert hashlib.sha1(whole.content).hexdigest() == info["sha1"]
    assert len(whole.content) == info["size"]
    part = archive.get(info["url"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])


def test_a_wrong_digest_is_declared_for_bytes_that_are_sound(archive):
    pages = crawled(archive, "jazz", viprop="url|sha1|size")
    info = next(page["videoinfo"][0] for page in pages if page["title"] == "File:Encore in F.webm")
    body = archive.get(info["url"]).content
    assert len(body) == info["size"]
    assert hashlib.sha1(body).hexdigest() != info["sha1"]


def test_a_file_whose_name_is_in_many_scripts_is_served_by_its_address(archive):
    pages = crawled(archive, "trouble", viprop="url|sha1")
    info = next(page["videoinfo"][0] for page in pages if "音楽" in page["title"])
    assert hashlib.sha1(archive.get(info["url"]).content).hexdigest() == info["sha1"]
    assert "%22quotes%22" in info["url"]


def test_a_file_has_a_page_for_people_which_the_short_address_leads_to(archive):
    pages = crawled(archive, "folk", viprop="url")
    info = next(page["videoinfo"][0] for page in pages if "Windmill" in page["title"])
    page = archive.get(info["descriptionshorturl"], follow_redirects=True)
    assert str(page.url) == info["descriptionurl"]
    assert "Hester Quill" in page.text
    assert "<video controls" in page.text


def trouble(archive: httpx.Client, title: str) -> str:
    """The address of a film of the campaign trouble."""
    pages = crawled(archive, "trouble", viprop="url")
    return next(page["videoinfo"][0]["url"] for page in pages if title in page["title"])


@pytest.mark.parametrize(
    ("title", "statuses"),
    [
        ("Too many requests, twice", [429, 429, 200]),
        ("Service unavailable, twice", [503, 503, 200]),
        ("Service unavailable.", [503, 503, 503]),
        ("Round and round", [302, 302, 302]),
        ("Through the back door", [302, 302, 302]),
    ],
)
def test_a_film_goes_wrong_as_its_fault_says(archive, title, statuses):
    url = trouble(archive, title)
    answers = [archive.get(url) for _ in range(3)]
    assert [answer.status_code for answer in answers] == statuses
    if "door" in title:
        assert answers[0].headers["location"].startswith("http://169.254.169.254/")
    if "requests" in title:
        assert answers[0].headers["retry-after"] == "1"


def test_a_film_cut_short_once_is_whole_the_second_time(archive):
    url = trouble(archive, "Cut short once")
    with pytest.raises(httpx.RemoteProtocolError):
        archive.get(url)
    assert archive.get(url).status_code == 200


def test_a_film_that_is_gone_is_still_found_and_a_page_may_come_instead_of_one(archive):
    pages = [*crawled(archive, "nature sounds", viprop="url"), *crawled(archive, "electronic", viprop="url")]
    urls = {page["title"]: page["videoinfo"][0]["url"] for page in pages}
    assert archive.get(urls["File:Dawn Chorus at Alder Wood.webm"]).status_code == 404
    answer = archive.get(urls["File:Night Bus Geometry.webm"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_titles_and_page_ids_can_be_asked_for_and_what_is_missing_says_so(archive):
    film = films_of(archive, "jazz")[0]
    titles = f"File:{film['file_name'].replace(' ', '_')}|File:Nobody.webm"
    pages = asked(archive, action="query", format="json", formatversion="2", titles=titles)["query"]["pages"]
    assert [page.get("missing", False) for page in pages] == [True, False]
    assert str(pages[1]["pageid"]) == film["source_id"]
    old = asked(archive, action="query", format="json", pageids=f"{film['source_id']}|7")["query"]["pages"]
    assert old["7"]["missing"] == ""
    assert old[film["source_id"]]["title"] == f"File:{film['file_name']}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('"late set" filetype:video', 1),
        ('"set late"', 0),
        ("jazz -lantern", 3),
        ("lant* intitle:late", 1),
        ("LANTERN filemime:video/webm", 2),
        ('incategory:"Jazz clubs at night"', 1),
        ("aurora OR windmill", 2),
        ("jazz filetype:audio", 0),
        ("ňandù", 1),
        ("jaz", 0),
        ("(jazz", 5),
        ("' OR 1=1 --", 0),
        ("****", 35),
    ],
)
def test_a_search_reads_words_phrases_and_the_usual_fields(archive, query, found):
    params = SEARCH | {"gsrsearch": f"{query} -my", "gsrlimit": "max", "formatversion": "2"}
    answer = asked(archive, **params)
    assert len(answer.get("query", {}).get("pages", [])) == found


def test_without_the_namespace_of_files_nothing_is_found(archive):
    params = {name: value for name, value in SEARCH.items() if name != "gsrnamespace"}
    assert asked(archive, **params, gsrsearch="jazz") == {"batchcomplete": ""}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"action": "drop"}, "badvalue"),
        ({"generator": "allpages"}, "badvalue"),
        ({"gsrsearch": ""}, "missingparam"),
        ({"gsrsearch": "x" * 301}, "cirrussearch-query-too-long"),
        ({"gsroffset": "-1"}, "badinteger"),
        ({"gsroffset": "٣"}, "badinteger"),
        ({"gsroffset": "9999"}, "cirrussearch-offset-too-large"),
        ({"vicontinue": "Nothing.webm|20200101000000", "prop": "videoinfo"}, "badcontinue"),
        ({"maxlag": "soon"}, "badinteger"),
    ],
)
def test_what_makes_no_sense_is_an_error_in_mediawikis_shape_with_status_200(archive, params, code):
    answer = archive.get("/w/api.php", params=SEARCH | {"gsrsearch": "jazz"} | params)
    assert answer.status_code == 200
    assert answer.headers["mediawiki-api-error"] == answer.json()["error"]["code"] == code
    assert set(answer.json()["error"]) == {"code", "info", "*"}


def test_a_lag_that_is_not_accepted_asks_to_come_back(archive):
    answer = archive.get("/w/api.php", params=SEARCH | {"gsrsearch": "jazz", "maxlag": "-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, "maxlag")
    assert answer.headers["retry-after"] == "5"


def test_an_error_of_mediawiki_can_be_armed(archive):
    rule = {"path_prefix": "/w/api.php", "error": "ratelimited", "retry_after": 3, "times": 1}
    assert archive.post("/_trouble", json=rule).status_code == 200
    answers = [archive.get("/w/api.php", params=SEARCH | {"gsrsearch": "jazz"}) for _ in range(2)]
    assert answers[0].json()["error"]["code"] == "ratelimited"
    assert (answers[0].status_code, answers[0].headers["retry-after"]) == (200, "3")
    assert "query" in answers[1].json()


def test_an_unknown_parameter_or_property_is_a_warning(archive):
    answer = asked(archive, **SEARCH, gsrsearch="jazz", gsrlmit="3", prop="videoinfo|colour", gsrlimit="9999")
    assert set(answer["warnings"]) == {"main", "query", "search"}
    assert "gsrlmit" in answer["warnings"]["main"]["*"]


def test_who_does_not_say_whom_to_write_to_is_turned_away(archive):
    pages = crawled(archive, "jazz", viprop="url")
    for address in ("/w/api.php?action=query&format=json", pages[0]["videoinfo"][0]["url"]):
        for agent in ("python-requests/2", "", "bot/1 (no contact)", "Mozilla/5.0"):
            assert archive.get(address, headers={"User-Agent": agent}).status_code == 403
        for agent in (
            "bot/1 (me@example.org)",
            "bot/1.0 (https://example.org/bot) httpx/1",
            "a/1 (local stand-in only)",
        ):
            assert archive.head(address, headers={"User-Agent": agent}).status_code == 200


def test_more_requests_a_minute_than_allowed_are_refused_with_a_time_to_come_back(archive):
    headers = {"User-Agent": "greedy/1 (greedy@example.org)"}
    statuses = [archive.head("/w/api.php", headers=headers).status_code for _ in range(REQUESTS_A_MINUTE + 1)]
    assert statuses == [200] * REQUESTS_A_MINUTE + [429]
    refused = archive.get("/w/api.php", headers=headers)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    archive.delete("/_trouble")
    assert archive.get("/w/api.php", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:80@evil.example", "a b", ""])
def test_addresses_in_answers_never_name_a_host_that_the_client_made_up(archive, host):
    params = SEARCH | {"gsrsearch": "jazz", "prop": "videoinfo", "viprop": "url"}
    answer = archive.get("/w/api.php", params=params, headers={"Host": host})
    if answer.status_code == 200:
        assert "evil" not in answer.text
        assert "http://127.0.0.1:" in answer.text
    else:
        assert answer.status_code == 400  # the server would not read such a header at all


@pytest.mark.parametrize(
    "path",
    [
        "/wikipedia/commons/a/aa/../../../etc/passwd",
        "/wikipedia/commons/a/aa/..%2f..%2fetc%2fpasswd",
        "/wikipedia/commons/0/00/Slow_Aurora.webm",
        "/wikipedia/commons/x",
        "/wiki/File:..%2f..%2fetc%2fpasswd",
        "/wiki/Main_Page",
        "/wiki/File:%0d%0aX",
        "/w/index.php?curid=1",
    ],
)
def test_nothing_else_can_be_reached(archive, path):
    assert archive.get(path).status_code == 404


def test_the_home_page_leads_to_every_films_page(archive):
    home = archive.get("/").text
    addresses = re.findall(r'href="(/wiki/File:[^"]+|/videos/id-\d+/)"', home)
    assert len(addresses) == archive.get("/_health").json()["films"]
    assert {archive.get(address).status_code for address in addresses} == {200}
    assert "&quot;quotes&quot;" in home
