"""Creative Commons licences and public domain marks, read offline from a closed table.

A catalogue's licence address is the uploader's claim, in many spellings, and may not be asked for: addresses without a
version answer 403 nowadays, and others redirect. So an address is brought to one spelling and looked up; what does not
stand in the table is no licence (``None``), and the asset is not taken.

The table holds what Creative Commons has published for works: six licences in versions 1.0 to 4.0 with the ports to
jurisdictions that exist, CC0, the Public Domain Mark and the dedication that came before it. Left out on purpose, so
refused: the retired licences without attribution (``sa``, ``nc``, ``nd``, ``nc-sa``, ``nd-nc``), ``sampling``,
``sampling+`` and ``nc-sampling+`` (the first forbids copying the whole work, none allows advertising), ``devnations``,
and the software licences in Creative Commons' dress.

Two more stand beside the table, and no address leads to them: works that their source plainly names public domain, and
Pixabay's own terms, which are nobody else's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from include.catalog.records import Licence

LICENCE_FAMILIES: tuple[str, ...] = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")
"""What a run may be told to accept; ``pdm`` is everything marked as free of known copyright."""

VIDEO_FAMILIES: tuple[str, ...] = (*LICENCE_FAMILIES, "pixabay")
"""What a run that curates video may accept: Pixabay's own terms as well, which are no Creative Commons licence."""

DEFAULT_FAMILIES: tuple[str, ...] = tuple(family for family in LICENCE_FAMILIES if not family.endswith("-nd"))
"""All families whose licences allow derivatives, since what a pipeline makes of a work is one."""

_SITE = "https://creativecommons.org"

_GENERIC_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")

# Ports to jurisdictions, each of which has all six licences (from creativecommons.org's own legal texts). Version 2.1
# exists only as ports, 4.0 only without.
_PORTS: dict[str, str] = {
    "1.0": "fi il nl",
    "2.0": "at au be br ca cl de es fr hr it jp kr nl pl tw uk za",
    "2.1": "au ca es jp",
    "2.5": "ar au bg br ca ch cn co dk es hr hu il in it mk mt mx my nl pe pl pt scotland se si tw za",
    "3.0": "am at au az br ca ch cl cn cr cz de ec ee eg es fr ge gr gt hk hr ie igo it lu nl no nz ph pl pr pt ro rs"
    " sg th tw ug us ve vn za",
}

# Version 1.0 wrote the parts of one licence in another order, and so did a port of 2.0 for a while.
_OTHER_ORDER = {"by-nc-nd": "by-nd-nc"}


@dataclass(frozen=True, slots=True)
class _Entry:
    licence: Licence
    family: str
    spellings: tuple[str, ...]
    """Paths on the site, without slashes around them, that mean this licence; the canonical one first."""


def _licence(licence_id: str, version: str | None, path: str, family: str) -> Licence:
    return Licence(
        id=licence_id,
        version=version,
        url=f"{_SITE}/{path}/",
        raw="",
        attribution_required=family.startswith("by"),
        allows_derivatives=not family.endswith("-nd"),
        allows_commercial="-nc" not in family,
        share_alike=family.endswith("-sa"),
    )


def _entries() -> Iterator[_Entry]:
    for licence_id, version, path, family in (
        ("CC0-1.0", "1.0", "publicdomain/zero/1.0", "cc0"),
        ("CC-PDM-1.0", "1.0", "publicdomain/mark/1.0", "pdm"),
        ("CC-PDDC", None, "licenses/publicdomain", "pdm"),
    ):
        yield _Entry(_licence(licence_id, version, path, family), family, (path,))
    for family in LICENCE_FAMILIES:
        if not family.startswith("by"):
            continue
        ports = [(version, f"{version}/{code}") for version, codes in _PORTS.items() for code in codes.split()]
        for version, edition in [*((version, version) for version in _GENERIC_VERSIONS), *ports]:
            spellings = [f"licenses/{family}/{edition}"]
            if family in _OTHER_ORDER and (version == "1.0" or edition == "2.0/jp"):
                # canonical for 1.0 alone
                spellings.insert(0 if version == "1.0" else 1, f"licenses/{_OTHER_ORDER[family]}/{edition}")
            licence_id = f"CC-{family}-{edition}".replace("/", "-").upper()
            yield _Entry(_licence(licence_id, version, spellings[0], family), family, tuple(spellings))


_ENTRIES = tuple(_entries())
_LICENCES: dict[str, Licence] = {spelling: entry.licence for entry in _ENTRIES for spelling in entry.spellings}

KNOWN_LICENCES: tuple[Licence, ...] = tuple(entry.licence for entry in _ENTRIES)
"""Every licence of the table, with an empty ``raw``."""

PIXABAY_LICENCE = Licence(
    id="LicenseRef-Pixabay-Content",
    version=None,
    url="https://pixabay.com/service/license-summary/",
    raw="Pixabay Content License",
    attribution_required=False,
    allows_derivatives=True,
    allows_commercial=True,
    share_alike=False,
    allows_redistribution=False,
)
"""What Pixabay offers everything under, and nothing else is: only its own source gives it, no address or name does.

It forbids to sell or to pass on a work "on a standalone basis", that is without creative effort of one's own, which a
crop, a filter or another size is not (https://pixabay.com/service/terms/).
"""

