from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.keys import asset_id_from_source
from include.catalog.licences import DEFAULT_FAMILIES
from include.sources.internet_archive import INTERNET_ARCHIVE, ROWS
from include.sources.source import ItemRef, Page, Rejection, SourceAnswerError, Track, track_from_json, track_to_json

BY = "http://creativecommons.org/licenses/by/4.0/"
BASE = "http://127.0.0.1:4570"
RAIN = ItemRef(id="rain-album", title="Rain", licence_raw=BY)


def search_answer(*docs: Any, found: Any = None) -> dict[str, Any]:
    return {
        "responseHeader": {"status": 0, "QTime": 36, "params": {"wt": "json", "start": 0}},
        "response": {"numFound": len(docs) if found is None else found, "start": 0, "docs": list(docs)},
    }


def docs(count: int) -> list[dict[str, Any]]:
    return [{"identifier": f"item-{number}", "title": f"Item {number}", "licenseurl": BY} for number in range(count)]


def original(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "source": "original", "size": "1000", "md5": "d" * 32} | fields


def derivative(name: str, of: Any, **fields: Any) -> dict[str, Any]:
    return original(name, **{"source": "derivative", "original": of} | fields)


def item(*files: Any, **metadata: Any) -> dict[str, Any]:
    described = {"identifier": "rain-album", "title": "Rain", "creator": "Ann", "mediatype": "audio", "licenseurl": BY}
    return {
        "created": 1700000000,
        "d1": "ia800000.us.archive.org",
        "dir": "/1/items/rain-album",
        "files": list(files),
        "metadata": {key: value for key, value in (described | metadata).items() if value is not ...},
    }


def read(answer: object, families=DEFAULT_FAMILIES) -> tuple[Track | Rejection, ...]:
    return INTERNET_ARCHIVE.tracks_from_answer(answer, RAIN, families=families, download_base=BASE)


def tracks_of(*files: Any, **metadata: Any) -> list[Track]:
    found = read(item(*files, **metadata))
    assert all(isinstance(track, Track) for track in found), found
    return [track for track in found if isinstance(track, Track)]


def rejection_of(answer: object, **gate: Any) -> Rejection:
    (rejection,) = read(answer, **gate)
    assert isinstance(rejection, Rejection)
    return rejection


