"""Whatever a catalogue's strangers write as a licence: nothing passes a source that the closed table does not hold."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from include.catalog.attribution import licence_name
from include.catalog.licences import (
    KNOWN_LICENCES,
    PIXABAY_LICENCE,
    PUBLIC_DOMAIN,
    VIDEO_FAMILIES,
    family_of,
    licence_from_url,
)
from include.catalog.records import Licence
from include.sources.internet_archive import INTERNET_ARCHIVE
from include.sources.pixabay import PIXABAY
from include.sources.source import ItemRef, Track
from include.sources.wikimedia import WIKIMEDIA

REF = ItemRef(id="7", title="Rain", licence_raw=None)
TABLE = {replace(licence, raw="") for licence in KNOWN_LICENCES}
ADDRESSES = [licence.url for licence in KNOWN_LICENCES]
NAMES = [licence_name(licence) for licence in KNOWN_LICENCES]
BY = "https://creativecommons.org/licenses/by/4.0/"

LOOK_ALIKES = {
    "a": "а",
    "c": "с",
    "e": "е",
    "o": "о",
    "p": "р",
    "y": "у",
    ".": "․",
    "/": "∕",
    ":": "：",
    "-": "‐",
    "0": "０",
}


def from_archive(claim: Any) -> Licence | None:
    item = {
        "files": [{"name": "rain.mp3", "source": "original", "format": "VBR MP3", "size": "1000"}],
        "metadata": {"identifier": "7", "title": "Rain", "mediatype": "audio", "licenseurl": claim},
    }
    return licence_of(INTERNET_ARCHIVE, item)


def from_commons(**claims: Any) -> Licence | None:
    info = {
        "url": "https://upload.wikimedia.org/a.webm",
        "mime": "video/webm",
        "mediatype": "VIDEO",
        "extmetadata": {name: {"value": value} for name, value in claims.items()},
    }
    return licence_of(WIKIMEDIA, {"pageid": 7, "title": "File:Rain.webm", "videoinfo": [info]})


def from_pixabay(**claims: Any) -> Licence | None:
    videos = {"tiny": {"url": "https://cdn.pixabay.com/a.mp4", "width": 640, "height": 360, "size": 9}}
    return licence_of(PIXABAY, claims | {"id": 7, "videos": videos})


def licence_of(source: Any, answer: Any) -> Licence | None:
    (found,) = source.tracks_from_answer(answer, REF, families=VIDEO_FAMILIES, download_base="https://example.org")
    return found.licence if isinstance(found, Track) else None


def is_of_table(licence: Licence | None) -> bool:
    return licence is not None and replace(licence, raw="") in TABLE


@st.composite
def mutated(draw: st.DrawFn, texts: list[str]) -> str:
    """A real address or name in which a few characters are cut, doubled, moved, or replaced by ones that look alike."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(text) - 1)))
        before, here, after = text[:place], text[place : place + 1], text[place + 1 :]
        change = draw(st.sampled_from(["cut", "double", "look", "upper", "insert", "swap", "full"]))
        if change == "cut":
            text = before + after
        elif change == "double":
            text = before + here * 2 + after
        elif change == "look":
            text = before + LOOK_ALIKES.get(here, here + "\u0301") + after
        elif change == "upper":
            text = before + here.upper() + after
        elif change == "insert":
            text = before + draw(st.sampled_from([*"ns-/.0#?@%&\n\u200b\u202e<", "nd", "/../", "%2e"])) + here + after
        elif change == "swap":
            text = before + after[:1] + here + after[1:]
        else:
            text = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)
    return text


wrapped = st.builds(
    lambda text, shape: shape.format(text),
    st.sampled_from([*ADDRESSES, *NAMES]),
    st.sampled_from([
        '<a href="{0}">{0}</a>', "<b>{0}</b>", "{0} and more", "see {0}", "{0} | {0}", "{0},{0}", "&lt;{0}&gt;",
        "{0}\u200b", "{0}#", "{0}?x=1", "https://evil.example/?{0}", "{0}@evil.example", "no {0}", "{0}(partly)",
    ]),
)  # fmt: skip
strings = st.one_of(mutated(ADDRESSES), mutated(NAMES), wrapped, st.text(max_size=30))
claims = st.one_of(
    strings, st.sampled_from(ADDRESSES), st.sampled_from(NAMES),
    st.lists(st.one_of(strings, st.sampled_from(ADDRESSES)), max_size=3),
    st.none(), st.integers(), st.dictionaries(st.sampled_from(["en", "_type"]), strings, max_size=2),
)  # fmt: skip


