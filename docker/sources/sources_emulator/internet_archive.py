"""The Internet Archive's public API: advancedsearch, scrape, metadata, download. Shapes follow recorded answers.

What is not known from a recording: the words of the scrape API's and the query parser's errors.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import time
import zlib
from collections.abc import Mapping
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sources_emulator.catalogue import Fault
from sources_emulator.query import QueryError, search
from sources_emulator.serving import FileAnswer, own_address
from sources_emulator.shelf import Shelf, ShelfFile, ShelfItem
from sources_emulator.trouble import Faults

PAGED_RESULTS = 10_000  # advancedsearch pages no further
ROWS = 50  # of advancedsearch, when not asked for
SCRAPE_LEAST, SCRAPE_MOST, SCRAPE_COUNT = 100, 10_000, 5_000
RANGE_OUT_OF_BOUNDS = (
    "[RANGE_OUT_OF_BOUNDS] paging is only supported through 10000 results; scraping is supported through the Scraping "
    "API, see https://archive.org/help/aboutsearch.htm  or, you may request up to 1000000000 results at one time if "
    "you do NOT specify any page. For best results,  do NOT specify sort (sort may be automatically disabled for very "
    "large queries)."
)
NOT_FOUND = """<!DOCTYPE html>
<html lang="en"><head><title>404 Not Found</title></head>
<body><h1>404 Not Found</h1><p>The requested file is not here.</p></body></html>
"""


class _FileName(Convertor[str]):
    """The rest of a path, whatever is in it: Starlette's own `path` stops at a line break."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("file_name", _FileName())


class BadRequest(ValueError):
    """A parameter cannot be served; the message is the answer's `error`."""


