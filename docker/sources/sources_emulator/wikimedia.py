"""Wikimedia Commons: MediaWiki's `api.php` as far as a search for files needs it, the files, and their pages.

Shapes follow recorded answers. An answer tells the properties of a few files at a time, so that a client has to follow
`continue` within a batch as well as from batch to batch.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sources_emulator.commons import CommonsFile
from sources_emulator.commons_search import search_test
from sources_emulator.politeness import RateLimit, unidentified
from sources_emulator.serving import FileAnswer, own_address
from sources_emulator.trouble import Faults

FILE_NAMESPACE = "6"
SEARCH_LIMIT, SEARCH_MOST, SEARCH_DEEPEST = 10, 500, 10_000
LONGEST_SEARCH = 300  # characters
TITLES_MOST = 50
TOLD_AT_ONCE = 4  # how many files' properties one answer holds; the rest comes by `vicontinue`
REQUESTS_A_MINUTE = 200  # of one client that says who it is
PREFIXES = {"videoinfo": "vi", "imageinfo": "ii"}
INFO_PROPS = (
    *("timestamp", "user", "userid", "comment", "canonicaltitle", "url"),
    *("size", "dimensions", "sha1", "mime", "mediatype", "extmetadata"),
)
PARAMETERS = re.compile(
    r"action|format|formatversion|maxlag|continue|utf8|origin|errorformat|uselang|generator|titles|pageids|prop"
    r"|gsr(search|namespace|limit|offset|sort|what|info|prop)"
    r"|(vi|ii)(prop|continue|limit|extmetadatalanguage|extmetadatafilter|extmetadatamultilang)"
)
Batch: TypeAlias = list[tuple[int | None, CommonsFile | dict[str, Any]]]  # rank in the search, if it came from one

NOT_FOUND = "<!DOCTYPE html><html><head><title>Not Found</title></head><body><h1>404: Not Found</h1></body></html>\n"


class ApiError(ValueError):
    """A request that MediaWiki refuses in its own shape; `code` is for programs, the message for people."""

    def __init__(self, code: str, info: str) -> None:
        super().__init__(info)
        self.code = code


class Wikimedia:
    """The routes of Commons over its files by name, in the order in which a search finds them."""

    def __init__(self, files: Mapping[str, CommonsFile], faults: Faults) -> None:
        self._files = files
        self._faults = faults
        self.limit = RateLimit(REQUESTS_A_MINUTE, 60)

    def routes(self) -> list[Route]:
        read = ["GET", "HEAD"]
        return [
            Route("/w/api.php", self.api, methods=read),
            Route("/w/index.php", self.short_address, methods=read),
            Route("/wiki/{title:file_name}", self.page, methods=read),
            Route("/wikipedia/commons/{first}/{second}/{name:file_name}", self.file, methods=read),
        ]

    async def api(self, request: Request) -> Response:
        """`action=query` with `generator=search`, `titles` or `pageids`; errors come with status 200."""
        if refused := unidentified(request):
            return refused
        allowance = self.limit.ask(request.headers.get("user-agent", ""))
        if allowance.exceeded:
            headers = {"Retry-After": str(allowance.reset_s)}
            return PlainTextResponse("You are making too many requests.\n", 429, headers)
        asked = request.query_params
        if asked.get("format") != "json":
            return HTMLResponse("<!DOCTYPE html><title>MediaWiki API</title><p>The stand-in answers format=json only.")
        try:
            return JSONResponse(_Query(asked, self._files, own_address(request)).answer())
        except ApiError as error:
            usage = f"See {own_address(request)}/w/api.php for API usage."
            told = {"code": error.code, "info": str(error), "docref" if _is_modern(asked) else "*": usage}
            headers = {"MediaWiki-API-Error": error.code}
            if error.code == "maxlag":
                headers |= {"Retry-After": "5", "X-Database-Lag": "0"}
            return JSONResponse({"error": told, "servedby": "stand-in"}, headers=headers)

    async def file(self, request: Request) -> Response | FileAnswer:
        """The bytes, looked up by name: a path never reaches the file system."""
        if refused := unidentified(request):
            return refused
        asked = request.path_params
        found = self._files.get(asked["name"].replace("_", " "))
        if found is None or found.folders != (asked["first"], asked["second"]):
            return HTMLResponse(NOT_FOUND, 404)
        counts = request.method == "GET"
        return self._faults.file_answer(found.fault, found.name, found.file, found.path, counts)

    async def page(self, request: Request) -> Response:
        """A file's page, for people."""
        title = request.path_params["title"].replace("_", " ")
        found = self._files.get(title.removeprefix("File:"))
        if found is None or not title.startswith("File:"):
            return HTMLResponse(NOT_FOUND, 404)
        return HTMLResponse(file_page(found))

    async def short_address(self, request: Request) -> Response:
        """`?curid=<page id>` leads to the file's page."""
        asked = request.query_params.get("curid", "")
        found = next((file for file in self._files.values() if str(file.page_id) == asked), None)
        return RedirectResponse(found.page_path, 301) if found else HTMLResponse(NOT_FOUND, 404)


