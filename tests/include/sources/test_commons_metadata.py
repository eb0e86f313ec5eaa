from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.attribution import licence_name
from include.catalog.licences import KNOWN_LICENCES, PUBLIC_DOMAIN, family_of
from include.sources.commons_metadata import (
    creator_from_extmetadata,
    licence_from_extmetadata,
    require_free_use,
    visible_text,
)
from include.sources.reading import UnfitItemError

SITE = "https://creativecommons.org"
BY_SA_4 = f"{SITE}/licenses/by-sa/4.0/"
PUBLIC = {"LicenseShortName": "Public domain", "License": "pd", "UsageTerms": "Public domain", "Copyrighted": "False"}


def told(**fields: Any) -> dict[str, Any]:
    return {name: {"value": value, "source": "commons-desc-page"} for name, value in fields.items()}


def id_of(**fields: Any) -> str:
    return licence_from_extmetadata(told(**fields)).id


def refusal_of(**fields: Any) -> str:
    with pytest.raises(UnfitItemError) as raised:
        licence_from_extmetadata(told(**fields))
    raised.value.message.encode()
    return raised.value.error


class TestTheLicence:
    @pytest.mark.parametrize(
        ("address", "short_name", "licence_id"),
        [
            ("https://creativecommons.org/licenses/by-sa/4.0", "CC BY-SA 4.0", "CC-BY-SA-4.0"),
            ("http://creativecommons.org/licenses/by-sa/3.0/", "CC-BY-SA-3.0", "CC-BY-SA-3.0"),
            ("//creativecommons.org/licenses/by/2.5", "CC BY 2.5", "CC-BY-2.5"),
            ("https://creativecommons.org/licenses/by-sa/3.0/de/deed.en", "CC BY-SA 3.0 de", "CC-BY-SA-3.0-DE"),
            ("https://creativecommons.org/licenses/by/3.0/igo/", "CC BY 3.0 IGO", "CC-BY-3.0-IGO"),
            ("http://creativecommons.org/licenses/by/2.5/scotland/", "CC BY 2.5 scotland", "CC-BY-2.5-SCOTLAND"),
            ("https://creativecommons.org/licenses/by-nd-nc/1.0/", "CC BY-NC-ND 1.0", "CC-BY-NC-ND-1.0"),
            ("http://creativecommons.org/publicdomain/zero/1.0/deed.en", "CC0", "CC0-1.0"),
            ("https://creativecommons.org/publicdomain/mark/1.0/", "Public domain", "CC-PDM-1.0"),
            ("https://creativecommons.org/licenses/publicdomain/", "CC-PD", "CC-PDDC"),
        ],
    )
    def test_the_address_decides_and_the_name_agrees(self, address, short_name, licence_id):
        assert id_of(LicenseUrl=address, LicenseShortName=short_name) == licence_id

    def test_every_licence_of_the_table_agrees_with_its_own_name(self):
        for licence in KNOWN_LICENCES:
            names = {"cc0": "cc0", "pdm": "Public domain"}
            name = names.get(family_of(licence)) or licence_name(licence)
            assert id_of(LicenseUrl=licence.url, LicenseShortName=name) == licence.id

    def test_no_licence_of_the_table_agrees_with_the_name_of_another(self):
        by_name = {
            licence_name(licence): licence for licence in KNOWN_LICENCES if licence.version and "BY" in licence.id
        }
        for name, one in list(by_name.items())[::23]:
            for other in by_name.values():
                if other != one:
                    assert refusal_of(LicenseUrl=other.url, LicenseShortName=name) == "LicenceUnknown"

    @pytest.mark.parametrize(
        "names",
        [
            {"LicenseShortName": "CC BY-SA 3.0"},
            {"LicenseShortName": "CC BY 4.0"},
            {"LicenseShortName": "CC BY-NC-SA 4.0"},
            {"LicenseShortName": "CC BY-SA 4.0 de"},
            {"LicenseShortName": "CC0"},
            {"LicenseShortName": "Public domain"},
            {"LicenseShortName": "GFDL"},
            {"LicenseShortName": "GFDL or CC BY-SA 4.0"},
            {"LicenseShortName": "CC BY-SA 4.0 (except the logo)"},
            {"LicenseShortName": "ＣＣ BY-SA 4.0"},
            {"LicenseShortName": ["CC BY-SA 4.0", "CC BY-ND 4.0"]},
            {"LicenseShortName": {"en": "CC BY-SA 4.0"}},
            {"LicenseShortName": 4.0},
            {"License": "cc-by-sa-3.0"},
            {"License": "pd"},
            {"UsageTerms": "Creative Commons Attribution-NonCommercial-ShareAlike 4.0"},
            {"UsageTerms": "Creative Commons Attribution-Share Alike 3.0"},
            {"UsageTerms": "Creative Commons Attribution 4.0"},
            {"UsageTerms": "CC BY-ND 4.0"},
            {"UsageTerms": "Public domain"},
            {"Copyrighted": "False"},
        ],
    )
    def test_a_claim_that_contradicts_the_address_makes_it_unknown(self, names):
        assert id_of(LicenseUrl=BY_SA_4) == "CC-BY-SA-4.0"
        assert refusal_of(LicenseUrl=BY_SA_4, **names) == "LicenceUnknown"

    @pytest.mark.parametrize(
        "names",
        [
            {"LicenseShortName": "CC BY-SA 4.0-3.0-2.5-2.0-1.0"},
            {"LicenseShortName": "CC BY-SA 4.0, 3.0"},
            {"LicenseShortName": " cc-by-sa-4.0 "},
            {"LicenseShortName": ""},
            {"UsageTerms": "Creative Commons Attribution-Share Alike 4.0-3.0-2.5-2.0-1.0"},
            {"UsageTerms": "Namensnennung – Weitergabe unter gleichen Bedingungen"},
            {"Copyrighted": "True", "AttributionRequired": "true"},
        ],
    )
    def test_a_claim_that_includes_the_address_agrees(self, names):
        assert id_of(LicenseUrl=BY_SA_4, **names) == "CC-BY-SA-4.0"

    def test_the_address_of_all_versions_at_once_is_none_of_the_table(self):
        address = f"{SITE}/licenses/by-sa/4.0-3.0-2.5-2.0-1.0"
        assert refusal_of(LicenseUrl=address, LicenseShortName="CC BY-SA 4.0-3.0-2.5-2.0-1.0") == "LicenceUnknown"

    def test_public_domain_by_name_alone_is_of_that_family_and_keeps_what_was_said(self):
        licence = licence_from_extmetadata(told(**PUBLIC))
        assert (licence.id, licence.raw, family_of(licence)) == (PUBLIC_DOMAIN.id, "Public domain", "pdm")
        assert id_of(LicenseUrl="", **PUBLIC) == PUBLIC_DOMAIN.id
        assert id_of(License="pd") == PUBLIC_DOMAIN.id

    @pytest.mark.parametrize(
        "contradiction",
        [
            {"License": "cc-by-4.0"},
            {"LicenseShortName": "CC0"},
            {"Copyrighted": "True"},
            {"AttributionRequired": "true"},
        ],
    )
    def test_public_domain_beside_a_contradiction_is_refused(self, contradiction):
        assert refusal_of(**(PUBLIC | contradiction)) in ("LicenceUnknown", "LicenceMissing")

    @pytest.mark.parametrize(
        "name",
        ["CC BY-SA 4.0", "CC0", "cc-pd", "PD-US", "PD-old-70", "No restrictions", "Public domain?", "PD in the US",
         "Publi\N{CYRILLIC SMALL LETTER ES} domain", "Public\N{SOFT HYPHEN}domain", "<b>Public domain</b>", "GFDL",
         "Attribution", "Copyrighted free use"],
    )  # fmt: skip
    def test_any_other_name_without_an_address_is_a_licence_missing(self, name):
        assert refusal_of(LicenseShortName=name) == "LicenceMissing"

    @pytest.mark.parametrize(
        "nothing", [{}, {"LicenseUrl": ""}, {"LicenseUrl": None}, {"LicenseUrl": "  "}, {"LicenseUrl": []}]
    )
    def test_without_any_claim_the_licence_is_missing(self, nothing):
        assert refusal_of(**nothing) == "LicenceMissing"

    @pytest.mark.parametrize(
        "odd", [5, True, {"en": BY_SA_4}, [5], [BY_SA_4, f"{SITE}/licenses/by/4.0/"], f"<a>{BY_SA_4}</a>"]
    )
    def test_an_address_of_another_type_or_several_is_unknown(self, odd):
        assert refusal_of(LicenseUrl=odd) == "LicenceUnknown"

    def test_a_field_without_its_envelope_is_read_too(self):
        assert licence_from_extmetadata({"LicenseUrl": BY_SA_4}).id == "CC-BY-SA-4.0"


