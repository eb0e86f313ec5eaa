"""What Wikimedia Commons says about a file's licence and author, in ``extmetadata``.

The CommonsMetadata extension scrapes these fields from the templates of a file's page, so their values are HTML that
anybody can edit. Of several licence templates it tells one: public domain before the newest Creative Commons licence,
BY before BY-SA. ``LicenseUrl``, ``LicenseShortName``, ``UsageTerms`` and ``Copyrighted`` then come from that template;
``NonFree`` from any. ``License`` is made from the short name, and absent where the extension does not know it.

Sources: https://www.mediawiki.org/wiki/Extension:CommonsMetadata (``DataCollector``, ``TemplateParser``,
``LicenseParser``), https://commons.wikimedia.org/wiki/Commons:Machine-readable_data, answers as recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from include.catalog.attribution import plain_text
from include.catalog.licences import (
    claims_from_field,
    family_of,
    licence_from_public_domain_name,
    licence_from_url,
)
from include.catalog.records import Licence
from include.sources.reading import UnfitItemError, glimpse

FIELDS = (
    "Artist",
    "Attribution",
    "AttributionRequired",
    "Copyrighted",
    "Credit",
    "DeletionReason",
    "License",
    "LicenseShortName",
    "LicenseUrl",
    "NonFree",
    "Restrictions",
    "UsageTerms",
)
"""What is read here, so that nothing else need be asked for."""

_LONGEST_HTML = 10_000
_TAG = re.compile(r"<(?P<closing>/?)(?P<tag>[A-Za-z][A-Za-z0-9]{0,20})(?P<attributes>(?:[\s/][^<>]*)?)>")
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_BLOCKS = frozenset({"br", "dd", "div", "dt", "hr", "li", "p", "td", "th", "tr", "ul", "ol", "table"})
_UNSEEN = frozenset({"script", "style", "template"})
_HIDDEN_STYLE = re.compile(r"""\sstyle\s{0,9}=[^=]{0,200}display\s{0,9}:\s{0,9}none""", re.IGNORECASE)

_CC_NAME = re.compile(
    r"cc[ -](?P<parts>by(?:[ -](?:nc|nd|sa)){0,2})[ -]"
    r"(?P<versions>[0-9]\.[0-9](?:[-,/ ]{1,2}[0-9]\.[0-9])*)"
    r"(?:[ -](?P<port>[a-z]{2,8}))?"
)
_CC0_NAMES = frozenset({"cc0", "cc0 1.0", "cc-zero"})
_MARK_NAMES = frozenset({"cc-pd", "cc-pd-mark", "cc pdm 1.0", "pdm", "pdm 1.0", "public domain mark 1.0"})
_LONG_NAME_PARTS = tuple(
    (part, re.compile(words))
    for part, words in (
        ("by", r"attribution"),
        ("nc", r"non-?\s?commercial"),
        ("nd", r"no-?\s?deriv"),
        ("sa", r"share-?\s?alike"),
    )
)
_VERSION = re.compile(r"[0-9]\.[0-9]")

_NOBODY = frozenset({
    "-", "?", "anonymous", "author unknown", "n/a", "none", "not known", "own", "own work", "see below", "self",
    "unknown", "unknown artist", "unknown author", "unknown photographer",
})  # fmt: skip
_OWN_WORK = frozenset({"own work", "own", "self", "self-made", "self made", "own work by uploader"})
_UPLOADER = re.compile(r"(?:the )?original uploader was (?P<name>.+?)\.?", re.IGNORECASE)
_ASSUMED = re.compile(
    r"no machine-readable author provided\.? (?P<name>.+?) assumed \(based on copyright claims\)\.?", re.IGNORECASE
)
_TALK = re.compile(r"\s*\(\s*talk(?:\s*[·|,•]\s*contribs)?\s*\)\.?$", re.IGNORECASE)
_BYLINE = re.compile(r"(?:(?:photo|photograph|picture|image|video|film)\s*(?:by\s|:)|by\s|©)\s*", re.IGNORECASE)
_SPACE_BEFORE_POINT = re.compile(r"\s+(?=[.,;:)\]](?:\s|$))")


def licence_from_extmetadata(metadata: Mapping[str, Any]) -> Licence:
    """Read the one licence that the fields of a file name, all of them agreeing.

    ``LicenseUrl`` decides, through the closed table, and every name beside it has to mean the same licence. A name may
    list several versions ("CC BY-SA 4.0-3.0-2.5"): then the author leaves the choice among them, and the address
    has chosen one. Without an address there is no licence but a plain "Public domain": which version and port a
    short name means would be a guess.

    >>> licence_from_extmetadata({"LicenseUrl": {"value": "https://creativecommons.org/licenses/by/4.0"}}).id
    'CC-BY-4.0'

    :raises UnfitItemError: when there is no licence, none that is known, or a claim that contradicts it.
    """
    addresses, short_names, ids, terms = (
        _claims(metadata, name) for name in ("LicenseUrl", "LicenseShortName", "License", "UsageTerms")
    )
    names = [name.lower() for name in (*short_names, *ids)]
    if not addresses:
        return _public_domain_by_name(metadata, names, short_names)
    licence = licence_from_url(list(addresses))
    if licence is None:
        raise UnfitItemError("LicenceUnknown", f"no single licence that is known: {glimpse(' | '.join(addresses))}")
    for claim in (*short_names, *ids):
        if not _name_means(claim.lower(), licence):
            raise _disagreement(licence, claim)
    for claim in terms:
        if not _terms_may_mean(claim.lower(), licence):
            raise _disagreement(licence, claim)
    if family_of(licence).startswith("by") and _says(metadata, "Copyrighted", "false"):
        raise _disagreement(licence, "Copyrighted: False")
    return licence


def require_free_use(metadata: Mapping[str, Any]) -> None:
    """Let a file pass that may be used as its licence says.

    :raises UnfitItemError: when it is not free, restricted by other law, or about to be deleted.
    """
    if _text(metadata, "NonFree").lower() not in ("", "0", "false"):
        raise UnfitItemError("LicenceNotAllowed", "Wikimedia Commons marks the file as not free")
    if restrictions := _text(metadata, "Restrictions"):
        raise UnfitItemError("LicenceNotAllowed", f"its use is restricted beyond the licence: {glimpse(restrictions)}")
    if reason := _text(metadata, "DeletionReason"):
        raise UnfitItemError("ItemUnavailable", f"Wikimedia Commons is about to delete the file: {glimpse(reason)}")


def creator_from_extmetadata(metadata: Mapping[str, Any], uploader: str) -> str | None:
    """Name whom a careful person would credit; ``None`` when nobody is known.

    That is the ``Artist``; else what the author wants to be credited as; else, for own work, whoever uploaded it.

    >>> artist = '<a href="//commons.wikimedia.org/wiki/User:Ann" title="User:Ann">Ann</a>'
    >>> creator_from_extmetadata({"Artist": {"value": artist}}, "Bob")
    'Ann'
    >>> creator_from_extmetadata({"Artist": {"value": "Own work"}}, "Bob")
    'Bob'
    """
    for name in ("Artist", "Attribution"):
        creator = _person(_text(metadata, name))
        if creator.lower() not in _NOBODY | {""}:
            return creator
    own = {_text(metadata, name).lower() for name in ("Artist", "Credit")}
    return plain_text(uploader) or None if own & _OWN_WORK else None


def visible_text(markup: str) -> str:
    """Reduce HTML to the line that a reader of the page sees: what is styled away is dropped with its content.

    >>> visible_text('<i>Ann</i>&nbsp;B.<div style="display: none;">creator QS:P170,Q1</div>')
    'Ann B.'
    """
    markup = markup[:_LONGEST_HTML]
    pieces: list[str] = []
    hidden: list[str] = []  # elements that are open, from the hidden one inwards
    end = 0
    for found in _TAG.finditer(markup):
        tag, attributes = found["tag"].lower(), found["attributes"]
        if not hidden:
            pieces.append(markup[end : found.start()])
        end = found.end()
        if found["closing"]:
            if tag in hidden:
                del hidden[len(hidden) - 1 - hidden[::-1].index(tag) :]
        elif tag not in _VOID and (hidden or tag in _UNSEEN or _HIDDEN_STYLE.search(attributes)):
            hidden.append(tag)
        if tag in _BLOCKS and not hidden:
            pieces.append(" ")
    if not hidden:
        pieces.append(markup[end:])
    line = plain_text("".join(pieces)) or plain_text(markup)
    return _SPACE_BEFORE_POINT.sub("", line)


def _claims(metadata: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return what a field claims.

    :raises UnfitItemError: for a value that is no text, which cannot be compared.
    """
    field = metadata.get(name)
    value = field.get("value") if isinstance(field, Mapping) else field
    claims = claims_from_field(value)
    if not claims and value not in (None, "", []) and not (isinstance(value, str) and not value.strip()):
        raise UnfitItemError("LicenceUnknown", f"{name} is no text: {glimpse(value)}")
    return claims