class _Query:
    """One request to `action=query`."""

    def __init__(self, asked: QueryParams, files: Mapping[str, CommonsFile], address: str) -> None:
        self._asked = asked
        self._files = files
        self._address = address
        self._modern = _is_modern(asked)
        self._warnings: dict[str, str] = {}

    def answer(self) -> dict[str, Any]:
        """The answer as JSON values. Raises ApiError."""
        asked = self._asked
        self._check_lag()
        if (action := asked.get("action", "help")) != "query":
            raise ApiError("badvalue", f'Unrecognized value for parameter "action": {action[:100]}.')
        if unknown := sorted(name for name in set(asked) if not PARAMETERS.fullmatch(name)):
            self._warn("main", f"Unrecognized parameter{'s' * (len(unknown) > 1)}: {', '.join(unknown)[:200]}.")
        batch, further = self._batch()
        props = self._choice("query", "prop", [], [*PREFIXES, "info"])
        finished = set(asked.get("continue", "").partition("||")[2].split("|"))
        told: dict[str, list[CommonsFile]] = {}
        going_on: dict[str, str] = {}
        for prop in (prop for prop in props if prop in PREFIXES and prop not in finished):
            told[prop], after = self._part(batch, PREFIXES[prop])
            if after is not None:
                going_on[f"{PREFIXES[prop]}continue"] = _continue_value(after)
            else:
                finished.add(prop)
        answer: dict[str, Any] = {}
        if going_on:
            going_on["continue"] = "||" + "|".join(sorted(finished & set(props)))
            answer["continue"] = going_on
        else:
            answer["batchcomplete"] = True if self._modern else ""
            if further is not None:
                answer["continue"] = {"gsroffset": further, "continue": "gsroffset||"}
        if self._warnings:
            key = "warnings" if self._modern else "*"
            answer["warnings"] = {module: {key: text} for module, text in self._warnings.items()}
        if pages := self._pages(batch, told):
            answer["query"] = {"pages": pages if self._modern else _by_id(pages)}
        return answer

    def _check_lag(self) -> None:
        lag = self._asked.get("maxlag", "")
        if lag and not re.fullmatch(r"-?\d{1,9}", lag, re.ASCII):
            raise ApiError("badinteger", f'Invalid value "{lag[:50]}" for integer parameter "maxlag".')
        if lag and int(lag) < 0:
            raise ApiError("maxlag", "Waiting for stand-in: 0 seconds lagged.")

    def _batch(self) -> tuple[Batch, int | None]:
        """The files asked for with their ranks, or what is known of one that is missing; and where a search goes on."""
        asked = self._asked
        if "generator" in asked:
            if (generator := asked["generator"]) != "search":
                raise ApiError("badvalue", f'Unrecognized value for parameter "generator": {generator[:100]}.')
            return self._search()
        named = [text for text in asked.get("titles", "").split("|") if text]
        numbered = [text for text in asked.get("pageids", "").split("|") if text]
        if len(named) > TITLES_MOST or len(numbered) > TITLES_MOST:
            raise ApiError("toomanyvalues", f"Too many values supplied. The limit is {TITLES_MOST}.")
        found: Batch = []
        missing: Any = True if self._modern else ""
        for title in dict.fromkeys(text.replace("_", " ").strip() for text in named):
            file = self._files.get(title.removeprefix("File:")) if title.startswith("File:") else None
            found.append(
                (None, file or {"ns": 6 if title.startswith("File:") else 0, "title": title, "missing": missing})
            )
        by_id = {str(file.page_id): file for file in self._files.values()}
        for number in dict.fromkeys(numbered):
            if not re.fullmatch(r"\d{1,12}", number, re.ASCII):
                raise ApiError("badinteger", f'Invalid value "{number[:50]}" for integer parameter "pageids".')
            found.append((None, by_id.get(number) or {"pageid": int(number), "missing": missing}))
        return found, None

    def _search(self) -> tuple[Batch, int | None]:
        asked = self._asked
        words = asked.get("gsrsearch", "").strip()
        if not words:
            raise ApiError("missingparam", 'The "gsrsearch" parameter must be set.')
        if len(words) > LONGEST_SEARCH:
            raise ApiError(
                "cirrussearch-query-too-long",
                f"Search request is longer than the maximum allowed length. "
                f"(Actual: {len(words)}; allowed: {LONGEST_SEARCH})",
            )
        limit, offset = self._number("gsrlimit", SEARCH_LIMIT), self._number("gsroffset", 0)
        if not 1 <= limit <= SEARCH_MOST:
            self._warn("search", f'The value "{limit}" for parameter "gsrlimit" must be between 1 and {SEARCH_MOST}.')
            limit = max(1, min(limit, SEARCH_MOST))
        if offset + limit > SEARCH_DEEPEST:
            raise ApiError(
                "cirrussearch-offset-too-large",
                f"Could not start the search at offset {offset} due to limitations of the search backend. "
                f"Only search results up to {SEARCH_DEEPEST:,} are available.",
            )
        namespaces = asked.get("gsrnamespace", "0").split("|")
        matches = search_test(words)
        here = (
            [file for file in self._files.values() if matches(file)] if {FILE_NAMESPACE, "*"} & set(namespaces) else []
        )
        batch = list(enumerate(here[offset : offset + limit], start=offset + 1))
        return [(rank, file) for rank, file in batch], offset + limit if offset + limit < len(here) else None

    def _part(self, batch: Batch, prefix: str) -> tuple[list[CommonsFile], CommonsFile | None]:
        """The files of the batch whose properties this answer tells, and the first of the next answer."""
        files = sorted((file for _, file in batch if isinstance(file, CommonsFile)), key=lambda file: file.page_id)
        first = 0
        if value := self._asked.get(f"{prefix}continue"):
            names = [_continue_value(file) for file in files]
            if value not in names:
                raise ApiError(
                    "badcontinue",
                    "Invalid continue param. You should pass the original value returned by the previous query.",
                )
            first = names.index(value)
        rest = files[first:]
        return rest[:TOLD_AT_ONCE], rest[TOLD_AT_ONCE] if len(rest) > TOLD_AT_ONCE else None

    def _pages(
        self,
        batch: Batch,
        told: Mapping[str, list[CommonsFile]],
    ) -> list[dict[str, Any]]:
        """Every file of the batch, in the order of page ids, with the properties that this answer tells."""
        pages = []
        for rank, file in batch:
            if not isinstance(file, CommonsFile):
                pages.append(file)
                continue
            page: dict[str, Any] = {"pageid": file.page_id, "ns": 6, "title": f"File:{file.name}"}
            if rank is not None:
                page["index"] = rank
            for prop, files in told.items():
                if file in files:
                    page |= {"imagerepository": "local", prop: [self._info(file, PREFIXES[prop])]}
            pages.append(page)
        return sorted(pages, key=lambda page: page.get("pageid", 0))

    def _info(self, file: CommonsFile, prefix: str) -> dict[str, Any]:
        wanted = set(self._choice(prefix, f"{prefix}prop", ["timestamp", "user"], INFO_PROPS))
        size = {"size": file.size, "width": file.width, "height": file.height, "duration": file.duration_s}
        facts: dict[str, dict[str, Any]] = {
            "timestamp": {"timestamp": f"{file.uploaded:%Y-%m-%dT%H:%M:%SZ}"},
            "user": {"user": file.user},
            "userid": {"userid": file.page_id % 1_000_000},
            "comment": {"comment": "User created page with UploadWizard"},
            "canonicaltitle": {"canonicaltitle": f"File:{file.name}"},
            "url": {
                "url": self._address + file.path,
                "descriptionurl": self._address + file.page_path,
                "descriptionshorturl": f"{self._address}/w/index.php?curid={file.page_id}",
            },
            "size": size,
            "dimensions": size,
            "sha1": {"sha1": file.sha1},
            "mime": {"mime": file.mime},
            "mediatype": {"mediatype": file.mediatype},
            "extmetadata": {"extmetadata": self._extmetadata(file, prefix)},
        }
        return {key: value for name, told in facts.items() if name in wanted for key, value in told.items()}

    def _extmetadata(self, file: CommonsFile, prefix: str) -> dict[str, Any]:
        names = [name for name in self._asked.get(f"{prefix}extmetadatafilter", "").split("|") if name]
        return {name: field for name, field in file.extmetadata.items() if not names or name in names}

    def _choice(self, module: str, name: str, default: list[str], known: Collection[str]) -> list[str]:
        values = [value for value in self._asked.get(name, "").split("|") if value] or default
        if unknown := [value for value in values if value not in known]:
            self._warn(module, f'Unrecognized value for parameter "{name}": {", ".join(unknown)[:200]}')
        return [value for value in dict.fromkeys(values) if value in known]

    def _number(self, name: str, default: int) -> int:
        text = self._asked.get(name, "").strip()
        if not text:
            return default
        if name == "gsrlimit" and text == "max":
            return SEARCH_MOST
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
            raise ApiError("badinteger", f'Invalid value "{text[:50]}" for integer parameter "{name}".')
        return int(text)

    def _warn(self, module: str, text: str) -> None:
        self._warnings[module] = text