class TestFreeUse:
    @pytest.mark.parametrize(
        "fields", [{}, {"NonFree": ""}, {"NonFree": "false"}, {"NonFree": 0}, {"Restrictions": " "}]
    )
    def test_a_file_without_a_reservation_passes(self, fields):
        require_free_use(told(**fields))

    @pytest.mark.parametrize(
        "fields", [{"NonFree": 1}, {"NonFree": "yes"}, {"NonFree": True}, {"Restrictions": "trademarked"}]
    )
    def test_a_file_with_one_does_not(self, fields):
        with pytest.raises(UnfitItemError) as raised:
            require_free_use(told(**fields))
        assert raised.value.error == "LicenceNotAllowed"


class TestTheCreator:
    @pytest.mark.parametrize(
        ("artist", "creator"),
        [
            ('<a href="//commons.wikimedia.org/wiki/User:Ann" title="User:Ann">Ann Author</a>', "Ann Author"),
            ('<bdi><a href="https://en.wikipedia.org/wiki/en:Edvard_Munch">Edvard Munch</a>\n</bdi>', "Edvard Munch"),
            (
                'The original uploader was <a href="#">Elv</a> at <a href="#">Italian Wikipedia</a>.',
                "Elv at Italian Wikipedia",
            ),
            (
                "No machine-readable author provided. <a>Dvor</a>~commonswiki assumed (based on copyright claims).",
                "Dvor",
            ),
            ('<a href="#">Slick</a> (<a href="#">talk</a>)', "Slick"),
            ('Ann<div style="display: none;">creator QS:P170,Q41406</div>', "Ann"),
            ('<span style="DISPLAY:none">hidden <b>twice</b></span>Ann', "Ann"),
            ("<style>.mw{}</style><script>alert(1)</script>Ann", "Ann"),
            ("Ann<br>Bob", "Ann Bob"),
            ("<p>Ann</p><p>Bob</p>", "Ann Bob"),
            ("<b>A</b>nn", "Ann"),
            (
                "British Museum (Natural History).; Clark, Hubert Lyman",
                "British Museum (Natural History).; Clark, Hubert Lyman",
            ),
            ("Photo by <a>Ann</a>", "Ann"),
            ("Ann &amp; Bob", "Ann & Bob"),
            ("&lt;script&gt;alert(1)&lt;/script&gt;Ann", "alert(1) Ann"),
            ("A\x00n\u202en", "A nn"),
            ({"_type": "lang", "de": "Anna", "en": "Ann"}, "Ann"),
            ({"_type": "lang", "de": "Anna"}, "Anna"),
            (["Ann", "Bob"], "Ann / Bob"),
        ],
    )
    def test_the_artist_is_named_as_a_reader_sees_it(self, artist, creator):
        assert creator_from_extmetadata(told(Artist=artist), "Uploader") == creator

    @pytest.mark.parametrize("nobody", ["", "Unknown", "<i>Unknown author</i>", "anonymous", "-", "<br>", None, {}, []])
    def test_nobody_is_no_creator_unless_others_are_named(self, nobody):
        assert creator_from_extmetadata(told(Artist=nobody), "Uploader") is None
        assert creator_from_extmetadata(told(Artist=nobody, Attribution="© Ann"), "Uploader") == "Ann"
        assert creator_from_extmetadata(told(Artist=nobody, Credit="Own work"), "Uploader") == "Uploader"
        assert creator_from_extmetadata(told(Artist=nobody, Credit="https://flickr.example/"), "Uploader") is None

    def test_own_work_is_the_uploaders(self):
        own = '<span class="int-own-work" lang="en">Own work</span>'
        assert creator_from_extmetadata(told(Artist=own), "<b>Uploader</b>") == "Uploader"
        assert creator_from_extmetadata(told(Artist=own), "") is None

    def test_a_long_artist_is_cut(self):
        creator = creator_from_extmetadata(told(Artist="<i>Ann</i> " * 400_000), "")
        assert creator is not None
        assert len(creator) <= 200


@pytest.mark.parametrize(
    "piece", ["<a", "<a ", "<!--", "<!", "</a", "&", "&#", "<a b='", '<a b="', "<b><i>", "<p style='x"]
)
def test_megabytes_of_broken_markup_become_a_line(piece):
    assert len(visible_text(piece * 1_000_000)) <= 200


@given(
    st.lists(st.one_of(st.text(), st.sampled_from(["<b>", "</b>", "<div style='display:none'>", "</div>", "\ud800"])))
)
def test_no_markup_leaves_a_tag_or_a_control_character(pieces):
    line = visible_text("".join(pieces))
    line.encode()
    assert line == line.strip()
    assert all(character.isprintable() or character.isspace() or ord(character) > 127 for character in line)
