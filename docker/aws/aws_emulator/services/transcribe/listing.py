"""Lists, page by page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Protocol, TypeVar

from aws_emulator.services.transcribe.exceptions import BadRequestException

DEFAULT_PAGE = 5  # https://docs.aws.amazon.com/transcribe/latest/APIReference/API_ListTranscriptionJobs.html


class Named(Protocol):
    """Something in a list; its mark says where in the list it stands and is never used again."""

    @property
    def mark(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)


def page_of(entries: Sequence[Entry], size: int | None, token: str | None) -> tuple[Sequence[Entry], str | None]:
    """The entries that follow ``token``, sorted by falling mark, and the next page's token if there is one.

    Whoever was added since the first page is not on a later one; whoever was deleted leaves no hole.
    """
    ordered = sorted(entries, key=lambda entry: entry.mark, reverse=True)
    if token is not None:
        last = _decoded(token)
        ordered = [entry for entry in ordered if entry.mark < last]
    page = ordered[: size or DEFAULT_PAGE]
    more = len(ordered) > len(page)
    return page, base64.urlsafe_b64encode(page[-1].mark.encode()).decode() if more else None


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise BadRequestException(
            "The NextToken that you provided isn't valid. Use the one of the last answer."
        ) from error
