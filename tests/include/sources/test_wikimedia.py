from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.attribution import attribution_text
from include.catalog.keys import asset_id_from_source
from include.catalog.licences import DEFAULT_FAMILIES
from include.sources.errors import Throttled
from include.sources.source import (
    ItemRef,
    Rejection,
    Request,
    SourceAnswerError,
    Track,
    track_from_json,
    track_to_json,
)
from include.sources.wikimedia import HITS, SEARCH_LIMIT, WIKIMEDIA, merged_pages

BASE = "https://commons.wikimedia.org"
UPLOAD = "https://upload.wikimedia.org/wikipedia/commons/a/ab"
BY_SA = "https://creativecommons.org/licenses/by-sa/4.0"
SHA1 = "0123456789abcdef0123456789abcdef01234567"
REF = ItemRef(id="7", title="Ebb tide", licence_raw=None)


def metadata(**fields: Any) -> dict[str, Any]:
    told = {
        "Artist": '<a href="//commons.wikimedia.org/wiki/User:Ann" title="User:Ann">Ann Author</a>',
        "AttributionRequired": "true",
        "Copyrighted": "True",
        "Credit": '<span class="int-own-work" lang="en">Own work</span>',
        "License": "cc-by-sa-4.0",
        "LicenseShortName": "CC BY-SA 4.0",
        "LicenseUrl": BY_SA,
        "Restrictions": "",
        "UsageTerms": "Creative Commons Attribution-Share Alike 4.0",
    }
    return {
        name: {"value": value, "source": "commons-desc-page", "hidden": ""}
        for name, value in (told | fields).items()
        if value is not ...
    }


def info(**fields: Any) -> dict[str, Any]:
    told = {
        "user": "Uploader",
        "size": 1234567,
        "width": 1920,
        "height": 1080,
        "duration": 12.5,
        "url": f"{UPLOAD}/Ebb_tide.webm",
        "descriptionurl": "https://commons.wikimedia.org/wiki/File:Ebb_tide.webm",
        "descriptionshorturl": "https://commons.wikimedia.org/w/index.php?curid=7",
        "sha1": SHA1,
        "mime": "video/webm",
        "mediatype": "VIDEO",
        "extmetadata": metadata(),
    }
    return {name: value for name, value in (told | fields).items() if value is not ...}


def page(number: int = 7, *, told: Any = None, **fields: Any) -> dict[str, Any]:
    about = {"pageid": number, "ns": 6, "title": "File:Ebb tide.webm", "index": number, "imagerepository": "local"}
    return about | {"videoinfo": [info() if told is None else told]} | fields


def answer(*pages: Any, complete: bool = True, **going_on: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"batchcomplete": True} if complete else {}
    return told | ({"continue": going_on} if going_on else {}) | {"query": {"pages": list(pages)}}


def old_answer(*pages: Any, complete: bool = True, **going_on: Any) -> dict[str, Any]:
    """As ``answer``, in the shape of ``formatversion=1``."""
    told: dict[str, Any] = {"batchcomplete": ""} if complete else {}
    by_id = {str(told_page["pageid"]): told_page for told_page in pages}
    return told | ({"continue": going_on} if going_on else {}) | {"query": {"pages": by_id}}


def read(told: object, base: str = BASE) -> Track | Rejection:
    (found,) = WIKIMEDIA.tracks_from_answer(told, REF, families=DEFAULT_FAMILIES, download_base=base)
    return found


def track_of(told: object, base: str = BASE) -> Track:
    found = read(told, base)
    assert isinstance(found, Track), found
    return found


def rejection_of(told: object, base: str = BASE) -> Rejection:
    found = read(told, base)
    assert isinstance(found, Rejection), found
    return found


