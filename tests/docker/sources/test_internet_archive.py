"""The Internet Archive's wire shapes, as recorded answers show them."""

from __future__ import annotations

import hashlib
import re

import httpx
import pytest

from sources_emulator.campaigns import CAMPAIGNS

CC_AUDIO = "({}) AND mediatype:(audio OR etree) AND licenseurl:*creativecommons*"


def found(archive: httpx.Client, query: str, **params: object) -> list[dict]:
    asked = {"q": query, "output": "json", "rows": 500} | params
    return archive.get("/advancedsearch.php", params=asked).raise_for_status().json()["response"]["docs"]


def audio_files(archive: httpx.Client, identifier: str) -> list[dict]:
    return [file for file in archive.get(f"/metadata/{identifier}").json()["files"] if "length" in file]


@pytest.mark.parametrize("campaign", [*CAMPAIGNS, "trouble", "my-media"])
def test_a_campaigns_words_find_its_own_items_and_no_others(archive, campaign):
    docs = found(archive, CC_AUDIO.format(campaign.replace("-", " ")))
    truth = archive.get("/_truth").json()["tracks"]
    own = {told["identifier"] for told in truth if told["campaign"] == campaign}
    identifiers = {doc["identifier"] for doc in docs}
    if campaign == "my-media":
        assert all(identifier.startswith("my-media-") for identifier in identifiers)
        assert len(identifiers) == 5
    else:
        assert identifiers <= own | {"trouble-no-audio"}
        assert len(identifiers) >= 10


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_a_campaign_has_eight_good_items_and_a_flawed_one_among_the_first_five(archive, campaign):
    docs = found(archive, CC_AUDIO.format(campaign.replace("-", " ")))
    good = {told["identifier"] for told in archive.get("/_truth").json()["tracks"] if told["good"]}
    assert sum(doc["identifier"] in good for doc in docs) >= 8
    assert any(doc["identifier"] not in good for doc in docs[:5])


def test_advanced_search_answers_in_the_recorded_shape(archive):
    answer = archive.get(
        "/advancedsearch.php",
        params=[
            ("q", "jazz"),
            ("fl[]", "identifier"),
            ("fl[]", "title"),
            ("sort[]", "downloads desc"),
            ("rows", "3"),
            ("output", "json"),
        ],
    ).json()
    assert answer["responseHeader"]["status"] == 0
    params = answer["responseHeader"]["params"]
    assert set(params) == {"query", "qin", "fields", "wt", "sort", "rows", "start"}
    assert (params["fields"], params["sort"], params["rows"], params["start"]) == (
        "identifier,title",
        "downloads desc",
        "3",
        0,
    )
    assert set(answer["response"]) == {"numFound", "start", "docs"}
    assert answer["response"]["numFound"] == 11
    assert [set(doc) for doc in answer["response"]["docs"]] == [{"identifier", "title"}] * 3


def test_pages_together_give_every_result_once_and_in_order(archive):
    whole = [doc["identifier"] for doc in found(archive, "trouble")]
    pages = [[doc["identifier"] for doc in found(archive, "trouble", rows=10, page=page)] for page in range(1, 6)]
    assert [identifier for page in pages for identifier in page] == whole
    assert pages[4] == []


def test_results_keep_the_catalogues_order_unless_a_sort_is_given(archive):
    order = [doc["identifier"] for doc in found(archive, "jazz")]
    assert order[0] == "late-train-to-nowhere"
    downloads = [doc["downloads"] for doc in found(archive, "jazz", **{"sort[]": "downloads desc"})]
    assert downloads == sorted(downloads, reverse=True)
    assert [doc["identifier"] for doc in found(archive, "jazz", **{"sort[]": "downloads desc"})] == order
    titles = [doc["title"] for doc in found(archive, "jazz", **{"sort[]": "title asc"})]
    assert titles == sorted(titles, key=str.lower)


@pytest.mark.parametrize(("rows", "page"), [(50, 201), (10_001, 1), (1, 10_001)])
def test_paging_past_ten_thousand_is_refused_in_the_archives_words(archive, rows, page):
    answer = archive.get("/advancedsearch.php", params={"q": "jazz", "output": "json", "rows": rows, "page": page})
    assert answer.json()["error"].startswith("[RANGE_OUT_OF_BOUNDS] paging is only supported through 10000 results")