class InternetArchive:
    """The routes of one shelf."""

    def __init__(self, shelf: Shelf, faults: Faults) -> None:
        self._shelf = shelf
        self._faults = faults

    def routes(self) -> list[Route]:
        read = ["GET", "HEAD"]
        return [
            Route("/advancedsearch.php", self.advanced_search, methods=read),
            Route("/services/search/v1/scrape", self.scrape, methods=read),
            Route("/metadata/{identifier}", self.metadata, methods=read),
            Route("/metadata/{identifier}/{part:path}", self.metadata, methods=read),
            Route("/download/{identifier}/{name:file_name}", self.download, methods=read),
            Route("/{disk:int}/items/{identifier}/{name:file_name}", self.item_file, methods=read),
            Route("/details/{identifier}", self.details, methods=read),
        ]

    async def advanced_search(self, request: Request) -> Response:
        """`q, fl[], sort[], rows, page, output=json, callback`. Errors come with status 200, as the archive's do."""
        asked, started = request.query_params, time.monotonic()
        if asked.get("output") != "json":
            return HTMLResponse(
                "<!DOCTYPE html><title>Advanced search</title><p>The stand-in answers output=json only.</p>"
            )
        try:
            rows, page = _number(asked, "rows", ROWS, 0), _number(asked, "page", 1, 1)
            if "page" in asked and rows * page > PAGED_RESULTS:
                raise BadRequest(RANGE_OUT_OF_BOUNDS)
            fields, sorts = _listed(asked, "fl"), _listed(asked, "sort")
            found = _sorted(search(asked.get("q", ""), self._documents()), sorts)
        except (BadRequest, QueryError) as error:
            return JSONResponse({"error": str(error)})
        start = rows * (page - 1)
        params = {
            "query": asked.get("q", ""),
            "qin": asked.get("q", ""),
            "fields": ",".join(fields),
            "wt": "json",
            **({"sort": ",".join(sorts)} if sorts else {}),
            "rows": str(rows),
            "start": start,
        }
        answer = {
            "responseHeader": {"status": 0, "QTime": int((time.monotonic() - started) * 1000), "params": params},
            "response": {
                "numFound": len(found),
                "start": start,
                "docs": [_picked(document, fields) for document in found[start : start + rows]],
            },
        }
        if callback := asked.get("callback"):
            if not re.fullmatch(r"[A-Za-z_$][\w$.]{0,60}", callback):
                return JSONResponse({"error": "callback is not a name"})
            return Response(f"{callback}({json.dumps(answer)})", media_type="application/javascript")
        return JSONResponse(answer)

    async def scrape(self, request: Request) -> Response:
        """`q, fields, sorts, count (100-10,000), cursor, total_only`. Errors come with status 400."""
        asked = request.query_params
        try:
            count = _number(asked, "count", SCRAPE_COUNT, 0)
            if not SCRAPE_LEAST <= count <= SCRAPE_MOST:
                raise BadRequest(f"count must be between {SCRAPE_LEAST} and {SCRAPE_MOST}, not {count}")
            fields, sorts = _listed(asked, "fields") or ["identifier"], _listed(asked, "sorts")
            names = [sort.split()[0] for sort in sorts if sort.split()]
            if "identifier" in names[:-1]:
                raise BadRequest("identifier must be the last of the sorts")
            if "identifier" not in names:
                sorts.append("identifier asc")
            found = _sorted(search(asked.get("q", ""), self._documents()), sorts)
            if asked.get("total_only") == "true":
                return JSONResponse({"items": [], "count": 0, "total": len(found)})
            first = _after_cursor(asked.get("cursor"), found)
        except (BadRequest, QueryError) as error:
            kind = "RangeException" if "count must" in str(error) else "BadRequestException"
            return JSONResponse({"error": str(error), "errorType": kind}, 400)
        page = found[first : first + count]
        answer: dict[str, Any] = {"items": [_picked(document, fields) for document in page], "count": len(page)}
        if first + count < len(found):
            last = json.dumps([{"identifier": page[-1]["identifier"]}], separators=(",", ":"))
            answer["cursor"] = base64.b64encode(last.encode()).decode()
        return JSONResponse(answer | {"total": len(found)})

    async def metadata(self, request: Request) -> Response:
        """The item, or one part of it; an unknown identifier is answered with {} and status 200."""
        item = self._shelf.items.get(request.path_params["identifier"])
        if item is None or item.fault is Fault.GONE:
            return JSONResponse({})
        server = own_address(request).partition("://")[2]
        answer: dict[str, Any] = {
            "created": int(time.time()),
            "d1": server,
            "d2": server,
            "dir": f"/{disk_of(item.identifier)}/items/{item.identifier}",
            "files": [file.entry for file in item.files.values()],
            "files_count": len(item.files),
            "item_size": sum(int(file.entry.get("size", 0)) for file in item.files.values()),
            "metadata": item.metadata,
            "server": server,
            "uniq": zlib.crc32(item.identifier.encode()),
            "workable_servers": [server],
        }
        part: Any = answer
        for step in filter(None, request.path_params.get("part", "").split("/")):
            if isinstance(part, Mapping) and step in part:
                part = part[step]
            elif isinstance(part, list) and step.isascii() and step.isdigit() and int(step) < len(part):
                part = part[int(step)]
            else:
                return JSONResponse({"error": f"Couldn't get part '{request.path_params['part']}' from metadata"})
        return JSONResponse(answer if part is answer else {"result": part})

    async def download(self, request: Request) -> Response:
        """Sends the client to the server that has the file."""
        item, file = self._file(request)
        if item is None or file is None:
            return HTMLResponse(NOT_FOUND, 404)
        honest = own_address(request) + item_path(item.identifier, file.name)
        return RedirectResponse(self._faults.redirect(item.fault, honest), 302)

    async def item_file(self, request: Request) -> Response | FileAnswer:
        item, file = self._file(request)
        if item is None or file is None or request.path_params["disk"] != disk_of(item.identifier):
            return HTMLResponse(NOT_FOUND, 404)
        if file.private:
            return HTMLResponse("<!DOCTYPE html><title>403 Forbidden</title><h1>403 Forbidden</h1>", 403)
        back = f"/download/{quote(item.identifier)}/{quoted(file.name)}"
        fault = item.fault if file.entry["format"] not in ("Metadata", "PNG") else None
        return self._faults.file_answer(fault, item.identifier, file, back, counts=request.method == "GET")

    async def details(self, request: Request) -> Response:
        """The item's page, for people."""
        item = self._shelf.items.get(request.path_params["identifier"])
        if item is None or item.fault is Fault.GONE:
            return HTMLResponse(NOT_FOUND, 404)
        return HTMLResponse(details_page(item))

    def _documents(self) -> list[Mapping[str, Any]]:
        return [item.document for item in self._shelf.items.values()]

    def _file(self, request: Request) -> tuple[ShelfItem | None, ShelfFile | None]:
        """Looked up by name among the item's files: a path never reaches the file system."""
        item = self._shelf.items.get(request.path_params["identifier"])
        if item is None or item.fault is Fault.GONE:
            return None, None
        return item, item.files.get(request.path_params["name"])


