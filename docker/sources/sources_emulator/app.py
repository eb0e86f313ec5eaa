"""The program's parts put together: the shelf is filled in the background, then every API of the stand-in serves it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sources_emulator import campaigns, pageviews, trouble_campaign
from sources_emulator.catalogue import NOMINAL_SECONDS, Item, checked, scaled
from sources_emulator.commons import CommonsFile, commons_file
from sources_emulator.driving.garage import ALL_DRIVES, Garage, order_for
from sources_emulator.filming.film import Catalogue, Film
from sources_emulator.filming.films import FILMS
from sources_emulator.filming.render import truth_of
from sources_emulator.home import home_page
from sources_emulator.internet_archive import InternetArchive
from sources_emulator.media_folder import CAMPAIGN as MY_MEDIA
from sources_emulator.media_folder import OwnMedia, shelve_folders
from sources_emulator.pixabay import Pixabay, PixabayVideo, pixabay_video
from sources_emulator.rendering import film_orders
from sources_emulator.shelf import Shelf, ShelfItem, orders_for, popularity, shelved
from sources_emulator.trouble import Faults, Rule, TroubleAndLog
from sources_emulator.wikimedia import Wikimedia
from sources_emulator.workshop import Rendered, Workshop, WorkshopError

log = logging.getLogger("sources_emulator")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line decides: `seconds` is the usual length of a piece, `only` the campaigns (empty: all).

    The films and the drives keep their lengths, and the drives are there whatever campaigns are.
    """

    cache: Path
    media: tuple[Path, ...] = ()
    seconds: float = NOMINAL_SECONDS
    only: tuple[str, ...] = ()
    plenty: int = 0
    workers: int = 2


class Stock:
    """Fills the shelves in a thread of its own and says how far it is."""

    def __init__(self, options: Options) -> None:
        self.shelf = Shelf()
        self.commons: dict[str, CommonsFile] = {}
        self.pixabay: dict[int, PixabayVideo] = {}
        self.film_truths: list[dict[str, Any]] = []
        self.garage = Garage()
        self.ready = threading.Event()
        self.error: str | None = None
        self.progress = {"status": "rendering", "done": 0, "total": 0}
        self._options = options
        self._workshop = Workshop(options.cache, options.workers)
        self._closing = False

    def start(self) -> None:
        threading.Thread(target=self._fill, name="stock", daemon=True).start()

    def close(self) -> None:
        self._closing = True
        self._workshop.close()

    def _fill(self) -> None:
        try:
            items, films = offered_items(self._options), offered_films(self._options)
            sounds = (order for item in items for order in orders_for(item))
            scenes = (order for film in films for order in film_orders(film).values())
            rendered = self._workshop.render_all(
                (*sounds, *scenes, *map(order_for, ALL_DRIVES)),
                lambda done, total: self._tell("rendering", done, total),
            )
            self.shelf.add(
                shelved(item, rendered, popularity(rank, item.identifier)) for rank, item in enumerate(items)
            )
            self._shelve_films(films, rendered)
            self.garage.park(ALL_DRIVES, rendered)
            mine = OwnMedia()
            if self._options.media:
                told = partial(self._tell, "reading")
                mine = shelve_folders(self._options.media, told, taken=self.commons)
                log.info("my-media: %d sounds, %d films", len(mine.items), len(mine.films))
            self.shelf.add(mine.items)
            self.commons |= {film.name: film for film in mine.films}
            self.shelf.add(plenty_items(self.shelf, self._options.plenty))
            log.info("ready: %d items, %d films", len(self.shelf.items), len(self.commons) + len(self.pixabay))
            self.ready.set()
        except (WorkshopError, ValueError, OSError) as error:
            if not self._closing:
                self.error = str(error)
                log.exception("the catalogue could not be made")

    def _shelve_films(self, films: tuple[Film, ...], rendered: Rendered) -> None:
        for film in films:
            files = {name: next(iter(rendered[order].values())) for name, order in film_orders(film).items()}
            if film.catalogue is Catalogue.WIKIMEDIA:
                file = commons_file(film, files["original"])
                if file.name in self.commons:
                    raise ValueError(f"two films on Commons are called {file.name}")
                self.commons[file.name] = file
                source_id = file.page_id
            else:
                video = pixabay_video(film, files)
                if video.id in self.pixabay:
                    raise ValueError(f"two films on Pixabay have the id {video.id}: rename {film.name}")
                self.pixabay[video.id] = video
                source_id = video.id
            self.film_truths.append({"source_id": str(source_id)} | truth_of(film))

    def all_films(self) -> list[CommonsFile | PixabayVideo]:
        return [*self.commons.values(), *self.pixabay.values()]

    def film_campaigns(self) -> dict[str, int]:
        """Number of films of each campaign, in both catalogues together."""
        return dict(Counter(film.campaign for film in self.all_films()))

    def _tell(self, status: str, done: int, total: int) -> None:
        self.progress = {"status": status, "done": done, "total": total}
        if done in (1, total) or done % 10 == 0:
            log.info("%s %d of %d", status, done, total)


