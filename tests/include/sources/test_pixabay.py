from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.attribution import attribution_text
from include.catalog.keys import asset_id_from_source
from include.catalog.licences import LICENCE_FAMILIES, PIXABAY_LICENCE, VIDEO_FAMILIES
from include.sources.pixabay import HITS, PIXABAY, SEARCH_LIMIT
from include.sources.source import ItemRef, Rejection, SourceAnswerError, Track, track_from_json, track_to_json

BASE = "https://pixabay.com"
CDN = "https://cdn.pixabay.com/video/2019/11/08/28860-372055467"
REF = ItemRef(id="28860", title="night", licence_raw=None)


def rendition(name: str, width: int, height: int, **fields: Any) -> dict[str, Any]:
    return {"url": f"{CDN}_{name}.mp4", "width": width, "height": height, "size": width * height} | fields


def sizes(**heights: int) -> dict[str, Any]:
    return {name: rendition(name, height * 16 // 9, height) for name, height in heights.items()}


def hit(**fields: Any) -> dict[str, Any]:
    told = {
        "id": 28860,
        "pageURL": "https://pixabay.com/videos/id-28860/",
        "type": "film",
        "tags": "night, city, city lights, lights, blurry",
        "duration": 14,
        "videos": sizes(large=2160, medium=1440, small=1080, tiny=720),
        "views": 485792,
        "user_id": 6346290,
        "user": "FreeCreativeStuff",
        "userImageURL": "https://cdn.pixabay.com/user/2018/05/06/12-55-05-329_250x250.jpg",
    }
    return {name: value for name, value in (told | fields).items() if value is not ...}


def answer(*hits: Any, total: Any = 42) -> dict[str, Any]:
    return {"total": total, "totalHits": total, "hits": list(hits)}


def read(told: object, families=VIDEO_FAMILIES, base: str = BASE) -> Track | Rejection:
    (found,) = PIXABAY.tracks_from_answer(told, REF, families=families, download_base=base)
    return found


def track_of(told: object, base: str = BASE) -> Track:
    found = read(told, base=base)
    assert isinstance(found, Track), found
    return found


def rejection_of(told: object, **gate: Any) -> Rejection:
    found = read(told, **gate)
    assert isinstance(found, Rejection), found
    return found


class TestAskingForAPage:
    def test_a_page_is_asked_for_without_the_key_which_is_the_clients(self):
        request = PIXABAY.search_request("city lights", "video", "3")
        assert request.path == "/api/videos/"
        assert request.params == (("q", "city lights"), ("per_page", "50"), ("page", "3"), ("safesearch", "true"))
        assert PIXABAY.key_param == "key"

    def test_a_page_comes_in_one_answer_and_its_items_need_not_be_asked_for(self):
        request = PIXABAY.search_request("city", "video", None)
        assert PIXABAY.further_request(request, answer(hit())) is None
        assert PIXABAY.item_request(REF) is None

    def test_words_that_do_not_fit_a_query_are_left_out(self):
        query = dict(PIXABAY.search_request("lights " * 30, "video", None).params)["q"]
        assert query == " ".join(["lights"] * 14)
        assert dict(PIXABAY.search_request("x" * 300, "video", None).params)["q"] == "x" * 100

    @given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("&=?#+%\ud800 "))))
    def test_any_text_makes_a_query_of_words_or_is_refused(self, words):
        try:
            request = PIXABAY.search_request(words, "video", None)
        except ValueError:
            return
        asked = dict(request.params)["q"]
        asked.encode()
        assert 0 < len(asked) <= 100
        assert all(word.isalnum() for word in asked.split(" "))

    def test_audio_is_refused(self):
        with pytest.raises(ValueError, match="video here, not of audio"):
            PIXABAY.search_request("night", "audio", None)

    @pytest.mark.parametrize("cursor", ["0", "-1", "11", "99", "page:2", "", "²", "1.0"])
    def test_a_foreign_cursor_is_refused(self, cursor):
        with pytest.raises(ValueError, match="is no cursor of this source"):
            PIXABAY.search_request("night", "video", cursor)