class TestAskingForAPage:
    def test_the_first_page_is_asked_from_advancedsearch(self):
        request = INTERNET_ARCHIVE.search_request("nature sounds", "audio", None)
        assert request.path == "/advancedsearch.php"
        assert request.params == (
            ("q", "(nature AND sounds) AND mediatype:(audio OR etree) AND licenseurl:*creativecommons*"),
            ("fl[]", "identifier"),
            ("fl[]", "title"),
            ("fl[]", "creator"),
            ("fl[]", "licenseurl"),
            ("fl[]", "mediatype"),
            ("sort[]", "downloads desc"),
            ("sort[]", "identifier asc"),
            ("rows", "50"),
            ("page", "1"),
            ("output", "json"),
        )

    def test_the_sort_ends_with_what_is_unique_so_that_pages_do_not_overlap(self):
        for cursor in (None, "scrape:abc"):
            params = INTERNET_ARCHIVE.search_request("jazz", "audio", cursor).params
            sorts = [value for name, value in params if name in ("sort[]", "sorts")]
            assert sorts[-1].endswith("identifier asc")

    def test_beyond_the_search_limit_the_scrape_api_is_asked_without_a_count(self):
        first = INTERNET_ARCHIVE.search_request("jazz", "audio", "scrape:")
        later = INTERNET_ARCHIVE.search_request("jazz", "audio", "scrape:W3siaWQi:x==")
        assert first.path == later.path == "/services/search/v1/scrape"
        assert [name for name, _ in first.params] == ["q", "fields", "sorts"]
        assert dict(later.params)["cursor"] == "W3siaWQi:x=="

    @pytest.mark.parametrize(
        ("words", "asked"),
        [
            ("jazz) OR (mediatype:movies", "jazz or mediatype movies"),
            ('"free jazz" -noise +trio', "free jazz noise trio"),
            ("rock AND NOT roll TO", "rock and not roll to"),
            ("a*b?c~2^3\\[x TO y]{z}/r/", "a b c 2 3 x to y z r"),
            ("_exists_:licenseurl", "exists licenseurl"),
            ("夜 Café", "夜 Café"),
        ],
    )
    def test_words_cannot_steer_the_query(self, words, asked):
        query = dict(INTERNET_ARCHIVE.search_request(words, "audio", None).params)["q"]
        assert (
            query == f"({' AND '.join(asked.split())}) AND mediatype:(audio OR etree) AND licenseurl:*creativecommons*"
        )

    @given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from('\ud800()[]"\\:*?ANDORT '))))
    def test_any_text_makes_a_query_of_words_or_is_refused(self, words):
        try:
            request = INTERNET_ARCHIVE.search_request(words, "audio", None)
        except ValueError:
            return
        asked = dict(request.params)["q"].split(" AND mediatype:")[0]
        asked.encode()
        assert asked[0] + asked[-1] == "()"
        assert all(word.isalnum() and word not in ("AND", "OR", "NOT", "TO") for word in asked[1:-1].split(" AND "))

    @pytest.mark.parametrize("words", ["", "  ", "-+!*", "___"])
    def test_words_without_a_letter_are_refused(self, words):
        with pytest.raises(ValueError, match="at least one letter or digit"):
            INTERNET_ARCHIVE.search_request(words, "audio", None)

    def test_video_is_refused(self):
        with pytest.raises(ValueError, match="audio here, not of video"):
            INTERNET_ARCHIVE.search_request("jazz", "video", None)

    @pytest.mark.parametrize("cursor", ["page:0", "page:201", "page:-1", "page:x", "page:", "abc", "2", "page:１"])
    def test_a_foreign_cursor_is_refused(self, cursor):
        with pytest.raises(ValueError, match="is no cursor of this source"):
            INTERNET_ARCHIVE.search_request("jazz", "audio", cursor)

    def test_an_item_is_asked_for_by_its_identifier_alone(self):
        hostile = ItemRef(id="../../x?y#z", title="", licence_raw=None)
        assert INTERNET_ARCHIVE.item_request(RAIN).path == "/metadata/rain-album"
        assert INTERNET_ARCHIVE.item_request(hostile).path == "/metadata/..%2F..%2Fx%3Fy%23z"