class TestAskingForAPage:
    def test_one_request_searches_films_and_asks_for_all_that_is_to_be_known(self):
        request = WIKIMEDIA.search_request("ebb tide", "video", None)
        params = dict(request.params)
        assert (request.path, len(params)) == ("/w/api.php", len(request.params))
        assert params["gsrsearch"] == "ebb tide filetype:video"
        assert (params["generator"], params["gsrnamespace"], params["gsrlimit"]) == ("search", "6", str(HITS))
        assert params["viprop"].split("|") == ["url", "size", "sha1", "mime", "mediatype", "user", "extmetadata"]
        assert params["maxlag"] == "5"
        assert "gsroffset" not in params
        assert dict(WIKIMEDIA.search_request("ebb", "video", "50").params)["gsroffset"] == "50"

    @given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from('\ud800:"-!|~*?\\/[]{}ANDORT intile'))))
    def test_any_text_makes_a_query_of_words_or_is_refused(self, words):
        try:
            request = WIKIMEDIA.search_request(words, "video", None)
        except ValueError:
            return
        asked = dict(request.params)["gsrsearch"]
        asked.encode()
        assert len(asked) <= 300
        *kept, last = asked.split(" ")
        assert last == "filetype:video"
        assert kept
        assert all(word.isalnum() and word not in ("AND", "OR", "NOT") for word in kept)

    def test_words_that_do_not_fit_a_query_are_left_out_and_the_filter_is_not(self):
        asked = dict(WIKIMEDIA.search_request("tides " * 100, "video", None).params)["gsrsearch"]
        assert len(asked) <= 300
        assert asked.endswith("tides filetype:video")

    def test_audio_is_refused(self):
        with pytest.raises(ValueError, match="video here, not of audio"):
            WIKIMEDIA.search_request("ebb", "audio", None)

    @pytest.mark.parametrize("cursor", ["0", "-1", "09", "9999", "99999", "page:2", "", "²"])
    def test_a_foreign_cursor_is_refused(self, cursor):
        with pytest.raises(ValueError, match="is no cursor of this source"):
            WIKIMEDIA.search_request("ebb", "video", cursor)

    def test_a_film_need_not_be_asked_for(self):
        assert WIKIMEDIA.item_request(REF) is None


class TestFollowingContinue:
    REQUEST = WIKIMEDIA.search_request("ebb", "video", "25")

    def test_the_rest_is_asked_for_with_every_value_of_continue_beside_the_first_request(self):
        part = answer(page(1), complete=False, vicontinue="B.webm|2020", continued="x", **{"continue": "||info"})
        second = WIKIMEDIA.further_request(self.REQUEST, part)
        assert second is not None
        added = {"vicontinue": "B.webm|2020", "continued": "x", "continue": "||info"}
        assert dict(second.params) == dict(self.REQUEST.params) | added

    def test_a_value_of_an_earlier_continue_is_not_sent_again(self):
        second = WIKIMEDIA.further_request(
            self.REQUEST, answer(page(1), complete=False, gucontinue="B", **{"continue": "||videoinfo"})
        )
        assert second is not None
        third = WIKIMEDIA.further_request(
            second, answer(page(1), complete=False, vicontinue="C", **{"continue": "||globalusage"})
        )
        assert third is not None
        assert dict(third.params) == dict(self.REQUEST.params) | {"vicontinue": "C", "continue": "||globalusage"}

    @pytest.mark.parametrize(
        "complete",
        [
            answer(page(1)),
            answer(page(1), gsroffset=50, **{"continue": "gsroffset||"}),
            old_answer(page(1), gsroffset=50, **{"continue": "gsroffset||"}),
            {"batchcomplete": True},
            {"error": {"code": "maxlag"}},
            None,
        ],
    )
    def test_what_completes_a_page_needs_no_further_request(self, complete):
        assert WIKIMEDIA.further_request(self.REQUEST, complete) is None

    def test_older_versions_of_the_only_file_are_not_followed(self):
        told = answer(page(1), complete=False, vistart="2009-09-30T06:04:51Z", **{"continue": "||"})
        assert WIKIMEDIA.further_request(self.REQUEST, told) is None
        assert [ref.id for ref in WIKIMEDIA.page_from_answers([told], "25").items] == ["1"]

    def test_a_continue_that_does_not_go_on_is_an_error_not_a_loop(self):
        told = answer(page(1), complete=False, vicontinue="B", **{"continue": "||"})
        second = WIKIMEDIA.further_request(self.REQUEST, told)
        assert second is not None
        with pytest.raises(SourceAnswerError, match="does not go on"):
            WIKIMEDIA.further_request(second, told)