class TestReadingAPage:
    def test_items_carry_all_that_is_told_and_are_named_by_their_first_tags(self):
        page = PIXABAY.page_from_answers([answer(hit())], None)
        assert page.items == (ItemRef(id="28860", title="night, city, city lights", licence_raw=None, answer=hit()),)
        assert (page.next, page.total) == (None, 42)

    def test_a_bare_list_of_hits_is_a_page_too(self):
        page = PIXABAY.page_from_answers([[hit(), hit(id=7)]], None)
        assert ([ref.id for ref in page.items], page.next, page.total) == (["28860", "7"], None, None)

    @pytest.mark.parametrize(
        ("cursor", "total", "following"),
        [(None, 50, None), (None, 51, "2"), ("2", 101, "3"), ("9", 500, "10"), ("10", 500, None), ("10", 9999, None)],
    )
    def test_the_next_page_follows_until_the_api_gives_no_more(self, cursor, total, following):
        hits = [hit(id=number) for number in range(1, HITS + 1)]
        assert PIXABAY.page_from_answers([answer(*hits, total=total)], cursor).next == following

    def test_every_hit_that_the_api_gives_is_reached(self):
        cursor, seen = None, []
        while True:
            first = (int(dict(PIXABAY.search_request("sea", "video", cursor).params)["page"]) - 1) * HITS
            told = answer(*(hit(id=number + 1) for number in range(first, first + HITS)), total=SEARCH_LIMIT)
            page = PIXABAY.page_from_answers([told], cursor)
            seen += [ref.id for ref in page.items]
            if page.next is None:
                break
            cursor = page.next
        assert seen == [str(number) for number in range(1, SEARCH_LIMIT + 1)]

    @pytest.mark.parametrize("odd", [None, "x", 0, -5, 1.5, True, [], "1/../2", "\ud800", {}])
    def test_a_hit_without_a_usable_id_is_left_out(self, odd):
        assert [ref.id for ref in PIXABAY.page_from_answers([answer(hit(id=odd), hit(id=7))], None).items] == ["7"]

    @pytest.mark.parametrize("odd", [None, {}, {"hits": None}, {"hits": {}}, "[ERROR 400] Invalid API key", 5])
    def test_what_is_no_page_is_a_named_error(self, odd):
        with pytest.raises(SourceAnswerError, match="without hits"):
            PIXABAY.page_from_answers([odd], None)

    def test_no_answer_is_a_named_error(self):
        with pytest.raises(SourceAnswerError, match="without hits"):
            PIXABAY.page_from_answers([], None)


