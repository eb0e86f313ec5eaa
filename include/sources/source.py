"""What every open media catalogue has in common: how to ask it, and what its answers say.

A source builds requests and reads parsed answers; it never opens a connection. So one polite client serves all of them,
and recorded answers test them.
"""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from include.catalog.keys import MediaType
from include.catalog.records import Licence

RejectionError = Literal[
    "LicenceMissing", "LicenceUnknown", "LicenceNotAllowed", "ItemUnavailable", "NoMediaFile", "MalformedItem"
]


class SourceAnswerError(ValueError):
    """An answer as a whole is none: an error the source reports, or a shape that it does not document."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GET below the source's base URL."""

    path: str
    """Starts with ``/`` and is percent-encoded."""
    params: tuple[tuple[str, str], ...] = ()
    """Names and values as they are; the client encodes them. A name may stand several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRef:
    """An item as a search shows it; only the item's own answer decides about its licence and files."""

    id: str
    title: str
    licence_raw: str | None
    answer: object = None
    """What the search told of the item, where it tells all there is and the item need not be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a search."""

    items: tuple[ItemRef, ...]
    next: str | None
    """Cursor of the next page, opaque to the caller; ``None`` after the last."""
    total: int | None
    """How many items the whole search has, where the source says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A file that may be taken, and what its source declares about it."""

    source: str
    source_id: str
    item_id: str
    """The item that the file belongs to; an item may hold several."""
    source_url: str
    """The public page of the work, for its attribution."""
    download_url: str
    title: str
    creator: str | None
    licence_raw: str
    licence: Licence
    original_name: str
    """The file's name as the source has it: data, never part of a path or key."""
    size_bytes: int | None
    md5: str | None
    """The digest that the source declares, in lower-case hex."""
    duration_s: float | None
    media_type: MediaType
    sha1: str | None = None
    """A further digest that the source declares, in lower-case hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An item that is not taken, and why."""

    source_id: str
    title: str
    error: RejectionError
    message: str


@dataclass(frozen=True, slots=True)
class HostPace:
    """How fast the whole deployment may ask a host, all its workers together."""

    seconds_between_requests: float
    bytes_per_s: float | None = None
    """Bandwidth that all downloads share; ``None`` for no limit."""


class Source(ABC):
    """An open media catalogue. What differs from one to the next is here; paging, pace and retries are the client's.

    A further source is one such class, its place in ``open_media.hooks.open_media.SOURCES``, and its connection.
    """

    name: ClassVar[str]
    """As it stands in keys: ``internet-archive``."""
    title: ClassVar[str]
    """As it stands in attributions: ``Internet Archive``."""
    conn_id: ClassVar[str]
    """Airflow connection that names its base URL, and its API key as password where it wants one."""
    hosts: ClassVar[Mapping[str, HostPace]]
    """Hosts that it is asked at and that it serves files from, names below them included, and how fast."""
    key_param: ClassVar[str | None] = None
    """Name of the query parameter that carries the API key; ``None`` where none is wanted."""
    keep_answers_s: ClassVar[float] = 0.0
    """How long an answer must be kept and not be asked for again, in seconds."""

    @abstractmethod
    def search_request(self, words: str, media_type: MediaType, cursor: str | None) -> Request:
        """Ask for a page of items that match all ``words``; ``cursor`` is ``None`` or the ``next`` of a page.

        :raises ValueError: for words without a letter or digit, a media type that the source lacks, a foreign cursor.
        """

    def check_answer(self, answer: object) -> None:  # noqa: B027
        """Raise the trouble that an answer with status 200 reports and that will pass: the client waits and asks again.

        :raises SourceError: a ``retryable`` one, with ``retry_after_s`` where the source says so.
        """

    def further_request(self, request: Request, answer: object) -> Request | None:  # noqa: ARG002
        """Ask for the rest of a page that comes in several answers; ``None`` when ``answer`` completes it.

        :raises SourceAnswerError: when ``answer`` leads back to where it came from.
        """
        return None

    @abstractmethod
    def page_from_answers(self, answers: Sequence[object], cursor: str | None) -> Page:
        """Read the parsed JSON that came for ``cursor``: one answer, or the several that make up the page.

        :raises SourceAnswerError: when it is no page.
        """

    def item_request(self, ref: ItemRef) -> Request | None:  # noqa: ARG002
        """Ask for an item's licence and files; ``None`` when the search has told them (``ref.answer``)."""
        return None

    @abstractmethod
    def tracks_from_answer(
        self, answer: object, ref: ItemRef, *, families: Collection[str], download_base: str
    ) -> tuple[Track | Rejection, ...]:
        """Read an item: its tracks in their order, or the one reason why there is none.

        ``families`` are the allowed licence families; ``download_base`` is where files are fetched, without a path.

        :raises SourceAnswerError: when the source reports an error, or the answer is no item at all.
        """


def source_names(sources: Sequence[str] | str) -> list[str]:
    """Read names of sources, in the order in which they are asked: a list, or a text with commas between.

    >>> source_names("wikimedia, pixabay"), source_names(["internet-archive"])
    (['wikimedia', 'pixabay'], ['internet-archive'])
    """
    names = sources.split(",") if isinstance(sources, str) else sources
    return [name.strip() for name in names if name.strip()]


def track_to_json(track: Track) -> dict[str, Any]:
    """Write a track as plain JSON values."""
    return asdict(track)


def track_from_json(value: object) -> Track:
    """Read what ``track_to_json`` wrote.

    :raises SourceAnswerError: when a field is missing, unknown or of another type.
    """
    fields = _fields(Track, value)
    return Track(**fields | {"licence": Licence(**_fields(Licence, fields["licence"]))})


@cache
def _types(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _fields(cls: type, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SourceAnswerError(f"{cls.__name__}: expected an object, not {type(value).__name__}")
    if odd := sorted(map(str, set(value) ^ set(_types(cls)))):
        raise SourceAnswerError(f"{cls.__name__}: missing or unknown: {', '.join(odd)}")
    for name, hint in _types(cls).items():
        if not _fits(value[name], hint):
            raise SourceAnswerError(f"{cls.__name__}.{name}: unexpected {value[name]!r}")
    return dict(value)


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_fits(value, member) for member in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is Licence:
        return isinstance(value, Mapping)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and not (hint is int and isinstance(value, bool))