class TestReadingAPage:
    def test_the_answers_of_a_page_are_merged_file_by_file(self):
        first = answer({"pageid": 1, "index": 2, "usage": [1]}, page(2, index=1), complete=False, vicontinue="x")
        second = answer({"pageid": 1, "usage": [2], "videoinfo": [{"size": 5}]}, {"pageid": 2, "usage": [3]})
        assert merged_pages([first, second]) == {
            "1": {"pageid": 1, "index": 2, "usage": [1, 2], "videoinfo": [{"size": 5}]},
            "2": page(2, index=1, usage=[3]),
        }

    def test_files_come_in_the_order_of_the_search_with_all_that_is_told(self):
        told = answer(page(9, index=2), page(4, index=1), page(5, index=3))
        found = WIKIMEDIA.page_from_answers([told], None)
        assert [(ref.id, ref.title) for ref in found.items] == [("4", "Ebb tide"), ("9", "Ebb tide"), ("5", "Ebb tide")]
        assert found.items[0].answer == page(4, index=1)
        assert (found.next, found.total) == (None, None)

    def test_both_shapes_of_answers_read_alike(self):
        new = WIKIMEDIA.page_from_answers([answer(page(9, index=2), page(4, index=1), gsroffset=25)], None)
        old = WIKIMEDIA.page_from_answers([old_answer(page(9, index=2), page(4, index=1), gsroffset=25)], None)
        assert new == old
        assert new.next == "25"

    @pytest.mark.parametrize(
        ("offset", "following"),
        [(25, "25"), ("25", "25"), (9_975, "9975"), (9_976, None), (10_000, None), (None, None)],
    )
    def test_the_next_page_follows_as_far_as_the_search_goes(self, offset, following):
        assert WIKIMEDIA.page_from_answers([answer(page(1), gsroffset=offset)], None).next == following

    def test_a_search_that_goes_back_is_an_error_not_a_loop(self):
        with pytest.raises(SourceAnswerError, match="does not go on from result 25"):
            WIKIMEDIA.page_from_answers([answer(page(1), gsroffset=25)], "25")

    def test_a_search_that_finds_nothing_is_an_empty_page(self):
        assert WIKIMEDIA.page_from_answers([{"batchcomplete": True}], None).items == ()
        assert WIKIMEDIA.page_from_answers([{"batchcomplete": "", "query": {"pages": {}}}], None).items == ()

    @pytest.mark.parametrize(
        "odd", [None, "x", {}, {"pageid": None}, {"pageid": "../1"}, {"pageid": -1}, {"pageid": True}]
    )
    def test_a_page_without_a_usable_id_is_left_out(self, odd):
        assert [ref.id for ref in WIKIMEDIA.page_from_answers([answer(odd, page(4))], None).items] == ["4"]

    @pytest.mark.parametrize("code", ["maxlag", "ratelimited", "readonly", "cirrussearch-too-busy-error"])
    def test_commons_that_is_too_busy_is_asked_again_a_little_later(self, code):
        told = {"error": {"code": code, "info": "Waiting for db1: 7 seconds lagged", "lag": 7}}
        for busy in (told, {"errors": [told["error"]]}):
            with pytest.raises(Throttled, match=r"wants to be asked later.*7 seconds lagged") as raised:
                WIKIMEDIA.check_answer(busy)
            assert raised.value.retry_after_s == 5

    @pytest.mark.parametrize("good", [answer(page(1)), {"error": {"code": "badvalue"}}, {"error": "maxlag"}, [], None])
    def test_no_other_answer_is_asked_for_again(self, good):
        WIKIMEDIA.check_answer(good)

    @pytest.mark.parametrize(
        ("told", "message"),
        [
            ({"error": {"code": "cirrussearch-offset-too-large", "info": "too far"}}, "refused the query: .*too far"),
            ({"errors": [{"code": "badvalue", "text": "no"}]}, "refused the query: .*badvalue"),
            ({"error": "?"}, "refused the query"),
            ({}, "something else"),
            ({"query": None}, "something else"),
            ({"batchcomplete": True, "query": {"pages": 5}}, "without pages"),
            ([], "with no object"),
            ("<html>", "with no object"),
            (None, "with no object"),
        ],
    )
    def test_what_is_no_page_is_a_named_error(self, told, message):
        with pytest.raises(SourceAnswerError, match=message):
            WIKIMEDIA.page_from_answers([told], None)

    def test_no_answer_is_a_named_error(self):
        with pytest.raises(SourceAnswerError, match="no answer"):
            WIKIMEDIA.page_from_answers([], None)

    def test_every_file_of_a_large_search_is_reached_in_batches_told_in_parts(self):
        numbers = list(range(1, 2 * HITS + 8))
        seen, cursor, requests = [], None, 0
        while True:
            request: Request | None = WIKIMEDIA.search_request("ebb", "video", cursor)
            answers = []
            while request is not None:
                told = _part_told(dict(request.params), numbers)
                answers.append(told)
                requests += 1
                request = WIKIMEDIA.further_request(request, told)
            found = WIKIMEDIA.page_from_answers(answers, cursor)
            assert all(isinstance(read(ref.answer), Track) for ref in found.items)
            seen += [int(ref.id) for ref in found.items]
            if found.next is None:
                break
            cursor = found.next
        assert seen == numbers
        assert requests == 2 * 3 + 1