def _continue_value(file: CommonsFile) -> str:
    return f"{file.url_name}|{file.uploaded:%Y%m%d%H%M%S}"


def _by_id(pages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pages as the older format has them; those that do not exist are numbered -1, -2 and so on.

    >>> _by_id([{"title": "File:A"}, {"title": "File:B"}, {"pageid": 7}])
    {'-1': {'title': 'File:A'}, '-2': {'title': 'File:B'}, '7': {'pageid': 7}}
    """
    lacking = itertools.count(1)
    return {str(page["pageid"] if "pageid" in page else -next(lacking)): page for page in pages}


def _is_modern(asked: QueryParams) -> bool:
    return asked.get("formatversion") in ("2", "latest")


def file_page(file: CommonsFile) -> str:
    """What a person reads about a file, with a player."""
    name, told = html.escape(file.name), lambda field: html.escape(file.told(field) or "none")
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>File:{name}</title></head><body>'
        f"<h1>File:{name}</h1>"
        f'<video controls preload="metadata" width="640" src="{html.escape(file.path)}"></video>'
        f"<p>{told('ImageDescription')}</p><p>by {told('Artist')} · {told('DateTimeOriginal')} · licence: "
        f"{told('LicenseShortName')} {told('LicenseUrl')}</p>"
        f"<p>{file.width} x {file.height}, {file.duration_s:g} s, {file.mime}, {file.size:,} bytes</p>"
        f'<p><a href="{html.escape(file.path)}">the file</a> · <a href="/">all campaigns</a></p></body></html>'
    )
