"""A source of three lines, a client that serves what the test puts there, and a landing over both on the local AWS."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import uuid
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest

from include.catalog.keys import RunFolder, asset_id_from_source, failure_key, provenance_key, raw_filename
from include.catalog.licences import licence_from_url
from include.catalog.records import Licence
from include.settings import SETTINGS
from include.sources.http import Download
from include.sources.source import HostPace, ItemRef, Page, Rejection, Request, Source, SourceAnswerError, Track
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from open_media.answers import SourceAnswers
from open_media.landing import Landing
from open_media.operators.open_media import OpenMediaBaseOperator

BY = "https://creativecommons.org/licenses/by/4.0/"
BY_ND = "https://creativecommons.org/licenses/by-nd/4.0/"


def tone(frequency_hz: float = 440.0) -> bytes:
    """Half a second of a tone as a WAV file; another frequency gives other bytes."""
    samples = (round(9000 * math.sin(2 * math.pi * frequency_hz * n / 8000)) for n in range(4000))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def track_of(item_id: str, name: str = "a.wav", **fields: Any) -> Track:
    licence = licence_from_url(BY)
    assert isinstance(licence, Licence)
    track = Track(
        source="shelf",
        source_id=f"{item_id}/{name}",
        item_id=item_id,
        source_url=f"https://shelf.example/{item_id}",
        download_url=f"https://shelf.example/{item_id}/{name}",
        title=item_id,
        creator="A. Composer",
        licence_raw=BY,
        licence=licence,
        original_name=name,
        size_bytes=None,
        md5=None,
        duration_s=None,
        media_type="audio",
    )
    return replace(track, **fields)


class Shelf(Source):
    """A source whose search is a list of item ids and whose items hold one or several files.

    An item that the search shows with its files need not be asked for, and a page may come in several answers.
    """

    name = "shelf"  # type: ignore[misc]  # that of a test's own shelf is set on the instance
    title = "The Shelf"
    conn_id = "shelf"
    hosts: ClassVar[Mapping[str, HostPace]] = {"shelf.example": HostPace(0.0)}

    def search_request(self, words: str, media_type: str, cursor: str | None) -> Request:
        return Request(f"/search/{cursor or 0}")

    def further_request(self, request: Request, answer: Any) -> Request | None:
        return Request(answer["continue"]) if "continue" in answer else None

    def page_from_answers(self, answers: Sequence[Any], cursor: str | None) -> Page:
        if any("error" in answer for answer in answers):
            raise SourceAnswerError("the shelf reports an error")
        items = [item for answer in answers for item in answer["items"]]
        refs = (
            ItemRef(id=item_id, title=item_id, licence_raw=raw, answer=rest[0] if rest else None)
            for item_id, raw, *rest in items
        )
        return Page(items=tuple(refs), next=answers[-1]["next"], total=None)

    def item_request(self, ref: ItemRef) -> Request | None:
        return None if ref.answer else Request(f"/item/{ref.id}")

    def tracks_from_answer(
        self,
        answer: Any,
        ref: ItemRef,
        *,
        families: Any,
        download_base: str,
    ) -> tuple[Track | Rejection, ...]:
        return tuple(track_of(ref.id, name, source=self.name) for name in answer["files"])


@dataclass
class ShelfClient:
    """Answers from ``answers`` and ``files``, where an exception is an answer too, and notes what it was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    content_length: int | None = None

    def fetch_json(self, path: str, params: Any = (), *, check: Callable[[object], None]) -> Any:
        self.asked.append(path)
        answer = self._answer(self.answers[path])
        check(answer)
        return answer

    @contextmanager
    def stream(self, url: str, *, max_bytes: int) -> Iterator[Download]:
        self.asked.append(url)
        content = self._answer(self.files[url])
        length = self.content_length or len(content)
        yield Download(url, 200, "audio/wav", length, None, iter([content]))

    @staticmethod
    def _answer(answer: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture(scope="session")
def catalogue(local_aws) -> AssetCatalogueHook:
    return AssetCatalogueHook()


@pytest.fixture(scope="session")
def lake(local_aws) -> LakeHook:
    return LakeHook()


@pytest.fixture
def operator_of(lake, catalogue, item_id) -> Callable[..., Any]:
    """Makes operators of one run of this test's campaign, which share the lake's clients."""

    def operator_of(kind: type[OpenMediaBaseOperator], sources: str, **arguments: Any) -> OpenMediaBaseOperator:
        of_this_run = {"media_type": "audio", "campaign": item_id, "run": "20260301_063000"}
        operator = kind(task_id="a_task", sources=sources, **of_this_run, **arguments)
        operator.lake, operator.catalogue = lake, catalogue
        return operator

    return operator_of


@pytest.fixture
def client() -> ShelfClient:
    return ShelfClient()


@pytest.fixture
def item_id() -> str:
    """An item that no other test uses."""
    return f"item-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def tone_of() -> Callable[[str], bytes]:
    """Makes the sound of an item, whose bytes no other item has."""
    return lambda name: tone(200 + int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) % 100_000 / 50)


@pytest.fixture
def track(item_id, client, tone_of) -> Track:
    """A track of which the client serves sound bytes that no other test has."""
    content = tone_of(item_id)
    track = track_of(item_id, md5=hashlib.md5(content, usedforsecurity=False).hexdigest(), size_bytes=len(content))
    client.files[track.download_url] = content
    return track


@pytest.fixture
def landing_of(catalogue, lake, client) -> Callable[[str], Landing]:
    """Makes the landing of a run, by its name and second."""

    def landing_of(run: str = "run-1", second: int = 0) -> Landing:
        folder = RunFolder("audio", "shelf", "tones", f"20260301_0630{second:02d}")
        return Landing(Shelf(), client, catalogue, lake, folder, run)  # type: ignore[arg-type]

    return landing_of


@dataclass(frozen=True)
class Place:
    """Where a track lies, and what lies there."""

    asset_id: str
    raw_key: str
    lake: Any

    def media_size(self) -> int | None:
        return self.lake.size_bytes(SETTINGS.raw_bucket, self.raw_key)

    def provenance(self) -> str | None:
        return self.lake.read_text(SETTINGS.raw_bucket, provenance_key(self.raw_key))

    def failure(self) -> str | None:
        return self.lake.read_text(SETTINGS.processed_bucket, failure_key(self.raw_key))


@pytest.fixture
def place_of(lake) -> Callable[[Track, Landing], Place]:
    def place_of(track: Track, landing: Landing) -> Place:
        asset_id = asset_id_from_source(track.source, track.source_id)
        return Place(asset_id, landing.folder.raw(raw_filename(track.original_name, asset_id)), lake)

    return place_of


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def answers(shelf, client, lake) -> SourceAnswers:
    return SourceAnswers(shelf, client, lake, "https://shelf.example")