class TestReadingAPage:
    def test_items_come_with_title_and_licence(self):
        doc = {"identifier": "rain-album", "title": "Rain &amp; wind", "licenseurl": BY, "mediatype": "audio"}
        assert INTERNET_ARCHIVE.page_from_answers([search_answer(doc)], None) == Page(
            items=(ItemRef(id="rain-album", title="Rain & wind", licence_raw=BY),), next=None, total=1
        )

    def test_any_field_may_be_a_list_or_missing(self):
        answer = search_answer(
            {"identifier": ["a"], "title": ["One", "Two"], "licenseurl": [BY, "x"]}, {"identifier": "b"}
        )
        assert INTERNET_ARCHIVE.page_from_answers([answer], None).items == (
            ItemRef(id="a", title="One", licence_raw=f"{BY} | x"),
            ItemRef(id="b", title="b", licence_raw=None),
        )

    @pytest.mark.parametrize("identifier", [None, 5, "", "..", "a/b", "a b", "a\n", "../x", ["a", "b"], "é", "x" * 300])
    def test_an_entry_without_a_usable_identifier_is_left_out(self, identifier):
        answer = search_answer({"identifier": identifier}, {"identifier": "b"})
        page = INTERNET_ARCHIVE.page_from_answers([answer], None)
        assert [ref.id for ref in page.items] == ["b"]

    @pytest.mark.parametrize(
        ("cursor", "found", "following"),
        [
            (None, 50, None),
            (None, 51, "page:2"),
            (None, "51", "page:2"),
            ("page:2", 100, None),
            ("page:2", 101, "page:3"),
            ("page:199", 20_000, "page:200"),
            ("page:200", 10_000, None),
            ("page:200", 10_001, "scrape:"),
        ],
    )
    def test_the_next_page_follows_until_all_are_found(self, cursor, found, following):
        page = INTERNET_ARCHIVE.page_from_answers([search_answer(*docs(ROWS), found=found)], cursor)
        assert (page.next, page.total) == (following, int(found))

    @pytest.mark.parametrize(("count", "following"), [(ROWS, "page:2"), (ROWS - 1, None)])
    def test_without_a_total_a_full_page_may_have_another(self, count, following):
        answer = search_answer(*docs(count))
        del answer["response"]["numFound"]
        assert INTERNET_ARCHIVE.page_from_answers([answer], None).next == following

    def test_an_empty_page_ends_the_search_whatever_the_total_says(self):
        assert INTERNET_ARCHIVE.page_from_answers([search_answer(found=500)], "page:3").next is None

    def test_every_item_of_a_large_search_is_reached_through_both_apis(self):
        ids = [f"item-{number:05}" for number in range(10_130)]
        seen: list[str] = []
        cursor: str | None = None
        requests = 0
        while True:
            params = dict(INTERNET_ARCHIVE.search_request("jazz", "audio", cursor).params)
            if "page" in params:
                start = (int(params["page"]) - 1) * ROWS
                assert start + ROWS <= 10_000
                answer = search_answer(*({"identifier": name} for name in ids[start : start + ROWS]), found=len(ids))
            else:
                start = int(params.get("cursor", "0"))
                answer = {"items": [{"identifier": name} for name in ids[start : start + 5000]], "total": len(ids)}
                answer |= {"count": len(answer["items"])} | ({"cursor": str(start + 5000)} if start < 10_000 else {})
            page = INTERNET_ARCHIVE.page_from_answers([answer], cursor)
            requests += 1
            seen += [ref.id for ref in page.items]
            if page.next is None:
                break
            cursor = page.next
        assert set(seen) == set(ids)
        assert requests == 203

    @pytest.mark.parametrize("cursor", ["abc", "\ud800", "é"])
    def test_a_scrape_whose_cursor_leads_nowhere_is_an_error_not_a_loop(self, cursor):
        with pytest.raises(SourceAnswerError, match="does not go on from cursor"):
            INTERNET_ARCHIVE.page_from_answers([{"items": docs(3), "cursor": cursor, "total": 9}], "scrape:abc")

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            ({"error": "[RANGE_OUT_OF_BOUNDS] paging is only supported through 10000 results"}, "RANGE_OUT_OF_BOUNDS"),
            ({"error": {"code": 500}}, "refused the search: {'code': 500}"),
            ({}, r"without response\.docs"),
            ({"response": []}, r"without response\.docs"),
            ({"response": {"numFound": 3}}, r"without response\.docs"),
            ([], "with no object"),
            ("<html>503</html>", "with no object"),
            (None, "with no object"),
        ],
    )
    def test_what_is_no_page_is_a_named_error(self, answer, message):
        with pytest.raises(SourceAnswerError, match=message):
            INTERNET_ARCHIVE.page_from_answers([answer], None)

    def test_a_scrape_without_items_is_a_named_error(self):
        with pytest.raises(SourceAnswerError, match="without items"):
            INTERNET_ARCHIVE.page_from_answers([{"total": 3}], "scrape:")