def test_the_last_page_within_ten_thousand_is_served(archive):
    assert found(archive, "jazz", rows=50, page=200) == []


@pytest.mark.parametrize(
    "query", ["(jazz", "jazz)", "", "AND", "title:", 'say "when', "[a TO", "a" * 9000, "(" * 60 + "a" + ")" * 60]
)
def test_a_query_that_cannot_be_read_is_an_error_in_json_on_both_searches(archive, query):
    assert set(archive.get("/advancedsearch.php", params={"q": query, "output": "json"}).json()) == {"error"}
    answer = archive.get("/services/search/v1/scrape", params={"q": query})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "errorType"}


@pytest.mark.parametrize("params", [{"rows": "-1"}, {"rows": "many"}, {"page": "0"}, {"sort[]": "title sideways"}])
def test_a_parameter_that_makes_no_sense_is_an_error(archive, params):
    assert "error" in archive.get("/advancedsearch.php", params={"q": "jazz", "output": "json"} | params).json()


def test_scrape_walks_every_result_with_its_cursor(archive):
    seen, cursor = [], None
    while True:
        params = {"q": "subject:plenty", "fields": "identifier,title", "count": 100} | (
            {"cursor": cursor} if cursor else {}
        )
        page = archive.get("/services/search/v1/scrape", params=params).raise_for_status().json()
        assert page["count"] == len(page["items"])
        assert page["total"] == 230
        seen += [item["identifier"] for item in page["items"]]
        if "cursor" not in page:
            break
        cursor = page["cursor"]
    assert seen == sorted(seen)
    assert len(set(seen)) == len(seen) == 230


def test_scrape_gives_the_identifier_alone_when_no_fields_are_asked_for(archive):
    page = archive.get("/services/search/v1/scrape", params={"q": "jazz"}).json()
    assert [set(item) for item in page["items"]] == [{"identifier"}] * 11
    assert "cursor" not in page


def test_scrape_can_tell_the_total_only(archive):
    page = archive.get("/services/search/v1/scrape", params={"q": "jazz", "total_only": "true"}).json()
    assert page == {"items": [], "count": 0, "total": 11}


@pytest.mark.parametrize(
    "params",
    [{"count": 99}, {"count": 10_001}, {"cursor": "???"}, {"cursor": "W10="}, {"sorts": "identifier asc,title asc"}],
)
def test_scrape_refuses_what_the_archive_refuses(archive, params):
    answer = archive.get("/services/search/v1/scrape", params={"q": "jazz"} | params)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_metadata_has_the_recorded_keys(archive, stand_in):
    answer = archive.get("/metadata/late-train-to-nowhere").json()
    keys = "created d1 d2 dir files files_count item_size metadata server uniq workable_servers"
    assert set(answer) == set(keys.split())
    assert answer["files_count"] == len(answer["files"])
    assert answer["item_size"] == sum(int(file.get("size", 0)) for file in answer["files"])
    assert answer["server"] == stand_in.removeprefix("http://")
    assert re.fullmatch(r"/\d+/items/late-train-to-nowhere", answer["dir"])
    assert answer["metadata"]["licenseurl"] == "http://creativecommons.org/licenses/by/4.0/"


def test_an_unknown_identifier_is_an_empty_object_with_status_200(archive):
    answer = archive.get("/metadata/no-such-item")
    assert (answer.status_code, answer.json()) == (200, {})


def test_a_part_of_the_metadata_can_be_asked_for(archive):
    assert archive.get("/metadata/late-train-to-nowhere/metadata/title").json() == {"result": "Late Train to Nowhere"}
    assert "error" in archive.get("/metadata/late-train-to-nowhere/metadata/nothing").json()


def test_fields_are_a_string_in_one_item_and_a_list_in_another(archive):
    kinds = {type(doc["creator"]) for doc in found(archive, "jazz")}
    assert kinds == {str, list}
    assert {type(doc["subject"]) for doc in found(archive, "jazz")} == {str, list}