def offered_items(options: Options) -> tuple[Item, ...]:
    """The items of the campaigns that are wanted, scaled in length. Raises ValueError for an unknown campaign."""
    items = checked((*campaigns.ITEMS, *trouble_campaign.ITEMS))
    known = {item.campaign for item in items} | {film.campaign for film in FILMS}
    if unknown := set(options.only) - known:
        raise ValueError(f"no campaign {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return scaled((item for item in items if not options.only or item.campaign in options.only), options.seconds)


def offered_films(options: Options) -> tuple[Film, ...]:
    """The films of the campaigns that are wanted."""
    return tuple(film for film in FILMS if not options.only or film.campaign in options.only)


def plenty_items(shelf: Shelf, count: int) -> Iterator[ShelfItem]:
    """`count` items of the campaign `plenty`, with the files of the shelf's first good item: for trying out paging."""
    model = next((item for item in shelf.items.values() if item.good), None)
    for number in range(1, count + 1 if model else 1):
        identifier, title = f"plenty-{number:06d}", f"Plenty {number}"
        changes = {"identifier": identifier, "title": title, "subject": "plenty", "description": "One of plenty."}
        assert model is not None
        yield replace(
            model,
            identifier=identifier,
            campaign="plenty",
            metadata=model.metadata | changes,
            document=model.document | changes,
            truth=(),
        )


class _UntilReady:
    """ASGI middleware: 503 with Retry-After until the shelf is filled; `/_...` paths always answer."""

    def __init__(self, app: ASGIApp, stock: Stock) -> None:
        self._app = app
        self._stock = stock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/_") and not self._stock.ready.is_set():
            await JSONResponse(self._stock.progress, 503, {"Retry-After": "1"})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def create_app(options: Options) -> ASGIApp:
    """The ASGI application; filling the shelf begins with its lifespan."""
    stock, faults = Stock(options), Faults()
    archive = InternetArchive(stock.shelf, faults)
    wikimedia, pixabay = Wikimedia(stock.commons, faults), Pixabay(stock.pixabay, faults)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        stock.start()
        yield
        stock.close()

    async def health(_request: Request) -> Response:
        if stock.error:
            return JSONResponse({"status": "failed", "error": stock.error}, 500)
        if not stock.ready.is_set():
            return JSONResponse(stock.progress, 503, {"Retry-After": "1"})
        counts, film_counts = stock.shelf.campaigns(), stock.film_campaigns()
        audio, video = counts.get(MY_MEDIA, 0), film_counts.get(MY_MEDIA, 0)
        told = {
            "status": "ok",
            "items": len(stock.shelf.items),
            "films": sum(film_counts.values()),
            "my_media": audio + video,
            "my_media_audio": audio,
            "my_media_video": video,
            "campaigns": counts,
            "film_campaigns": film_counts,
        }
        return JSONResponse(told)

    async def truth(_request: Request) -> Response:
        tracks = [told for item in stock.shelf.items.values() for told in item.truth]
        return JSONResponse({"tracks": tracks, "films": stock.film_truths})

    async def trouble(request: Request) -> Response:
        if request.method == "DELETE":
            outer.rules.clear()
            for counting in (faults, wikimedia.limit, pixabay.limit):
                counting.reset()
        elif request.method == "POST":
            try:
                outer.rules.append(Rule.from_json(await request.json()))
            except (ValueError, TypeError) as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"rules": [rule.to_json() for rule in outer.rules]})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            outer.requests.clear()
        return JSONResponse({"requests": list(outer.requests)})

    async def home(_request: Request) -> Response:
        return HTMLResponse(home_page(stock.shelf, stock.all_films()))

    routes = [
        Route("/", home),
        Route("/_health", health),
        Route("/_truth", truth),
        Route("/_trouble", trouble, methods=["GET", "POST", "DELETE"]),
        Route("/_requests", requests, methods=["GET", "DELETE"]),
        *archive.routes(),
        *wikimedia.routes(),
        *pixabay.routes(),
        *pageviews.routes(),
        *stock.garage.routes(),  # the next API adds its routes here
    ]
    outer = TroubleAndLog(_UntilReady(Starlette(routes=routes, lifespan=lifespan), stock))
    return outer