PUBLIC_DOMAIN = Licence(
    id="LicenseRef-Public-Domain",
    version=None,
    url="https://commons.wikimedia.org/wiki/Help:Public_domain",
    raw="",
    attribution_required=False,
    allows_derivatives=True,
    allows_commercial=True,
    share_alike=False,
)
"""A work that its source says to be in the public domain, without a mark or a dedication that has an address.

The address explains the term; Wikimedia Commons itself gives it where a licence's is wanted (``extension.json`` of its
CommonsMetadata extension).
"""

_PUBLIC_DOMAIN_NAMES = frozenset({"public domain", "pd"})
"""The names that CommonsMetadata itself takes for public domain, all of them (``parsePublicDomainLicenseString``)."""

_FAMILIES: dict[str, str] = {entry.licence.id: entry.family for entry in _ENTRIES} | {
    PUBLIC_DOMAIN.id: "pdm",
    PIXABAY_LICENCE.id: "pixabay",
}

_LONGEST_RAW = 1000

_LANGUAGE = r"(?:\.[a-z]{2,3}(?:[-_@][A-Za-z]{2,8})?)?"
_ADDRESS = re.compile(
    r"(?i:(?:https?:)?//(?:www\.)?creativecommons\.org)/"
    r"(?P<path>[a-z0-9.+/-]+?)"
    rf"(?:/(?:deed|legalcode){_LANGUAGE})?"
    r"/?"
    r"(?:\?ref=chooser-v1)?"  # what the licence chooser on creativecommons.org appends
)


def licence_from_url(raw: object) -> Licence | None:
    """Look up what a source gives as the address of a licence; ``None`` when it is not exactly one of the table.

    Spellings that mean the same are taken for the same: http or https, ``www.``, the host's case, spaces around it, a
    slash at the end, the deed or the legal code in any language. Nothing else is guessed: not a missing version, not
    a port that does not exist. A list must name one licence throughout: two different ones, or one beside a claim that
    is not understood, are none, for nobody says which part of the work each covers. The licence keeps what the source
    said in ``raw``.

    >>> licence_from_url("http://www.CreativeCommons.org/licenses/by-sa/3.0/de/deed.en").id
    'CC-BY-SA-3.0-DE'
    >>> licence_from_url(["http://creativecommons.org/publicdomain/zero/1.0"]).url
    'https://creativecommons.org/publicdomain/zero/1.0/'
    >>> licence_from_url("https://creativecommons.org/licenses/by/") is None
    True
    """
    claims = claims_from_field(raw)
    found = {_lookup(claim) for claim in claims}
    licence = found.pop() if len(found) == 1 else None
    return licence and replace(licence, raw=" | ".join(claims)[:_LONGEST_RAW])


def licence_from_public_domain_name(raw: object) -> Licence | None:
    """Look up the name of a licence where no address is given; ``None`` unless it plainly says public domain.

    Only case and the spaces around it are forgiven. A name of Creative Commons is none of these: without its address
    nobody knows which version and port is meant. The licence keeps what the source said in ``raw``.

    >>> licence_from_public_domain_name(" Public Domain ").id
    'LicenseRef-Public-Domain'
    >>> licence_from_public_domain_name("CC0") is None, licence_from_public_domain_name("PD-US") is None
    (True, True)
    """
    claims = claims_from_field(raw)
    if not claims or any(claim.lower() not in _PUBLIC_DOMAIN_NAMES for claim in claims):
        return None
    return replace(PUBLIC_DOMAIN, raw=" | ".join(claims)[:_LONGEST_RAW])


def claims_from_field(raw: Any) -> tuple[str, ...]:
    """Return the texts of a field that may be a string, a list of strings, or something else, which says nothing.

    They can be written as UTF-8: half surrogates, which JSON can carry, become ``?``.

    >>> claims_from_field([" a ", "", None, "b", "a"])
    ('a', 'b')
    """
    values = raw if isinstance(raw, list | tuple) else (raw,)
    texts = (value.encode(errors="replace").decode().strip() for value in values if isinstance(value, str))
    return tuple(dict.fromkeys(text for text in texts if text))


def _lookup(claim: str) -> Licence | None:
    match = _ADDRESS.fullmatch(claim)
    return _LICENCES.get(match["path"]) if match else None


def family_of(licence: Licence) -> str:
    """Name the family of a licence, whatever its version and port.

    :raises ValueError: when the licence does not come from the table.

    >>> family_of(licence_from_url("https://creativecommons.org/licenses/by-nd-nc/1.0/"))
    'by-nc-nd'
    """
    try:
        return _FAMILIES[licence.id]
    except KeyError:
        raise ValueError(f"{licence.id!r} is no licence of the table") from None


def is_allowed(licence: Licence, families: Collection[str]) -> bool:
    """Say whether a licence belongs to one of ``families``.

    :raises ValueError: when ``families`` names one that does not exist, for a typing error must not move the gate.

    >>> is_allowed(licence_from_url("https://creativecommons.org/licenses/by-nd/4.0/"), DEFAULT_FAMILIES)
    False
    """
    unknown = sorted(set(families) - set(VIDEO_FAMILIES))
    if unknown:
        raise ValueError(f"no licence family {', '.join(map(repr, unknown))}; there are {', '.join(VIDEO_FAMILIES)}")
    return family_of(licence) in families
