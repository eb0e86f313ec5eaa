from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.licences import (
    DEFAULT_FAMILIES,
    KNOWN_LICENCES,
    LICENCE_FAMILIES,
    PIXABAY_LICENCE,
    PUBLIC_DOMAIN,
    VIDEO_FAMILIES,
    claims_from_field,
    family_of,
    is_allowed,
    licence_from_public_domain_name,
    licence_from_url,
)
from include.catalog.records import Licence

SITE = "https://creativecommons.org"


def id_of(raw: object) -> str | None:
    licence = licence_from_url(raw)
    return licence.id if licence else None


@pytest.mark.parametrize(
    "spelling",
    [
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "http://creativecommons.org/licenses/by-sa/4.0/",
        "//creativecommons.org/licenses/by-sa/4.0/",
        "HTTP://Creativecommons.ORG/licenses/by-sa/4.0",
        "https://www.creativecommons.org/licenses/by-sa/4.0",
        "https://creativecommons.org/licenses/by-sa/4.0/deed",
        "https://creativecommons.org/licenses/by-sa/4.0/deed.en",
        "https://creativecommons.org/licenses/by-sa/4.0/deed.zh-hant",
        "https://creativecommons.org/licenses/by-sa/4.0/deed.pt_BR",
        "https://creativecommons.org/licenses/by-sa/4.0/legalcode",
        "https://creativecommons.org/licenses/by-sa/4.0/legalcode.de",
        "https://creativecommons.org/licenses/by-sa/4.0/legalcode.txt",
        "https://creativecommons.org/licenses/by-sa/4.0/?ref=chooser-v1",
        "  https://creativecommons.org/licenses/by-sa/4.0/\n",
        ["https://creativecommons.org/licenses/by-sa/4.0/"],
        ["http://creativecommons.org/licenses/by-sa/4.0", "https://creativecommons.org/licenses/by-sa/4.0/deed.fr"],
    ],
)
def test_spellings_of_one_licence_are_one_licence(spelling):
    assert licence_from_url(spelling) == Licence(
        id="CC-BY-SA-4.0",
        version="4.0",
        url="https://creativecommons.org/licenses/by-sa/4.0/",
        raw=" | ".join(claims_from_field(spelling)),
        attribution_required=True,
        allows_derivatives=True,
        allows_commercial=True,
        share_alike=True,
    )


@pytest.mark.parametrize(
    ("path", "licence_id", "family"),
    [
        ("licenses/by/1.0", "CC-BY-1.0", "by"),
        ("licenses/by/2.5/scotland", "CC-BY-2.5-SCOTLAND", "by"),
        ("licenses/by/3.0/igo", "CC-BY-3.0-IGO", "by"),
        ("licenses/by-nc/2.1/jp", "CC-BY-NC-2.1-JP", "by-nc"),
        ("licenses/by-nc-sa/3.0/us", "CC-BY-NC-SA-3.0-US", "by-nc-sa"),
        ("licenses/by-nd/2.0/uk", "CC-BY-ND-2.0-UK", "by-nd"),
        ("licenses/by-nc-nd/4.0", "CC-BY-NC-ND-4.0", "by-nc-nd"),
        ("publicdomain/zero/1.0", "CC0-1.0", "cc0"),
        ("publicdomain/mark/1.0", "CC-PDM-1.0", "pdm"),
        ("licenses/publicdomain", "CC-PDDC", "pdm"),
    ],
)
def test_a_licence_is_named_by_family_version_and_port(path, licence_id, family):
    licence = licence_from_url(f"{SITE}/{path}/legalcode")
    assert licence is not None
    assert (licence.id, licence.url, family_of(licence)) == (licence_id, f"{SITE}/{path}/", family)