class TestReadingAnItem:
    def test_a_track_carries_what_the_archive_declares(self):
        (track,) = tracks_of(
            original(
                "01 Rain.flac",
                format="24bit Flac",
                size="61727450",
                md5="AB" * 16,
                length="167.25",
                title="Rain &amp; I",
            )
        )
        assert track_to_json(track) == {
            "source": "internet-archive",
            "source_id": "rain-album/01 Rain.flac",
            "item_id": "rain-album",
            "source_url": "https://archive.org/details/rain-album",
            "download_url": "http://127.0.0.1:4570/download/rain-album/01%20Rain.flac",
            "title": "Rain & I",
            "creator": "Ann",
            "licence_raw": BY,
            "licence": {
                "id": "CC-BY-4.0",
                "version": "4.0",
                "url": "https://creativecommons.org/licenses/by/4.0/",
                "raw": BY,
                "attribution_required": True,
                "allows_derivatives": True,
                "allows_commercial": True,
                "share_alike": False,
                "allows_redistribution": True,
            },
            "original_name": "01 Rain.flac",
            "size_bytes": 61727450,
            "md5": "ab" * 16,
            "duration_s": 167.25,
            "media_type": "audio",
            "sha1": None,
        }

    def test_the_page_of_the_work_is_the_public_one_wherever_files_are_fetched(self):
        found = INTERNET_ARCHIVE.tracks_from_answer(
            item(original("a.mp3")), RAIN, families=DEFAULT_FAMILIES, download_base="https://archive.org/"
        )
        assert isinstance(found[0], Track)
        assert found[0].download_url == "https://archive.org/download/rain-album/a.mp3"
        assert found[0].source_url == "https://archive.org/details/rain-album"

    def test_of_each_recording_the_original_is_taken(self):
        found = tracks_of(
            derivative("one.mp3", "one.flac", format="VBR MP3"),
            derivative("one.ogg", "one.flac", format="Ogg Vorbis"),
            derivative("one.png", "one.flac", format="PNG"),
            derivative("one_spectrogram.png", "one.flac", format="Spectrogram"),
            derivative("one.afpk", "one.flac", format="Columbia Peaks"),
            original("one.flac", format="Flac"),
            original("two.mp3", format="128Kbps MP3"),
            derivative("two_64kb.mp3", "two.mp3", format="64Kbps MP3"),
            derivative("two.ogg", "two.mp3", format="Ogg Vorbis"),
        )
        assert [track.original_name for track in found] == ["one.flac", "two.mp3"]

    def test_an_original_that_few_decoders_read_gives_way_to_its_best_derivative(self):
        found = tracks_of(
            original("d1t01.shn", format="Shorten", length="0", title="Casey", track="1"),
            derivative("d1t01.ogg", "d1t01.shn", format="Ogg Vorbis", length="337.2"),
            derivative("d1t01_64kb.mp3", "d1t01.shn", format="64Kbps MP3", size="500", length="05:36"),
            derivative("d1t01.mp3", ["d1t01.shn", None], format="VBR MP3", size="900", length="05:37"),
        )
        assert [(track.original_name, track.title, track.duration_s) for track in found] == [
            ("d1t01.mp3", "Casey", 337.0)
        ]

    def test_without_a_derivative_such_an_original_is_better_than_nothing(self):
        assert [track.original_name for track in tracks_of(original("d1t01.shn", format="Shorten"))] == ["d1t01.shn"]

    def test_two_originals_of_one_recording_are_one_track(self):
        found = tracks_of(original("one.mp3", format="VBR MP3"), original("one.wav", format="WAVE"))
        assert [track.original_name for track in found] == ["one.wav"]

    def test_a_derivative_of_a_derivative_belongs_to_the_first_original(self):
        found = tracks_of(
            derivative("b.mp3", "b.wav", format="VBR MP3"),
            derivative("b.wav", "a.shn", format="WAVE"),
            original("a.shn", format="Shorten"),
        )
        assert [track.original_name for track in found] == ["b.wav"]

    def test_derivatives_that_name_no_original_are_grouped_by_their_name(self):
        found = tracks_of(
            {"name": "one_64kb.mp3", "source": "derivative", "format": "64Kbps MP3"},
            {"name": "one_vbr.mp3", "source": "derivative", "format": "VBR MP3", "size": "900"},
        )
        assert [track.original_name for track in found] == ["one_vbr.mp3"]

    def test_files_that_name_each_other_as_original_end(self):
        found = tracks_of(derivative("a.mp3", "b.mp3"), derivative("b.mp3", "a.mp3"), derivative("c.mp3", "c.mp3"))
        assert {track.original_name for track in found} <= {"a.mp3", "b.mp3", "c.mp3"}

    @pytest.mark.parametrize(
        "file",
        [
            original("rain-album_files.xml", format="Metadata"),
            original("rain-album_files.xml", format="VBR MP3"),
            original("cover.jpg", format="JPEG"),
            original("notes.txt", format="Text"),
            original("list.m3u", format="VBR M3U"),
            original("all.zip", format="VBR ZIP"),
            original("film.ogg", format="Ogg Video"),
            original("song.mid", format="MIDI"),
            original("song.mp3", format="VBR MP3", private="true"),
            original("song.mp3", format="VBR MP3", private=True),
            original("song.mp3", format="MP3 Sample"),
            derivative("song_sample.mp3", "song.flac", format="128Kbps MP3"),
            original("song.mp3", source="metadata"),
            original("song.ffp.txt", format="Flac FingerPrint"),
            original("song.mp3", format="Checksums"),
            {"format": "VBR MP3"},
            {"name": 5, "format": "VBR MP3"},
            {"name": "..", "format": "VBR MP3"},
            {"name": "", "format": "VBR MP3"},
            {"name": "\ud800.mp3"},
            {"name": "é" * 500 + ".mp3"},
            "song.mp3",
            None,
        ],
    )
    def test_what_is_no_audio_to_fetch_is_passed_over(self, file):
        assert rejection_of(item(file)).error == "NoMediaFile"

    @pytest.mark.parametrize(
        "file",
        [
            original("film.mp4", format="h.264"),
            original("talk.webm", format="WebM"),
            original("dictation.raw", format="Unknown"),
            original("song.mp3", format="VBR MP3", size="0"),
        ],
    )
    def test_what_may_hold_sound_is_taken_when_there_is_nothing_better(self, file):
        (track,) = read(item(file))
        assert track.original_name == file["name"]
        (better,) = read(item(file, original("song.flac", format="Flac")))
        assert better.original_name == "song.flac"
        assert [track.original_name for track in tracks_of(file, original("good.mp3"))] == ["good.mp3"]

    def test_a_private_original_is_replaced_by_its_public_derivative(self):
        found = tracks_of(
            original("one.flac", format="Flac", private="true", title="One"), derivative("one.mp3", "one.flac")
        )
        assert [track.original_name for track in found] == ["one.mp3"]

    @pytest.mark.parametrize("name", ["a.FLAC", "a.wav", "a.aiff", "a.mp3", "a.ogg", "a.opus", "a.m4a", "disc 1/a.mp3"])
    def test_without_a_format_the_extension_decides(self, name):
        assert [track.original_name for track in tracks_of({"name": name})] == [name]

    def test_tracks_come_in_the_order_of_their_numbers_then_of_their_names(self):
        found = tracks_of(
            original("c.mp3", track="10/12"),
            original("z.mp3"),
            original("b.mp3", track="2"),
            original("a.mp3", track="03"),
            original("y.mp3", track="side B"),
            original("d.mp3", track=["1 of 12"]),
            original("e.mp3", track=0),
        )
        assert [track.original_name[0] for track in found] == ["e", "d", "b", "a", "c", "y", "z"]

    @pytest.mark.parametrize(
        ("length", "duration_s"),
        [
            ("167.25", 167.25),
            (167.25, 167.25),
            (60, 60.0),
            ("05:37", 337.0),
            ("0:07.5", 7.5),
            ("1:02:03", 3723.0),
            ("90:00", 5400.0),
            (["12"], 12.0),
            ("0", None),
            ("00:00", None),
            ("-5", None),
            ("nan", None),
            (float("inf"), None),
            ("1e9", None),
            ("12 min", None),
            ("１２", None),
            (True, None),
            (None, None),
        ],
    )
    def test_a_length_is_seconds_or_a_clock(self, length, duration_s):
        (track,) = tracks_of(original("a.mp3", length=length))
        assert track.duration_s == duration_s

    @pytest.mark.parametrize(
        ("declared", "read_as"),
        [("1000", 1000), (1000, 1000), ("-1", None), ("1 kB", None), (None, None), ("9" * 30, None)],
    )
    def test_a_size_is_a_whole_number_or_unknown(self, declared, read_as):
        (track,) = tracks_of(original("a.mp3", size=declared))
        assert track.size_bytes == read_as

    @pytest.mark.parametrize("declared", [None, "", "xyz", "d" * 31, "d" * 33, 5])
    def test_a_digest_that_is_none_is_unknown(self, declared):
        (track,) = tracks_of(original("a.mp3", md5=declared))
        assert track.md5 is None

    def test_a_lone_track_without_a_title_has_the_items(self):
        assert [track.title for track in tracks_of(original("a.mp3", track="1"))] == ["Rain"]

    def test_several_tracks_without_titles_are_told_apart(self):
        found = tracks_of(
            original("x/one.mp3", track="1"),
            original("two.mp3"),
            original("three.mp3", title="Storm"),
            title=["Rain", "Wet"],
        )
        assert [track.title for track in found] == ["Rain, track 1", "Storm", "Rain, two"]

    def test_tracks_that_share_a_number_are_told_apart_by_their_names(self):
        found = tracks_of(original("take-a.mp3", track="1"), original("take-b.mp3", track="1"))
        assert [track.title for track in found] == ["Rain, take-a", "Rain, take-b"]

    @pytest.mark.parametrize(
        ("on_file", "on_item", "creator"),
        [
            ({}, "Ann", "Ann"),
            ({}, ["Ann", "Bob"], "Ann, Bob"),
            ({}, ..., None),
            ({"creator": "Cy;Di"}, "Various Artists", "Cy, Di"),
            ({"artist": "Cy"}, "Label", "Cy"),
            ({"creator": "Unknown Artist"}, "Ann", "Ann"),
            ({"creator": ["<b>Cy</b>", ""]}, "Ann", "Cy"),
        ],
    )
    def test_the_author_is_who_made_the_track_else_who_made_the_item(self, on_file, on_item, creator):
        (track,) = tracks_of(original("a.mp3", **on_file), creator=on_item)
        assert track.creator == creator

    def test_an_item_without_a_title_has_the_one_of_the_search(self):
        assert [track.title for track in tracks_of(original("a.mp3"), title=...)] == ["Rain"]