def _part_told(asked: dict[str, str], numbers: list[int]) -> dict[str, Any]:
    """Answer as Commons does that tells of ten files at a time."""
    offset, told_from = int(asked.get("gsroffset", "0")), int(asked.get("vicontinue", "0"))
    batch = numbers[offset : offset + HITS]
    pages = []
    for place, number in enumerate(batch):
        known = page(number)
        if not told_from <= place < told_from + 10:
            del known["videoinfo"]
        pages.append(known)
    if told_from + 10 < len(batch):
        return answer(*pages, complete=False, vicontinue=str(told_from + 10), **{"continue": "||"})
    if offset + HITS < len(numbers):
        return answer(*pages, gsroffset=offset + HITS, **{"continue": "gsroffset||"})
    return answer(*pages)


class TestReadingAFile:
    def test_a_track_carries_what_commons_tells(self):
        track = track_of(page())
        assert track.licence.id == "CC-BY-SA-4.0"
        assert track == Track(
            source="wikimedia",
            source_id="7",
            item_id="7",
            source_url="https://commons.wikimedia.org/wiki/File:Ebb_tide.webm",
            download_url=f"{UPLOAD}/Ebb_tide.webm",
            title="Ebb tide",
            creator="Ann Author",
            licence_raw=BY_SA,
            licence=track.licence,
            original_name="Ebb tide.webm",
            size_bytes=1234567,
            md5=None,
            sha1=SHA1,
            duration_s=12.5,
            media_type="video",
        )
        assert track_from_json(json.loads(json.dumps(track_to_json(track)))) == track

    def test_imageinfo_is_read_as_videoinfo(self):
        told = page()
        told["imageinfo"] = told.pop("videoinfo")
        assert track_of(told) == track_of(page())

    def test_of_several_versions_the_current_one_counts(self):
        assert track_of(page(videoinfo=[info(), info(size=1)])).size_bytes == 1234567

    def test_the_credit_names_the_author_and_the_page(self):
        track = track_of(page())
        assert attribution_text(track.title, track.creator, WIKIMEDIA.title, track.source_url, track.licence) == (
            '"Ebb tide" by Ann Author, Wikimedia Commons (https://commons.wikimedia.org/wiki/File:Ebb_tide.webm), '
            "licensed under CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
        )

    def test_a_work_in_the_public_domain_by_name_is_credited_so(self):
        free = metadata(
            LicenseUrl=..., License="pd", LicenseShortName="Public domain", UsageTerms="Public domain",
            Copyrighted="False", AttributionRequired="false",
        )  # fmt: skip
        track = track_of(page(told=info(extmetadata=free)))
        assert (track.licence.id, track.licence_raw) == ("LicenseRef-Public-Domain", "Public domain")
        text = attribution_text(track.title, track.creator, WIKIMEDIA.title, track.source_url, track.licence)
        assert text.endswith(
            "stated by its source to be in the public domain (https://commons.wikimedia.org/wiki/Help:Public_domain)"
        )

    @pytest.mark.parametrize(
        ("fields", "kept"),
        [
            ({"mime": "application/ogg"}, True),
            ({"mime": "video/ogg"}, True),
            ({"mime": "video/mp4", "mediatype": ...}, True),
            ({"mime": "video/mpeg"}, True),
            ({"mediatype": "AUDIO"}, False),
            ({"mime": "application/ogg", "mediatype": "AUDIO"}, False),
            ({"mime": "application/ogg", "mediatype": ...}, False),
            ({"mime": "audio/ogg"}, False),
            ({"mime": "image/gif", "mediatype": "BITMAP"}, False),
            ({"mime": "image/gif"}, False),
            ({"mediatype": "MULTIMEDIA"}, False),
            ({"mime": ...}, False),
            ({"mime": None}, False),
            ({"mime": "video/webm; evil"}, False),
            ({"width": 0, "height": 0}, False),
            ({"width": ..., "height": ...}, True),
        ],
    )
    def test_what_commons_takes_for_a_film_is_one(self, fields, kept):
        found = read(page(told=info(**fields)))
        assert isinstance(found, Track) if kept else isinstance(found, Rejection) and found.error == "NoMediaFile"

    @pytest.mark.parametrize(
        ("told", "error", "message"),
        [
            ({"pageid": 7, "missing": True}, "ItemUnavailable", "deleted"),
            ({"pageid": 7, "missing": ""}, "ItemUnavailable", "deleted"),
            (page(told=info(filehidden=True)), "ItemUnavailable", "hidden"),
            (page(told=info(filehidden="")), "ItemUnavailable", "hidden"),
            (page(told=info(filemissing="")), "ItemUnavailable", "lost"),
            (page(told=info(extmetadata=metadata(DeletionReason="copyvio"))), "ItemUnavailable", "copyvio"),
            (page(told=info(extmetadata=metadata(NonFree="1"))), "LicenceNotAllowed", "not free"),
            (page(told=info(extmetadata=metadata(NonFree="true"))), "LicenceNotAllowed", "not free"),
            (
                page(told=info(extmetadata=metadata(Restrictions="personality|insignia"))),
                "LicenceNotAllowed",
                "personality",
            ),
            (page(told=info(extmetadata=metadata(LicenseUrl=f"{BY_SA[:-6]}-nd/4.0"))), "LicenceUnknown", ""),
            (page(told=info(extmetadata={})), "LicenceMissing", ""),
            (page(told=info(extmetadata=[])), "LicenceMissing", ""),
            (page(told=info(extmetadata=...)), "LicenceMissing", ""),
            (page(told=info(url=...)), "NoMediaFile", "no address"),
            (page(told=info(url="")), "NoMediaFile", "no address"),
            (page(videoinfo=None), "MalformedItem", ""),
            (page(videoinfo=[]), "MalformedItem", ""),
            (page(videoinfo=[None]), "MalformedItem", ""),
            (page(title=None), "MalformedItem", "no usable name"),
            (page(title="File:"), "MalformedItem", "no usable name"),
            (page(title="File:\ud800.webm"), "MalformedItem", "no usable name"),
            (page(title="File:" + "é" * 500 + ".webm"), "MalformedItem", "no usable name"),
        ],
    )
    def test_what_may_not_be_taken_is_rejected_with_its_reason(self, told, error, message):
        rejection = rejection_of(told)
        assert rejection.error == error
        assert message in rejection.message

    def test_a_licence_that_the_run_does_not_allow_is_rejected(self):
        nd = metadata(
            LicenseUrl="https://creativecommons.org/licenses/by-nd/4.0/", License=..., LicenseShortName="CC BY-ND 4.0",
            UsageTerms="Creative Commons Attribution-NoDerivs 4.0",
        )  # fmt: skip
        rejection = rejection_of(page(told=info(extmetadata=nd)))
        assert rejection.error == "LicenceNotAllowed"
        assert "CC-BY-ND-4.0" in rejection.message

    @pytest.mark.parametrize(
        "address",
        [
            "javascript:alert(1)",
            "data:video/webm;base64,AAAA",
            "file:///etc/passwd",
            "http://upload.wikimedia.org/a.webm",
            "https://me:secret@upload.wikimedia.org/a.webm",
            "https://upload.wikimedia.org.evil.example/a.webm",
            "https://upload.wikimedia.org:8443/a.webm",
            "https://169.254.169.254/a.webm",
            "https://upload.wikimedia.org/\x00.webm",
            "https://upload.wikimedia.org/" + "a" * 100_000,
            "//upload.wikimedia.org/a.webm",
            "/wikipedia/commons/a/ab/a.webm",
            "https://[::1",
            5,
        ],
    )
    def test_a_file_or_page_at_another_place_is_never_kept_and_no_secret_is_shown(self, address):
        rejection = rejection_of(page(told=info(url=address)))
        assert rejection.error == "NoMediaFile"
        assert "secret" not in rejection.message
        assert len(rejection.message) < 500
        assert track_of(page(told=info(descriptionurl=address))).source_url == f"{BASE}/w/index.php?curid=7"

    def test_a_stand_in_on_this_machine_is_read_at_its_own_address_alone(self):
        own = "http://127.0.0.1:4570"
        told = page(told=info(url=f"{own}/wikipedia/commons/a/ab/a.webm", descriptionurl=f"{own}/wiki/File:a.webm"))
        track = track_of(told, own)
        assert (track.download_url, track.source_url) == (
            f"{own}/wikipedia/commons/a/ab/a.webm", f"{own}/wiki/File:a.webm",
        )  # fmt: skip
        assert rejection_of(told, "http://127.0.0.1:4571").error == "NoMediaFile"
        assert rejection_of(told).error == "NoMediaFile"

    @pytest.mark.parametrize(
        ("title", "shown"),
        [
            ("File:Ebb tide, St. Ives (2019).webm", "Ebb tide, St. Ives (2019)"),
            ("File:Ebb.ogv", "Ebb"),
            ("File:Vol. 2 the tide", "Vol. 2 the tide"),
            ("File:.webm", ".webm"),
            ("Datei:Ebbe.webm", "Ebbe"),
            ("File:<b>Ebb</b>\x00 &amp; flow.webm", "Ebb & flow"),
            ("File:Evil\u202egnp.webm", "Evilgnp"),
            ("File:" + "e" * 700 + ".webm", "e" * 199 + "…"),
        ],
    )
    def test_a_title_is_the_name_without_namespace_and_extension(self, title, shown):
        assert track_of(page(title=title)).title == shown

    @pytest.mark.parametrize("sha1", [None, "", "x" * 40, "0" * 39, 5, ["0" * 39]])
    def test_a_digest_that_is_none_is_left_out(self, sha1):
        assert track_of(page(told=info(sha1=sha1))).sha1 is None

    @pytest.mark.parametrize(
        ("told", "kept"), [(0, None), (-1, None), ("12", None), (True, None), (1e400, None), (7, 7.0)]
    )
    def test_a_duration_is_a_number_of_seconds_above_zero(self, told, kept):
        assert track_of(page(told=info(duration=told))).duration_s == kept

    def test_what_is_no_file_is_a_named_error(self):
        with pytest.raises(SourceAnswerError, match="told no file"):
            read([page()])


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(alphabet=st.characters(), max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


def often(value: Any) -> st.SearchStrategy[Any]:
    """The right value mostly, so that what lies behind it is reached."""
    return st.one_of(st.just(value), st.just(value), st.just(value), json_values)


plain_infos = st.fixed_dictionaries({name: often(value) for name, value in info(extmetadata=...).items()})
odd_metadata = st.fixed_dictionaries({
    name: often(field) if name == "LicenseUrl" else st.one_of(st.just(field), json_values, st.just({}))
    for name, field in metadata().items()
})  # fmt: skip
odd_infos = st.builds(lambda told, fields: told | {"extmetadata": fields}, plain_infos, odd_metadata)


@given(odd_infos, often("File:Ebb tide.webm"))
def test_whatever_a_file_says_it_is_a_track_that_can_be_written_or_a_rejection(told, title):
    found = read(page(told=told, title=title))
    if isinstance(found, Rejection):
        f"{found.title}{found.message}".encode()
        return
    assert track_from_json(json.loads(json.dumps(track_to_json(found)))) == found
    json.dumps(track_to_json(found), ensure_ascii=False, allow_nan=False).encode()
    assert asset_id_from_source(found.source, found.source_id)
    assert found.licence.id == "CC-BY-SA-4.0"
    assert found.download_url.startswith("https://upload.wikimedia.org/")
    assert found.source_url.startswith("https://commons.wikimedia.org/")


@given(
    st.lists(
        st.one_of(
            json_values,
            st.fixed_dictionaries(
                {"query": st.one_of(json_values, st.fixed_dictionaries({"pages": st.lists(json_values, max_size=3)}))},
                optional={"continue": json_values, "batchcomplete": json_values, "error": json_values},
            ),
        ),
        max_size=3,
    ),
    st.sampled_from([None, "25", str(SEARCH_LIMIT - HITS)]),
)
def test_whatever_a_search_says_it_is_a_page_or_a_named_error(answers, cursor):
    request = WIKIMEDIA.search_request("ebb", "video", cursor)
    try:
        for told in answers:
            WIKIMEDIA.check_answer(told)
            WIKIMEDIA.further_request(request, told)
        found = WIKIMEDIA.page_from_answers(answers, cursor)
    except (SourceAnswerError, Throttled) as error:
        str(error).encode()
        return
    for ref in found.items:
        assert ref.id.isdigit()
        ref.title.encode()
    if found.next is not None:
        WIKIMEDIA.search_request("ebb", "video", found.next)