def test_version_1_0_wrote_noncommercial_after_noderivs():
    licence = licence_from_url("http://creativecommons.org/licenses/by-nc-nd/1.0/")
    assert licence is not None
    assert (licence.id, licence.url) == ("CC-BY-NC-ND-1.0", f"{SITE}/licenses/by-nd-nc/1.0/")
    assert id_of(licence.url) == "CC-BY-NC-ND-1.0"
    assert id_of(f"{SITE}/licenses/by-nd-nc/4.0/") is None


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "CC BY 4.0",
        "creativecommons.org/licenses/by/4.0/",
        "https://creativecommons.org/",
        "https://creativecommons.org/licenses/",
        "https://creativecommons.org/licenses/by/",  # without a version
        "https://creativecommons.org/licenses/by",
        "https://creativecommons.org/licenses/by/4.1/",
        "https://creativecommons.org/licenses/by/4.0/de/",  # 4.0 was never ported
        "https://creativecommons.org/licenses/by/2.1/",  # 2.1 exists only as ports
        "https://creativecommons.org/licenses/by/3.0/xx/",
        "https://creativecommons.org/licenses/by/2.5/us/",  # the port came with 3.0
        "https://creativecommons.org/licenses/BY/4.0/",
        "https://creativecommons.org/licenses/by/4.0/evil",
        "https://creativecommons.org/licenses/by/4.0/deed.en/more",
        "https://creativecommons.org//licenses/by/4.0/",
        "https://creativecommons.org/licenses/by/4.0/../../by-nd/4.0/",
        "https://creativecommons.org/licenses/by/4.0/?to=https://evil.example/",
        "https://creativecommons.org/licenses/by/4.0/#by-nd",
        "https://creativecommons.org.evil.example/licenses/by/4.0/",
        "https://evil.example/creativecommons.org/licenses/by/4.0/",
        "https://user@creativecommons.org/licenses/by/4.0/",
        "https://creativecommons.org:8080/licenses/by/4.0/",
        "ftp://creativecommons.org/licenses/by/4.0/",
        "https://creativecommons.org/licenses/by/4.0/ and also https://creativecommons.org/licenses/by-nd/4.0/",
        "https://creativecommons.org/licenses/sampling/1.0/",
        "https://creativecommons.org/licenses/sampling+/1.0/",
        "https://creativecommons.org/licenses/nc-sampling+/1.0/",
        "https://creativecommons.org/licenses/devnations/2.0/",
        "https://creativecommons.org/licenses/sa/1.0/",
        "https://creativecommons.org/licenses/nc/1.0/",
        "https://creativecommons.org/licenses/nd/1.0/",
        "https://creativecommons.org/licenses/nd-nc/1.0/",
        "https://creativecommons.org/licenses/nc-sa/1.0/",
        "https://creativecommons.org/licenses/GPL/2.0/",
        "https://creativecommons.org/licenses/BSD/",
        "https://creativecommons.org/publicdomain/",
        "https://creativecommons.org/publicdomain/zero/2.0/",
        "https://pixabay.com/service/license/",
        "http://artlibre.org/licence/lal/en/",
        "http://www.gnu.org/copyleft/fdl.html",
        None,
        4.0,
        True,
        {},
        [],
        [None, 3, ["https://creativecommons.org/licenses/by/4.0/"]],
    ],
)
def test_what_is_not_in_the_table_is_no_licence(claim):
    assert licence_from_url(claim) is None


@pytest.mark.parametrize(
    "other", ["http://www.gnu.org/copyleft/fdl.html", "All rights reserved", f"{SITE}/licenses/by/"]
)
def test_a_known_licence_beside_a_claim_that_is_not_understood_is_none(other):
    known = f"{SITE}/licenses/by-sa/3.0/"
    assert licence_from_url([other, known]) is None
    assert licence_from_url([known, other]) is None
    assert id_of([known, "", None]) == "CC-BY-SA-3.0"


@pytest.mark.parametrize("other", ["by-nd/4.0", "by/3.0", "by/3.0/de"])
def test_two_different_licences_are_none(other):
    assert licence_from_url([f"{SITE}/licenses/by/4.0/", f"{SITE}/licenses/{other}/"]) is None


def test_the_table_holds_every_port_once():
    ids = [licence.id for licence in KNOWN_LICENCES]
    assert len(ids) == len(set(ids)) == 3 + 6 * (5 + 3 + 18 + 4 + 28 + 43)
    assert {family_of(licence) for licence in KNOWN_LICENCES} == set(LICENCE_FAMILIES)


def test_every_canonical_address_means_itself():
    for licence in KNOWN_LICENCES:
        assert licence_from_url(licence.url) == replace(licence, raw=licence.url)


def test_what_a_licence_permits_stands_in_its_name():
    for licence in KNOWN_LICENCES:
        parts = licence.id.split("-")
        assert licence.attribution_required == ("BY" in parts), licence
        assert licence.share_alike == ("SA" in parts), licence
        assert licence.allows_commercial == ("NC" not in parts), licence
        assert licence.allows_derivatives == ("ND" not in parts), licence
        assert licence.allows_redistribution, licence