class TestRefusingAnItem:
    @pytest.mark.parametrize(
        ("licenseurl", "error", "message"),
        [
            (..., "LicenceMissing", "names no licence"),
            ("", "LicenceMissing", "names no licence"),
            ([], "LicenceMissing", "names no licence"),
            ({"x": 1}, "LicenceMissing", "names no licence"),
            ("All rights reserved", "LicenceUnknown", "All rights reserved"),
            ("https://creativecommons.org/licenses/by/", "LicenceUnknown", "licenses/by/"),
            ("https://creativecommons.org/licenses/sampling+/1.0/", "LicenceUnknown", "sampling+"),
            ([BY, "http://creativecommons.org/licenses/by-nd/4.0/"], "LicenceUnknown", "by-nd"),
            (["http://www.gnu.org/copyleft/fdl.html", BY], "LicenceUnknown", "gnu.org"),
            ("http://creativecommons.org/licenses/by-nd/4.0/", "LicenceNotAllowed", "CC-BY-ND-4.0"),
        ],
    )
    def test_the_licence_gate_names_its_reason(self, licenseurl, error, message):
        rejection = rejection_of(item(original("a.mp3"), licenseurl=licenseurl))
        assert (rejection.source_id, rejection.title, rejection.error) == ("rain-album", "Rain", error)
        assert message in rejection.message

    def test_the_gate_takes_what_it_is_told_to_take(self):
        by_nd = item(original("a.mp3"), licenseurl="http://creativecommons.org/licenses/by-nd/4.0/")
        assert isinstance(read(by_nd, families=["by-nd"])[0], Track)
        assert rejection_of(item(original("a.mp3")), families=["cc0"]).error == "LicenceNotAllowed"

    def test_a_family_that_does_not_exist_is_an_error(self):
        with pytest.raises(ValueError, match="no licence family 'ccby'"):
            read(item(original("a.mp3")), families=["ccby"])

    def test_a_list_that_names_one_licence_in_two_spellings_is_taken_with_its_claims(self):
        (track,) = tracks_of(original("a.mp3"), licenseurl=[f"{BY}deed.de", BY])
        assert track.licence.id == "CC-BY-4.0"
        assert track.licence_raw == f"{BY}deed.de | {BY}"

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ({}, "ItemUnavailable"),
            ([], "ItemUnavailable"),
            ({"is_dark": True, "metadata": {"identifier": "rain-album"}}, "ItemUnavailable"),
            (item(original("a.mp3")) | {"is_dark": "true"}, "ItemUnavailable"),
            (item(original("a.mp3")) | {"nodownload": True}, "ItemUnavailable"),
            (item(original("a.mp3"), **{"access-restricted-item": "true"}), "ItemUnavailable"),
            ({"metadata": {}}, "MalformedItem"),
            ({"files": []}, "MalformedItem"),
            ({"metadata": [], "files": {}}, "MalformedItem"),
            (item(original("a.mp3"), identifier="another"), "MalformedItem"),
            (item(original("a.mp3"), mediatype="movies"), "NoMediaFile"),
            (item(original("a.mp3"), mediatype="collection"), "NoMediaFile"),
            (item(), "NoMediaFile"),
        ],
    )
    def test_an_item_that_cannot_be_taken_says_why(self, answer, error):
        rejection = rejection_of(answer)
        assert rejection.error == error
        assert rejection.message

    @pytest.mark.parametrize("answer", [{"error": "Couldn't locate item"}, None, "", "<html>", 5, [1]])
    def test_an_answer_about_no_item_is_a_named_error(self, answer):
        with pytest.raises(SourceAnswerError, match="metadata of rain-album"):
            read(answer)