def test_an_album_has_an_original_and_a_derivative_for_each_track(archive):
    files = audio_files(archive, "night-porters-2016-09-14.flac16")
    originals = [file for file in files if file["source"] == "original"]
    assert [file["track"] for file in originals] == ["01", "02", "03", "04"]
    assert {file["format"] for file in originals} == {"Flac"}
    derived = [file for file in files if file["source"] == "derivative"]
    assert {file["original"] for file in derived} == {file["name"] for file in originals}
    assert all(re.fullmatch(r"\d\d:\d\d", file["length"]) for file in derived if file["format"] == "VBR MP3")
    assert all(re.fullmatch(r"\d+\.\d\d", file["length"]) for file in originals)


def test_an_item_lists_a_waveform_its_metadata_and_a_listing_that_cannot_match_its_own_md5(archive):
    files = {file["name"]: file for file in archive.get("/metadata/corner-table").json()["files"]}
    assert files["Corner Table.png"]["format"] == "PNG"
    assert archive.get("/download/corner-table/Corner%20Table.png", follow_redirects=True).content.startswith(
        b"\x89PNG"
    )
    meta = archive.get("/download/corner-table/corner-table_meta.xml", follow_redirects=True).content
    assert hashlib.md5(meta).hexdigest() == files["corner-table_meta.xml"]["md5"]
    listing = archive.get("/download/corner-table/corner-table_files.xml", follow_redirects=True).content
    assert hashlib.md5(listing).hexdigest() != files["corner-table_files.xml"]["md5"]
    assert "size" not in files["corner-table_files.xml"]


def test_a_private_original_is_refused_and_its_derivative_served(archive):
    files = audio_files(archive, "machine-room-suite")
    private = [file for file in files if file.get("private") == "true"]
    assert len(private) == 4
    assert archive.get(f"/download/machine-room-suite/{private[0]['name']}", follow_redirects=True).status_code == 403
    public = next(file for file in files if "private" not in file)
    answer = archive.get(f"/download/machine-room-suite/{public['name']}", follow_redirects=True)
    assert hashlib.md5(answer.content).hexdigest() == public["md5"]


def test_every_good_items_bytes_match_their_checksums_and_sizes(archive):
    good = {
        told["identifier"]
        for told in archive.get("/_truth").json()["tracks"]
        if told["good"] and told["campaign"] in CAMPAIGNS
    }
    for identifier in sorted(good):
        for file in audio_files(archive, identifier):
            if "private" in file:
                continue
            answer = archive.get(f"/download/{identifier}/{file['name']}", follow_redirects=True)
            assert len(answer.content) == int(file["size"])
            assert hashlib.md5(answer.content).hexdigest() == file["md5"]
            assert hashlib.sha1(answer.content).hexdigest() == file["sha1"]
            assert answer.headers["content-type"].startswith("audio/")


def test_a_download_is_redirected_to_the_items_server_on_the_same_port(archive, stand_in):
    answer = archive.get("/download/late-train-to-nowhere/Late%20Train%20to%20Nowhere.mp3")
    assert answer.status_code == 302
    assert re.fullmatch(
        re.escape(stand_in) + r"/\d+/items/late-train-to-nowhere/Late%20Train%20to%20Nowhere\.mp3",
        answer.headers["location"],
    )


@pytest.mark.parametrize(
    "path",
    ["/download/no-such-item/a.mp3", "/download/corner-table/no.mp3", "/99/items/corner-table/Corner%20Table.m4a"],
)
def test_an_unknown_file_is_a_page_with_status_404(archive, path):
    answer = archive.get(path, follow_redirects=True)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_the_home_page_and_an_items_page_can_be_read_by_people(archive):
    home = archive.get("/").text
    assert "/_drives" in home
    assert all(campaign in home for campaign in CAMPAIGNS)
    page = archive.get("/details/late-train-to-nowhere").text
    assert "The Blue Lantern Trio" in page
    assert "<audio" in page


def test_health_counts_the_items(archive):
    health = archive.get("/_health").json()
    assert health["status"] == "ok"
    assert health["my_media"] == 8
    assert health["items"] == sum(health["campaigns"].values())