def test_pixabays_licence_is_a_family_of_its_own_that_only_video_may_take():
    assert family_of(PIXABAY_LICENCE) == "pixabay"
    assert is_allowed(PIXABAY_LICENCE, VIDEO_FAMILIES)
    assert not is_allowed(PIXABAY_LICENCE, LICENCE_FAMILIES)
    assert "pixabay" not in LICENCE_FAMILIES
    assert not any(is_allowed(licence, ["pixabay"]) for licence in (*KNOWN_LICENCES, PUBLIC_DOMAIN))


def test_pixabays_licence_forbids_to_pass_the_work_on_as_it_came():
    assert not PIXABAY_LICENCE.allows_redistribution
    assert PIXABAY_LICENCE.allows_derivatives
    assert PIXABAY_LICENCE.allows_commercial
    assert not PIXABAY_LICENCE.attribution_required


@pytest.mark.parametrize("claim", [PIXABAY_LICENCE.url, PIXABAY_LICENCE.raw, PIXABAY_LICENCE.id, PUBLIC_DOMAIN.url])
def test_no_address_or_name_gives_a_licence_that_only_a_source_assigns(claim):
    assert licence_from_url(claim) is None
    assert licence_from_public_domain_name(claim) is None


@pytest.mark.parametrize("name", ["Public domain", " PUBLIC DOMAIN\n", "pd", ["PD", "public domain"]])
def test_a_plain_name_of_the_public_domain_is_of_its_family_and_keeps_what_was_said(name):
    licence = licence_from_public_domain_name(name)
    assert licence == replace(PUBLIC_DOMAIN, raw=" | ".join(claims_from_field(name)))
    assert is_allowed(licence, ["pdm"])
    assert not is_allowed(licence, ["cc0", "pixabay"])


@pytest.mark.parametrize(
    "name",
    ["", "public  domain", "public domain.", "public_domain", "PD-self", "CC0", "CC-PD", "Publiс domain", "ｐｄ",
     None, 5, [], ["pd", "CC BY 4.0"], "https://creativecommons.org/publicdomain/mark/1.0/", {"en": "pd"}],
)  # fmt: skip
def test_any_other_name_is_no_public_domain(name):
    assert licence_from_public_domain_name(name) is None


def test_the_default_lets_pass_what_allows_derivatives():
    for licence in KNOWN_LICENCES:
        assert is_allowed(licence, DEFAULT_FAMILIES) == licence.allows_derivatives, licence


def test_a_family_that_does_not_exist_is_an_error_not_a_closed_gate():
    with pytest.raises(ValueError, match=r"'by-4\.0'.*there are cc0, pdm, by"):
        is_allowed(KNOWN_LICENCES[0], ["cc0", "by-4.0"])


def test_no_family_lets_nothing_pass():
    assert not any(is_allowed(licence, ()) for licence in KNOWN_LICENCES)


def test_a_licence_from_elsewhere_has_no_family():
    pixabay = Licence(
        id="Pixabay", version=None, url="https://pixabay.com/service/license/", raw="", attribution_required=False,
        allows_derivatives=True, allows_commercial=True, share_alike=False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="'Pixabay' is no licence of the table"):
        family_of(pixabay)


segments = st.sampled_from(
    ["licenses", "publicdomain", "by", "by-nc", "by-nd-nc", "nd", "zero", "1.0", "2.1", "3.0", "4.0", "de", "igo", "..",
     "deed", "deed.en", "legalcode", "", "?ref=chooser-v1", "sampling+"]
)  # fmt: skip


@given(st.lists(segments, max_size=6).map(lambda parts: "http://creativecommons.org/" + "/".join(parts)))
def test_whatever_is_accepted_stands_in_the_table_word_for_word(address):
    licence = licence_from_url(address)
    if licence:
        path = address.removeprefix("http://creativecommons.org/")
        assert path.removesuffix("/").startswith(
            (licence.url.removeprefix(f"{SITE}/").rstrip("/"), "licenses/by-nd-nc/2.0/jp", "licenses/by-nc-nd/1.0")
        )
        assert id_of(licence.url) == licence.id


@given(st.one_of(st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text()), st.integers(), st.floats()))
def test_anything_else_is_no_licence_and_no_error(garbage):
    assert licence_from_url(garbage) is None
    found = licence_from_public_domain_name(garbage)
    assert found is None or {claim.lower() for claim in claims_from_field(garbage)} <= {"pd", "public domain"}


@given(st.lists(st.one_of(st.text(alphabet=st.sampled_from("a\ud800\udc00 é\n")), st.integers(), st.none())))
def test_claims_can_always_be_written(values):
    assert all(claim.strip() and claim.encode() for claim in claims_from_field(values))