class TestHostileNames:
    @pytest.mark.parametrize(
        "name",
        [
            "../../etc/passwd.mp3",
            "/etc/passwd.mp3",
            "//evil.example/a.mp3",
            "..\\..\\windows.mp3",
            "a/../../other-item/b.mp3",
            "./a.mp3",
            "a\r\nHost: evil.example.mp3",
            "null\x00.mp3",
            "what?.mp3",
            "hash#tag.mp3",
            "100%2e%2e.mp3",
            "http:evil.mp3",
            "夜 & 🎵.mp3",
            "x" * 700 + ".mp3",
        ],
    )
    def test_a_file_name_stays_below_its_item(self, name):
        (track,) = tracks_of(original(name))
        assert track.original_name == name
        assert track.download_url.isascii()
        assert track.download_url.isprintable()
        below = f"{BASE}/download/rain-album/"
        assert urljoin(below, track.download_url).startswith(below)
        path = urlsplit(track.download_url).path.removeprefix("/download/rain-album/")
        assert unquote(path) == name
        assert not {"", ".", ".."} & set(path.split("/"))


odd_text = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\ud800\udfff\x00\n\u202e<&\\/. ")), max_size=12)
texts = st.one_of(
    odd_text,
    st.sampled_from(
        [
            "original",
            "derivative",
            "a.mp3",
            "b.flac",
            "../x.ogg",
            "VBR MP3",
            "Flac",
            "1/2",
            "05:37",
            "true",
            BY,
            "rain-album",
        ]
    ),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda members: st.one_of(st.lists(members, max_size=3), st.dictionaries(texts, members, max_size=3)),
    max_leaves=6,
)