def _text(metadata: Mapping[str, Any], name: str) -> str:
    """Return a field as the line that a reader sees; of several languages English, or else the first."""
    field = metadata.get(name)
    value = field.get("value") if isinstance(field, Mapping) else field
    if isinstance(value, Mapping):
        texts = {str(language): text for language, text in value.items() if not str(language).startswith("_")}
        value = texts.get("en") or next(iter(texts.values()), None)
    if isinstance(value, bool | int | float):
        value = str(value)
    return visible_text(" / ".join(claims_from_field(value)))


def _says(metadata: Mapping[str, Any], name: str, word: str) -> bool:
    return _text(metadata, name).lower() == word


def _public_domain_by_name(metadata: Mapping[str, Any], names: list[str], short_names: tuple[str, ...]) -> Licence:
    if not names:
        raise UnfitItemError("LicenceMissing", "the file names no licence")
    claims = glimpse(" | ".join(names))
    licence = licence_from_public_domain_name(list(short_names) or names)
    if licence is None:
        raise UnfitItemError("LicenceMissing", f"the file names a licence without its address: {claims}")
    if licence_from_public_domain_name(names) is None:
        raise UnfitItemError("LicenceUnknown", f"the file's claims do not agree: {claims}")
    for name in ("Copyrighted", "AttributionRequired"):
        if _says(metadata, name, "true"):
            raise UnfitItemError("LicenceUnknown", f"the file's claims do not agree: {claims}, {name}: True")
    return licence


