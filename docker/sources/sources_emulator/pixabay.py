"""Pixabay's video search, its files and its pages. Shapes follow recorded answers.

What is not known from a recording: the words of the errors about other parameters than `key`, `page` and `per_page`.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sources_emulator.catalogue import Fault
from sources_emulator.filming.film import Film
from sources_emulator.politeness import Allowance, RateLimit
from sources_emulator.rendering import Rendering
from sources_emulator.serving import FileAnswer, own_address
from sources_emulator.shelf import ShelfFile
from sources_emulator.trouble import Faults

PER_PAGE, PER_PAGE_LEAST, PER_PAGE_MOST = 20, 3, 200
HITS_MOST = 500  # of one search
LONGEST_WORDS = 100  # characters of `q`
REQUESTS_A_MINUTE = 100  # of one key
KEY = re.compile(r"[A-Za-z0-9_-]{8,100}")  # the stand-in takes every key that looks like one
SIZES = ("large", "medium", "small", "tiny")
NOT_FOUND = "<!DOCTYPE html><html><head><title>404</title></head><body><h1>Page not found (404)</h1></body></html>\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One of a video's files; `width` and `height` in pixels."""

    file: ShelfFile
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PixabayVideo:
    """A video of Pixabay; `sizes` lacks the ones that there are not."""

    id: int
    campaign: str
    title: str
    tags: tuple[str, ...]
    duration_s: float
    user: str
    uploaded: datetime
    sizes: Mapping[str, Size]
    fault: Fault | None = None

    @property
    def page_path(self) -> str:
        return f"/videos/id-{self.id}/"

    def path(self, size: str) -> str:
        """Where the file of a size lies."""
        return f"/video/{self.uploaded:%Y/%m/%d}/{self.id}-{self.number}_{size}.mp4"

    @property
    def number(self) -> int:
        """The second number in the names of its files."""
        return 300_000_000 + self.id


def pixabay_video(film: Film, renderings: Mapping[str, Rendering]) -> PixabayVideo:
    """A film of the catalogue as Pixabay offers it.

    The footage is the size `medium`, and `large` as well for every second film; the others have no large one. The
    smaller rendition is both `small` and `tiny`.
    """
    video_id = 20_000 + zlib.crc32(film.name.encode()) % 300_000
    sizes = {}
    for size, name in (("large", "medium"), ("medium", "medium"), ("small", "tiny"), ("tiny", "tiny")):
        if size == "large" and video_id % 2:
            continue
        rendering, footage = renderings[name], film.renditions[name]
        file = ShelfFile({"name": f"{video_id}_{size}.mp4"}, path=rendering.path)
        sizes[size] = Size(file=file, width=footage.width, height=footage.height, size=rendering.size)
    return PixabayVideo(
        id=video_id,
        campaign=film.campaign,
        title=film.title,
        tags=tuple(tag.lower() for tag in film.categories),
        duration_s=film.footage.seconds,
        user=film.creator,
        uploaded=datetime.fromisoformat(film.date),
        sizes=sizes,
        fault=film.fault,
    )


class BadRequest(ValueError):
    """A parameter cannot be served; the message is the answer's text."""