def mostly(expected: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(expected, expected, expected, json_values)


file_fields = ["name", "source", "original", "format", "size", "md5", "length", "track", "title", "creator", "private"]
files = st.lists(mostly(st.dictionaries(st.sampled_from(file_fields), mostly(texts), max_size=8)), max_size=6)
odd_items = st.fixed_dictionaries(
    {},
    optional={
        "metadata": mostly(
            st.fixed_dictionaries(
                {"licenseurl": mostly(st.just(BY))},
                optional={"title": json_values, "creator": json_values, "identifier": texts},
            )
        ),
        "files": mostly(files),
        "is_dark": json_values,
        "error": st.one_of(st.none(), json_values),
    },
)


@given(mostly(odd_items))
def test_whatever_an_item_says_it_is_tracks_or_a_rejection_or_a_named_error(answer):
    try:
        found = read(answer)
    except SourceAnswerError as error:
        str(error).encode()
        return
    assert found
    for one in found:
        if isinstance(one, Track):
            assert track_from_json(json.loads(json.dumps(track_to_json(one)))) == one
            json.dumps(track_to_json(one), ensure_ascii=False, allow_nan=False).encode()
            assert asset_id_from_source(one.source, one.source_id)
            assert urljoin(f"{BASE}/", one.download_url).startswith(f"{BASE}/download/rain-album/")
            assert len(one.source_id.encode()) <= 1024
        else:
            assert found == (one,)
            one.message.encode()
    assert len({one.source_id for one in found}) == len(found)


odd_pages = st.fixed_dictionaries(
    {},
    optional={
        "response": mostly(
            st.fixed_dictionaries(
                {"docs": mostly(st.lists(json_values, max_size=4))}, optional={"numFound": json_values}
            )
        ),
        "items": mostly(
            st.lists(
                mostly(st.fixed_dictionaries({"identifier": texts, "title": json_values, "licenseurl": json_values}))
            )
        ),
        "cursor": json_values,
        "total": json_values,
        "error": json_values,
    },
)


@given(mostly(odd_pages), st.sampled_from([None, "page:7", "page:200", "scrape:", "scrape:abc"]))
def test_whatever_a_search_says_it_is_a_page_or_a_named_error(answer, cursor):
    try:
        page = INTERNET_ARCHIVE.page_from_answers([answer], cursor)
    except SourceAnswerError as error:
        str(error).encode()
        return
    for ref in page.items:
        assert INTERNET_ARCHIVE.item_request(ref).path == f"/metadata/{ref.id}"
        f"{ref.title}{ref.licence_raw}".encode()
    if page.next is not None:
        assert page.next != cursor
        INTERNET_ARCHIVE.search_request("jazz", "audio", page.next)
