from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.attribution import LONGEST_NAME, attribution_text, licence_name, plain_text
from include.catalog.licences import KNOWN_LICENCES, PIXABAY_LICENCE, PUBLIC_DOMAIN, licence_from_url

PAGE = "https://archive.org/details/rain"


def licence(path: str):
    found = licence_from_url(f"https://creativecommons.org/{path}/")
    assert found is not None
    return found


def test_a_credit_names_title_author_source_and_licence():
    text = attribution_text("Rain", "Ann Author", "Internet Archive", PAGE, licence("licenses/by-nc-sa/3.0/us"))
    assert text == (
        '"Rain" by Ann Author, Internet Archive (https://archive.org/details/rain), licensed under CC BY-NC-SA 3.0 US '
        "(https://creativecommons.org/licenses/by-nc-sa/3.0/us/)"
    )


@pytest.mark.parametrize("creator", [None, "", "  ", "<br/>"])
def test_an_unknown_author_is_said_to_be_unknown(creator):
    assert '"Rain" by unknown author, ' in attribution_text(
        "Rain", creator, "Internet Archive", PAGE, licence("licenses/by/4.0")
    )


@pytest.mark.parametrize(
    ("path", "terms"),
    [
        ("publicdomain/zero/1.0", "dedicated to the public domain: CC0 1.0"),
        ("publicdomain/mark/1.0", "free of known copyright: Public Domain Mark 1.0"),
        ("licenses/publicdomain", "free of known copyright: Public Domain Dedication and Certification"),
    ],
)
def test_a_free_work_is_credited_too_but_not_licensed(path, terms):
    text = attribution_text("Rain", "Ann Author", "Internet Archive", PAGE, licence(path))
    assert text.endswith(f"{terms} (https://creativecommons.org/{path}/)")
    assert "licensed" not in text


def test_a_work_in_the_public_domain_without_a_mark_is_credited_with_who_says_so():
    text = attribution_text("Rain", None, "Wikimedia Commons", PAGE, PUBLIC_DOMAIN)
    assert text == (
        '"Rain" by unknown author, Wikimedia Commons (https://archive.org/details/rain), stated by its source to be '
        "in the public domain (https://commons.wikimedia.org/wiki/Help:Public_domain)"
    )


def test_a_film_from_pixabay_is_credited_as_pixabay_asks_and_not_as_creative_commons():
    text = attribution_text("Rain", "Ann", "Pixabay", "https://pixabay.com/videos/id-1/", PIXABAY_LICENCE)
    assert text == (
        '"Rain" by Ann, Pixabay (https://pixabay.com/videos/id-1/), '
        "Pixabay Content License (https://pixabay.com/service/license-summary/)"
    )


def test_every_licence_has_a_name_with_its_version():
    for known in KNOWN_LICENCES:
        assert (known.version or "Public Domain") in licence_name(known)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ('<a href="//commons.example/User:Ann" title="Ann">Ann</a>', "Ann"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "alert(1)"),
        ("&amp;lt;b&amp;gt;bold", "bold"),
        ("3 < 5 and 7 > 6", "3 < 5 and 7 > 6"),
        ("I <3 you", "I <3 you"),
        ("line\r\nbreak\ttab\x00null\x1b[31mred", "line break tab null [31mred"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("half \ud800 surrogate", "half surrogate"),
        ("<b<i>old>", ""),
        ("<b" * 9 + ">" * 9, "b b b b b >>>>>"),
        ("夜 – Café 🎵", "夜 – Café 🎵"),
        ("", ""),
    ],
)
def test_text_of_a_source_becomes_one_plain_line(raw, plain):
    assert plain_text(raw) == plain


def test_a_long_title_is_cut_and_shows_it():
    text = attribution_text("x" * 5000, "y" * 5000, "Internet Archive", PAGE, licence("licenses/by/4.0"))
    assert len(text) < 2 * LONGEST_NAME + 200
    assert "x" * (LONGEST_NAME - 1) + '…" by y' in text
    assert text.endswith("CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)")


markup = st.sampled_from(["<b", "<", ">", "&lt;", "&#60;", "/", "!--", "\ud800", "\x00", "\u202e"])
hostile = st.lists(st.one_of(st.text(), markup)).map("".join)


@given(hostile, st.integers(1, 50))
def test_no_text_leaves_a_tag_a_control_character_or_more_than_was_asked(raw, longest):
    plain = plain_text(raw, longest)
    assert len(plain) <= longest
    assert not re.search(r"<[/!?]?[A-Za-z][^<>]*>", plain)
    assert plain == plain.strip()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", plain)
    plain.encode()