class TestReadingAHit:
    def test_a_track_carries_what_pixabay_tells_under_its_own_licence(self):
        track = track_of(hit())
        assert track == Track(
            source="pixabay",
            source_id="28860",
            item_id="28860",
            source_url="https://pixabay.com/videos/id-28860/",
            download_url=f"{CDN}_small.mp4",
            title="night, city, city lights",
            creator="FreeCreativeStuff",
            licence_raw="Pixabay Content License",
            licence=PIXABAY_LICENCE,
            original_name="28860-372055467_small.mp4",
            size_bytes=None,  # the documentation calls it approximate
            md5=None,
            sha1=None,
            duration_s=14.0,
            media_type="video",
        )
        assert track_from_json(json.loads(json.dumps(track_to_json(track)))) == track

    def test_the_credit_names_pixabay_and_no_creative_commons_licence(self):
        track = track_of(hit())
        text = attribution_text(track.title, track.creator, PIXABAY.title, track.source_url, track.licence)
        assert text == (
            '"night, city, city lights" by FreeCreativeStuff, Pixabay (https://pixabay.com/videos/id-28860/), '
            "Pixabay Content License (https://pixabay.com/service/license-summary/)"
        )

    @pytest.mark.parametrize(
        "claim",
        [
            {"license": "CC0"},
            {"licenseUrl": "https://creativecommons.org/publicdomain/zero/1.0/"},
            {"tags": "cc0, public domain, creative commons"},
            {"type": "CC BY 4.0"},
        ],
    )
    def test_nothing_in_an_answer_makes_it_creative_commons(self, claim):
        assert track_of(hit(**claim)).licence == PIXABAY_LICENCE

    def test_a_run_that_allows_creative_commons_alone_takes_nothing(self):
        rejection = rejection_of(hit(), families=LICENCE_FAMILIES)
        assert rejection.error == "LicenceNotAllowed"
        assert "LicenseRef-Pixabay-Content" in rejection.message

    @pytest.mark.parametrize(
        ("videos", "taken"),
        [
            (sizes(large=2160, medium=1440, small=1080, tiny=720), "small"),
            (sizes(large=2160, medium=1080, small=720, tiny=540), "medium"),
            (sizes(large=1080, medium=720, small=540, tiny=360), "large"),
            (sizes(large=2160, medium=1440), "medium"),
            (sizes(small=540, tiny=360), "small"),
            ({"large": rendition("large", 2160, 3840), "tiny": rendition("tiny", 1080, 1920)}, "tiny"),
            ({"large": rendition("large", 1080, 1920), "tiny": rendition("tiny", 720, 1280)}, "large"),
            ({"large": rendition("large", 0, 0), "tiny": rendition("tiny", 640, 360)}, "tiny"),
            (sizes(medium=1080) | {"large": rendition("large", 0, 0, url="", size=0)}, "medium"),
            (sizes(medium=720) | {"large": rendition("large", 1920, 1080, size=0)}, "medium"),
            (sizes(medium=720) | {"large": rendition("large", 1920, 1080, url=" ")}, "medium"),
            (sizes(medium=720) | {"large": None, "small": "x", "huge": rendition("huge", 1920, 1080)}, "medium"),
            (sizes(medium=720) | {"large": {"url": f"{CDN}_large.mp4"}}, "medium"),
            ({"large": {"url": f"{CDN}_large.mp4"}}, "large"),
        ],
    )
    def test_the_largest_picture_up_to_1080_lines_is_taken_else_the_smallest(self, videos, taken):
        assert track_of(hit(videos=videos)).download_url == f"{CDN}_{taken}.mp4"

    @pytest.mark.parametrize(
        ("videos", "error"),
        [
            (..., "MalformedItem"),
            (None, "MalformedItem"),
            ([], "MalformedItem"),
            ({}, "NoMediaFile"),
            ({"large": rendition("large", 0, 0, url="", size=0)}, "NoMediaFile"),
        ],
    )
    def test_a_film_without_a_file_is_rejected(self, videos, error):
        assert rejection_of(hit(videos=videos)).error == error

    @pytest.mark.parametrize(
        "address",
        [
            "https://player.vimeo.com/external/135736646.hd.mp4?s=ed02d71c92dd0df7d1110045e6eb65a6",
            "http://cdn.pixabay.com/video/a.mp4",
            "https://cdn.pixabay.com.evil.example/a.mp4",
            "https://me:secret@cdn.pixabay.com/a.mp4",
            "https://cdn.pixabay.com:8443/a.mp4",
            "https://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:video/mp4;base64,AAAA",
            "//cdn.pixabay.com/a.mp4",
            "/a.mp4",
            "https://cdn.pixabay.com/" + "a" * 10_000,
            "https://cdn.pixabay.com/\x00a.mp4",
            "https://[::1",
        ],
    )
    def test_a_file_at_another_place_is_not_taken_and_no_secret_is_shown(self, address):
        rejection = rejection_of(hit(videos={"large": rendition("large", 1920, 1080, url=address)}))
        assert rejection.error == "NoMediaFile"
        assert "secret" not in rejection.message
        assert len(rejection.message) < 400
        better = sizes(tiny=360) | {"large": rendition("large", 1920, 1080, url=address)}
        assert track_of(hit(videos=better)).download_url == f"{CDN}_tiny.mp4"

    @pytest.mark.parametrize(
        "page", ["javascript:alert(1)", "https://evil.example/", "", None, 5, "http://pixabay.com/x"]
    )
    def test_a_page_at_another_place_is_replaced_by_the_films_number(self, page):
        assert track_of(hit(pageURL=page)).source_url == "https://pixabay.com/videos/id-28860/"

    def test_a_stand_in_on_this_machine_is_read_at_its_own_address_alone(self):
        own = "http://127.0.0.1:4570"
        told = hit(
            pageURL=f"{own}/videos/id-28860/",
            videos={"large": rendition("large", 1920, 1080, url=f"{own}/video/2026/01/02/28860-1_large.mp4")},
        )
        track = track_of(told, base=own)
        assert track.download_url == f"{own}/video/2026/01/02/28860-1_large.mp4"
        assert track.source_url == f"{own}/videos/id-28860/"
        assert rejection_of(told, base="http://127.0.0.1:4571").error == "NoMediaFile"
        assert rejection_of(told).error == "NoMediaFile"

    @pytest.mark.parametrize(
        ("fields", "title"),
        [
            ({"tags": " rain ,, <b>storm</b> "}, "rain, storm"),
            ({"tags": ""}, "Pixabay video 28860"),
            ({"tags": ...}, "Pixabay video 28860"),
            ({"tags": 5}, "5"),
            ({"tags": ["a, b"]}, "a, b"),
        ],
    )
    def test_a_film_always_has_a_title(self, fields, title):
        assert track_of(hit(**fields)).title == title

    @pytest.mark.parametrize("user", ["", None, ..., {}, "\x00"])
    def test_a_film_of_nobody_has_no_creator(self, user):
        assert track_of(hit(user=user)).creator is None

    def test_what_is_no_hit_is_a_named_error(self):
        with pytest.raises(SourceAnswerError, match="told no film"):
            read([hit()])


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(alphabet=st.characters(), max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
odd_addresses = st.one_of(
    json_values, st.text(max_size=20).map(lambda text: f"https://cdn.pixabay.com/{text}"), st.just(f"{CDN}_small.mp4")
)
odd_renditions = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {"url": odd_addresses}, optional={"width": json_values, "height": json_values, "size": json_values}
    ),
)
odd_hits = st.fixed_dictionaries(
    {"videos": st.dictionaries(st.sampled_from(["large", "medium", "small", "tiny"]), odd_renditions)},
    optional=dict.fromkeys(("id", "pageURL", "tags", "duration", "user"), json_values),
)


@given(odd_hits)
def test_whatever_a_hit_says_it_is_a_track_that_can_be_written_or_a_rejection(told):
    found = read(told)
    if isinstance(found, Rejection):
        found.message.encode()
        return
    assert track_from_json(json.loads(json.dumps(track_to_json(found)))) == found
    json.dumps(track_to_json(found), ensure_ascii=False, allow_nan=False).encode()
    assert asset_id_from_source(found.source, found.source_id)
    assert found.licence == PIXABAY_LICENCE
    assert found.download_url.startswith("https://cdn.pixabay.com/")
    assert found.original_name.strip()


@given(st.one_of(json_values, st.fixed_dictionaries({"hits": json_values}, optional={"totalHits": json_values})))
def test_whatever_a_search_says_it_is_a_page_or_a_named_error(told):
    try:
        page = PIXABAY.page_from_answers([told], None)
    except SourceAnswerError as error:
        str(error).encode()
        return
    for ref in page.items:
        assert ref.id.isdigit()
        ref.title.encode()