class Pixabay:
    """The routes of Pixabay over its videos by id, in the order in which a search finds them."""

    def __init__(self, videos: Mapping[int, PixabayVideo], faults: Faults) -> None:
        self._videos = videos
        self._faults = faults
        self.limit = RateLimit(REQUESTS_A_MINUTE, 60)

    def routes(self) -> list[Route]:
        read = ["GET", "HEAD"]
        return [
            Route("/api/videos/", self.search, methods=read),
            Route("/video/{year}/{month}/{day}/{name}", self.file, methods=read),
            Route("/videos/id-{id:int}/", self.page, methods=read),
        ]

    async def search(self, request: Request) -> Response:
        """`key, q, id, order, page, per_page, min_width, min_height, video_type, callback`; errors are plain text."""
        asked = request.query_params
        key = asked.get("key", "")
        if not KEY.fullmatch(key):
            return _refusal(f"Invalid or missing API key ({own_address(request)}/api/docs/).")
        allowance = self.limit.ask(key)
        headers = _limit_headers(allowance)
        if allowance.exceeded:
            return PlainTextResponse("API rate limit exceeded", 429, headers)
        try:
            found, page, per_page = self._found(asked)
        except BadRequest as error:
            return _refusal(str(error), headers)
        shown = found[per_page * (page - 1) : per_page * page]
        address = own_address(request)
        hits = [hit(video, address, rank) for rank, video in enumerate(shown)]
        answer = {"total": len(found), "totalHits": min(len(found), HITS_MOST), "hits": hits}
        return JSONResponse(answer, headers=headers)

    def _found(self, asked: QueryParams) -> tuple[list[PixabayVideo], int, int]:
        per_page = _number(asked, "per_page", PER_PAGE, PER_PAGE_LEAST, PER_PAGE_MOST)
        page = _number(asked, "page", 1, 1, HITS_MOST)
        words = asked.get("q", "")
        if len(words) > LONGEST_WORDS:
            raise BadRequest(f'"q" is longer than {LONGEST_WORDS} characters.')
        if (kind := asked.get("video_type", "all")) not in ("all", "film", "animation"):
            raise BadRequest(f'"video_type" is invalid: {kind[:30]!r}.')
        least_width, least_height = _number(asked, "min_width", 0, 0), _number(asked, "min_height", 0, 0)
        found = [
            video
            for video in self._videos.values()
            if matches(video, words)
            and kind in ("all", "film")
            and video.sizes["medium"].width >= least_width
            and video.sizes["medium"].height >= least_height
        ]
        if asked.get("id"):
            number = _number(asked, "id", 0, 0)
            found = [video for video in self._videos.values() if video.id == number]
            if not found:
                raise BadRequest('"id" is invalid.')
        if asked.get("order", "popular") not in ("popular", "latest"):
            raise BadRequest('"order" is invalid.')
        if asked.get("order") == "latest":
            found.sort(key=lambda video: video.uploaded, reverse=True)
        if page > 1 and per_page * (page - 1) >= min(len(found), HITS_MOST):
            raise BadRequest('"page" is out of valid range.')
        return found, page, per_page

    async def file(self, request: Request) -> Response | FileAnswer:
        """The bytes, looked up by name: a path never reaches the file system."""
        name = re.fullmatch(r"(\d{1,9})-\d+_([a-z]+)\.mp4", request.path_params["name"], re.ASCII)
        video = self._videos.get(int(name[1])) if name else None
        if name is None or video is None or name[2] not in video.sizes or request.url.path != video.path(name[2]):
            return HTMLResponse(NOT_FOUND, 404)
        path, counts = video.path(name[2]), request.method == "GET"
        return self._faults.file_answer(video.fault, str(video.id), video.sizes[name[2]].file, path, counts)

    async def page(self, request: Request) -> Response:
        """A video's page, for people."""
        video = self._videos.get(request.path_params["id"])
        return HTMLResponse(video_page(video)) if video else HTMLResponse(NOT_FOUND, 404)


def matches(video: PixabayVideo, words: str) -> bool:
    """Whether every word stands among the tags; `-word` must not. Without words every video matches."""
    tagged = set(re.findall(r"\w+", " ".join((video.title, *video.tags)).casefold()))
    asked = re.findall(r"(-?)(\w+)", words.casefold())
    return all((word in tagged) != bool(minus) for minus, word in asked)


def hit(video: PixabayVideo, address: str, rank: int) -> dict[str, Any]:
    """An element of `hits`; a size that does not exist has an empty address and zeros."""
    videos = {}
    for name in SIZES:
        size = video.sizes.get(name)
        videos[name] = {
            "url": address + video.path(name) if size else "",
            "width": size.width if size else 0,
            "height": size.height if size else 0,
            "size": size.size if size else 0,
            "thumbnail": "",
        }
    return {
        "id": video.id,
        "pageURL": address + video.page_path,
        "type": "film",
        "tags": ", ".join(video.tags),
        "duration": round(video.duration_s),
        "videos": videos,
        "views": 9_000 - rank,
        "downloads": 4_000 - rank,
        "likes": 90,
        "comments": 9,
        "user_id": zlib.crc32(video.user.encode()) % 10_000_000,
        "user": video.user,
        "userImageURL": "",
    }


def video_page(video: PixabayVideo) -> str:
    """What a person reads about a video, with a player."""
    path, title = html.escape(video.path("medium")), html.escape(video.title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
        f"<h1>{title}</h1>"
        f'<video controls preload="metadata" width="640" src="{path}"></video>'
        f"<p>by {html.escape(video.user)} · {html.escape(', '.join(video.tags))} · Pixabay Content License</p>"
        f'<p><a href="{path}">the file</a> · <a href="/">all campaigns</a></p></body></html>'
    )


def _number(asked: QueryParams, name: str, default: int, least: int, most: int = 10**9) -> int:
    text = asked.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        raise BadRequest(f'"{name}" is out of valid range.')
    return int(text)


def _limit_headers(allowance: Allowance) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset_s),
    }


def _refusal(message: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(f"[ERROR 400] {message}", 400, headers)
