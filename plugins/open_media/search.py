"""Find what a campaign still lacks: search pages -> items -> licence gate and deduplication -> candidate tracks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from include.catalog.attribution import plain_text
from include.catalog.keys import MediaType, asset_id_from_source
from include.catalog.licences import is_allowed, licence_from_url
from include.catalog.records import Failure
from include.sources.errors import SourceError, SourceRefuses, Throttled
from include.sources.source import (
    ItemRef,
    Page,
    Rejection,
    Request,
    SourceAnswerError,
    Track,
    track_from_json,
    track_to_json,
)
from media_lake.hooks.dynamodb import AssetCatalogueHook
from open_media.answers import SourceAnswers

MOST_OUTAGES = 5
"""This many items in a row that cannot be had for now are no bad items, the source is down."""

MOST_ANSWERS_A_PAGE = 50
"""A page that comes in more pieces than this has no end."""

_SETTLED = ("landed", "analysed", "duplicate", "failed")


@dataclass(slots=True)
class Progress:
    """How far a search came, so that a later task can go on where an earlier one stopped."""

    cursor: str | None = None
    """The page being read; it is asked again on resumption, and ``seen_items`` says what of it is done."""
    pages_exhausted: bool = False
    seen_items: set[str] = field(default_factory=set)
    spare: list[list[Track]] = field(default_factory=list)
    """Further tracks of items of which one was taken already, an inner list per item."""

    @property
    def exhausted(self) -> bool:
        """The source has nothing left for this campaign."""
        return self.pages_exhausted and not self.spare

    def to_json(self) -> dict[str, Any]:
        return {
            "cursor": self.cursor,
            "pages_exhausted": self.pages_exhausted,
            "seen_items": sorted(self.seen_items),
            "spare": [[track_to_json(track) for track in tracks] for tracks in self.spare],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Progress:
        return cls(
            cursor=value["cursor"],
            pages_exhausted=value["pages_exhausted"],
            seen_items=set(value["seen_items"]),
            spare=[[track_from_json(track) for track in tracks] for tracks in value["spare"]],
        )


class CandidateSearch:
    """An iterator over the tracks that a campaign could still take from a source.

    One track an item first, so that an album does not fill the whole batch; the items' other tracks follow when the
    pages are exhausted. Tracks that the catalogue gives to others, and licences that ``families`` does not hold, are
    left out; what is rejected is handed to ``reject``.
    """

    def __init__(
        self,
        answers: SourceAnswers,
        catalogue: AssetCatalogueHook,
        *,
        words: str,
        media_type: MediaType,
        families: Collection[str],
        claimed_by: str,
        reject: Callable[[Rejection], None],
        progress: Progress | None = None,
    ) -> None:
        self._source = answers.source
        self._answers = answers
        self._catalogue = catalogue
        self._words = words
        self._media_type = media_type
        self._families = families
        self._claimed_by = claimed_by
        self._reject = reject
        self.progress = progress or Progress()
        self._outages = 0

    def __iter__(self) -> Iterator[Track]:
        progress = self.progress
        while not progress.pages_exhausted:
            page = self._page()
            for ref in self._fresh_items(page):
                free = self._free_tracks(ref)
                if len(free) > 1:
                    progress.spare.append(free[1:])
                yield from free[:1]
            progress.cursor, progress.pages_exhausted = page.next, page.next is None
        while progress.spare:
            track, *others = progress.spare.pop(0)
            if others:
                progress.spare.append(others)
            yield track

    def _page(self) -> Page:
        cursor = self.progress.cursor
        asked: list[Request] = []
        answers: list[object] = []
        request: Request | None = self._source.search_request(self._words, self._media_type, cursor)
        try:
            while request is not None:
                if len(asked) == MOST_ANSWERS_A_PAGE:
                    raise SourceAnswerError(f"{self._source.name} continues a page beyond {len(asked)} answers")
                asked.append(request)
                answers.append(self._answers.fetch_json(request))
                request = self._source.further_request(request, answers[-1])
            return self._source.page_from_answers(answers, cursor)
        except SourceAnswerError:
            for request in asked:
                self._answers.forget(request)
            raise

    def _fresh_items(self, page: Page) -> list[ItemRef]:
        """Return the page's items that were not looked at yet and still have something to take."""
        fresh = {ref.id: ref for ref in page.items if ref.id not in self.progress.seen_items}
        taken = self._catalogue.taken_items(self._source.name, list(fresh))
        self.progress.seen_items |= taken
        return [ref for ref in fresh.values() if ref.id not in taken]

    def _look_into(self, ref: ItemRef) -> tuple[Track | Rejection, ...]:
        """Return the item's tracks, or why there is none; a bad item is no reason to stop.

        :raises SourceError: when the source as a whole asks to be left alone, or is down.
        """
        title = plain_text(ref.title) or ref.id
        licence = licence_from_url(ref.licence_raw)
        if licence is not None and not is_allowed(licence, self._families):
            message = f"{licence.id} is none of the allowed licences ({', '.join(self._families)})"
            return (Rejection(source_id=ref.id, title=title, error="LicenceNotAllowed", message=message),)
        request = self._source.item_request(ref)
        base = self._answers.base_url
        try:
            answer = ref.answer
            if request is not None:
                answer = self._answers.fetch_json(request)
                self._outages = 0
            return self._source.tracks_from_answer(answer, ref, families=self._families, download_base=base)
        except (Throttled, SourceRefuses):
            raise
        except (SourceError, SourceAnswerError) as error:
            if request is not None and isinstance(error, SourceAnswerError):
                self._answers.forget(request)
            self._outages = self._outages + 1 if getattr(error, "retryable", False) else 0
            if self._outages == MOST_OUTAGES:
                raise
            return (Rejection(source_id=ref.id, title=title, error="ItemUnavailable", message=str(error)),)

    def _free_tracks(self, ref: ItemRef) -> list[Track]:
        """Return the item's tracks that this run may take, and note the others."""
        self.progress.seen_items.add(ref.id)
        found = self._look_into(ref)
        for rejection in found:
            if isinstance(rejection, Rejection):
                self._reject(rejection)
        tracks = [track for track in found if isinstance(track, Track)]
        ids = [asset_id_from_source(track.source, track.source_id) for track in tracks]
        standing = self._catalogue.read_many(ids)
        free = [
            track
            for track, asset_id in zip(tracks, ids, strict=True)
            if self._catalogue.is_free_for(standing.get(asset_id), self._claimed_by)
        ]
        if tracks and not free and all(item["state"] in _SETTLED for item in standing.values()):
            self._catalogue.mark_item_taken(self._source.name, ref.id)
        return free


def failure_from_rejection(rejection: Rejection) -> Failure:
    """Write a rejection as the failure that the catalogue records."""
    return Failure(stage="search", error=rejection.error, message=rejection.message, retryable=False)