def disk_of(identifier: str) -> int:
    """The number before `/items/` in the archive's paths."""
    return 1 + zlib.crc32(identifier.encode()) % 34


def quoted(name: str) -> str:
    """A file's name as part of an address. Folders stay apart, but a name that climbs is kept in one piece.

    >>> quoted("disc 1/01 a.flac"), quoted("../../etc/passwd")
    ('disc%201/01%20a.flac', '..%2F..%2Fetc%2Fpasswd')
    """
    return quote(name, safe="" if {".", ".."} & set(name.split("/")) else "/")


def item_path(identifier: str, name: str) -> str:
    """Where a file lies on the item's server."""
    return f"/{disk_of(identifier)}/items/{quote(identifier)}/{quoted(name)}"


def details_page(item: ShelfItem) -> str:
    """What a person reads about an item, with its files to play and to load."""
    told = item.metadata

    def words(value: Any) -> str:
        return html.escape(", ".join(map(str, value)) if isinstance(value, list) else str(value or "none"))

    rows = []
    for file in item.files.values():
        address = html.escape(f"/download/{quote(item.identifier)}/{quoted(file.name)}")
        player = (
            f'<audio controls preload="none" src="{address}"></audio>' if file.content_type.startswith("audio") else ""
        )
        rows.append(
            f'<tr><td><a href="{address}">{html.escape(file.name)}</a></td><td>{html.escape(file.entry["format"])}</td>'
            f"<td>{html.escape(file.entry.get('size', ''))}</td><td>{player}</td></tr>"
        )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{words(told["title"])}</title></head><body>'
        f"<h1>{words(told['title'])}</h1><p>by {words(told['creator'])} · {words(told.get('date'))} · licence: "
        f"{words(told.get('licenseurl'))}</p><p>{words(told.get('description'))}</p>"
        f"<table><tr><th>File</th><th>Format</th><th>Bytes</th><th></th></tr>{''.join(rows)}</table>"
        f'<p><a href="/metadata/{html.escape(item.identifier)}">metadata</a> · <a href="/">all campaigns</a></p>'
        "</body></html>"
    )


def _listed(asked: QueryParams, name: str) -> list[str]:
    """A repeated parameter in any of its spellings: `fl[]=a&fl[]=b`, `fl[0]=a`, `fl=a,b`."""
    values = [value for key, value in asked.multi_items() if re.fullmatch(rf"{name}(\[\d*\])?", key)]
    return [one.strip() for value in values for one in value.split(",") if one.strip()]


def _number(asked: QueryParams, name: str, default: int, least: int) -> int:
    text = asked.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) < least:
        raise BadRequest(f"{name} must be a whole number of at least {least}, not {text[:20]!r}")
    return int(text)


def _picked(document: Mapping[str, Any], fields: list[str]) -> dict[str, Any]:
    return dict(document) if not fields else {name: document[name] for name in fields if name in document}


def _sorted(found: list[Mapping[str, Any]], sorts: list[str]) -> list[Mapping[str, Any]]:
    """Sorted by `field`, `field asc` or `field desc`; equal items keep their order, missing values come last."""
    for sort in reversed(sorts):
        match = re.fullmatch(r"([A-Za-z_][\w.-]*)(?:\s+(asc|desc))?", sort, re.IGNORECASE)
        if not match:
            raise BadRequest(f"cannot sort by {sort!r}: write 'field asc' or 'field desc'")
        name, descending = match[1], (match[2] or "asc").lower() == "desc"
        having = [(_sort_key(document[name]), document) for document in found if document.get(name) is not None]
        lacking = [document for document in found if document.get(name) is None]
        having.sort(key=itemgetter(0), reverse=descending)
        found = [document for _, document in having] + lacking
    return found


def _sort_key(value: Any) -> tuple[float, str]:
    first = value[0] if isinstance(value, list) and value else value
    return (float(first), "") if isinstance(first, int | float) else (0.0, str(first).lower())


def _after_cursor(cursor: str | None, found: list[Mapping[str, Any]]) -> int:
    """Index of the first result after the one that the cursor names."""
    if not cursor:
        return 0
    try:
        last = json.loads(base64.b64decode(cursor, validate=True))[0]["identifier"]
    except (binascii.Error, ValueError, LookupError, TypeError) as error:
        raise BadRequest("the cursor cannot be read") from error
    for index, document in enumerate(found):
        if document["identifier"] == last:
            return index + 1
    raise BadRequest("the cursor belongs to another search")