def plainly_means(claim: str, licence: Licence) -> bool:
    """Say, in another way than the table does, whether an address is the licence's: what is left without its dress."""
    rest = claim.strip()
    scheme, _, path = rest.partition("//")
    host, _, path = path.partition("/")
    if scheme.lower() not in ("", "http:", "https:") or host.lower().removeprefix("www.") != "creativecommons.org":
        return False
    path = path.removesuffix("?ref=chooser-v1").rstrip("/")
    head, _, last = path.rpartition("/")
    if last.split(".")[0] in ("deed", "legalcode"):
        path = head
    canonical = licence.url.removeprefix("https://creativecommons.org/").rstrip("/")
    return path in (canonical, canonical.replace("by-nd-nc", "by-nc-nd"), canonical.replace("by-nc-nd", "by-nd-nc"))


@settings(max_examples=200)
@given(strings)
@example(BY.replace("creativecommons", "creativecommοns"))
@example(unicodedata.normalize("NFKD", "https://creativecommons.org/licenses/by/4․0/"))
def test_an_address_that_the_archive_or_commons_takes_is_one_of_the_table_word_for_word(claim):
    for licence in (from_archive(claim), from_commons(LicenseUrl=claim)):
        if licence is not None and licence.id != PUBLIC_DOMAIN.id:
            assert is_of_table(licence)
            assert plainly_means(claim, licence)


@settings(max_examples=200)
@given(claims)
def test_whatever_the_archive_is_told_it_takes_only_what_the_table_holds(claim):
    licence = from_archive(claim)
    assert licence is None or is_of_table(licence)


fields = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("LicenseUrl", "LicenseShortName", "License", "UsageTerms"), claims)
    | {"Copyrighted": st.sampled_from(["True", "False", "", 1])},
)


@settings(max_examples=200)
@given(fields)
@example({"LicenseShortName": "CC BY-SA 4.0"})
@example({"LicenseShortName": "Public domain", "LicenseUrl": "https://www.flickr.com/commons/usage/"})
@example({"LicenseShortName": "Public domain", "License": "pd"})
def test_whatever_commons_is_told_it_takes_only_what_the_table_holds_or_plain_public_domain(told):
    licence = from_commons(**told)
    if licence is None:
        return
    if licence.id == PUBLIC_DOMAIN.id:
        assert replace(licence, raw="") == PUBLIC_DOMAIN
        said = [told[name] for name in ("LicenseShortName", "License") if told.get(name)]
        flat = [text for value in said for text in (value if isinstance(value, list) else [value]) if text.strip()]
        assert flat
        assert all(text.strip().lower() in ("public domain", "pd") for text in flat)
        assert not told.get("LicenseUrl") or not str(told["LicenseUrl"]).strip()
    else:
        assert is_of_table(licence)
        assert licence_from_url(told["LicenseUrl"]) == licence


@given(st.sampled_from(KNOWN_LICENCES), st.sampled_from(KNOWN_LICENCES))
def test_an_address_and_the_name_of_another_licence_are_never_taken(one, other):
    assume(one != other and "pdm" not in (family_of(one), family_of(other)))
    assert from_commons(LicenseUrl=one.url, LicenseShortName=licence_name(other)) is None


@given(strings)
def test_a_name_without_an_address_is_never_taken_for_creative_commons(name):
    licence = from_commons(LicenseShortName=name, UsageTerms=name)
    assert licence is None or licence.id == PUBLIC_DOMAIN.id


@given(
    st.dictionaries(st.sampled_from(["license", "licenseUrl", "License", "tags", "type", "user"]), claims, max_size=4)
)
def test_whatever_pixabay_says_its_films_are_under_its_own_licence_alone(told):
    assert from_pixabay(**told) == PIXABAY_LICENCE


def test_the_real_addresses_and_names_are_taken():
    for licence in KNOWN_LICENCES:
        assert from_archive(licence.url) == replace(licence, raw=licence.url)
        assert from_commons(LicenseUrl=licence.url) == replace(licence, raw=licence.url)
    assert from_commons(LicenseShortName="Public domain") == replace(PUBLIC_DOMAIN, raw="Public domain")