def _disagreement(licence: Licence, claim: str) -> UnfitItemError:
    return UnfitItemError("LicenceUnknown", f"the file's claims do not agree: {licence.id}, {glimpse(claim)}")


def _name_means(name: str, licence: Licence) -> bool:
    """Say whether a short name in lower case is the licence's, or lists it among others of its kind."""
    family = family_of(licence)
    if family == "cc0":
        return name in _CC0_NAMES
    if family == "pdm":
        return name in _MARK_NAMES or licence_from_public_domain_name(name) is not None
    found = _CC_NAME.fullmatch(name)
    if found is None:
        return False
    parts = re.split("[ -]", found["parts"])
    port = licence.id.lower().removeprefix(f"cc-{family}-{licence.version}").lstrip("-")
    return (
        sorted(parts) == sorted(family.split("-"))
        and licence.version in _VERSION.findall(found["versions"])
        and (found["port"] or "") == port
    )


def _terms_may_mean(terms: str, licence: Licence) -> bool:
    """Say whether terms in lower case, prose in any language, leave open that they are the licence's."""
    family = family_of(licence)
    if licence_from_public_domain_name(terms) is not None:
        return family == "pdm"
    if not terms.startswith(("creative commons", "cc ", "cc-")):
        return True
    if _CC_NAME.fullmatch(terms):
        return _name_means(terms, licence)
    parts = "-".join(part for part, pattern in _LONG_NAME_PARTS if pattern.search(terms))
    versions = _VERSION.findall(terms)
    return parts == (family if family.startswith("by") else "") and (not versions or licence.version in versions)


def _person(text: str) -> str:
    """Take the name out of the phrases that Commons' templates put around it."""
    for pattern in (_UPLOADER, _ASSUMED):
        if found := pattern.fullmatch(text):
            text = found["name"]
    text = _TALK.sub("", text).replace("~commonswiki", "")
    byline = _BYLINE.match(text)
    return text[byline.end() if byline else 0 :].strip()
