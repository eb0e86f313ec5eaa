"""The doors to the drives: a list with the truth about each, and the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sources_emulator.driving.drives import DRIVES, TINY_DRIVES, Drive
from sources_emulator.driving.render import truth_of
from sources_emulator.rendering import AnyOrder, Rendering, TripOrder
from sources_emulator.serving import FileAnswer, own_address
from sources_emulator.shelf import ShelfFile

ALL_DRIVES = (*DRIVES, *TINY_DRIVES)


def order_for(drive: Drive) -> TripOrder:
    """What has to be rendered for a drive."""
    return TripOrder(drive.trip, drive.name)


@dataclass(frozen=True, slots=True)
class ParkedDrive:
    """A drive with its file, ready to be served."""

    drive: Drive
    file: ShelfFile

    def entry(self, address: str) -> dict[str, Any]:
        """Its element of the list of drives."""
        return {
            "device": self.drive.device,
            "file_name": self.drive.file_name,
            "captured_at": self.drive.captured_at,
            "url": f"{address}/_drives/{self.drive.file_name}",
            "bytes": len(self.file.data),
            "sha256": hashlib.sha256(self.file.data).hexdigest(),
            "truth": truth_of(self.drive),
        }


class Garage:
    """The drives by file name, once they are parked."""

    def __init__(self) -> None:
        self._parked: dict[str, ParkedDrive] = {}

    def park(self, drives: Iterable[Drive], rendered: Mapping[AnyOrder, Mapping[str, Rendering]]) -> None:
        """Take in the files, whole or as much of them as there is."""
        for drive in drives:
            data = rendered[order_for(drive)]["mp4"].path.read_bytes()
            file = ShelfFile({"name": drive.file_name}, data=data[: round(len(data) * drive.share)])
            self._parked[drive.file_name] = ParkedDrive(drive, file)

    def routes(self) -> list[Route]:
        return [Route("/_drives", self.listing), Route("/_drives/{name}", self.file)]

    async def listing(self, request: Request) -> Response:
        """`drives` are for people to look at, `tiny` for uploading many of them."""
        if not self._parked:
            return JSONResponse({"error": "the drives are not rendered yet"}, 503, {"Retry-After": "1"})
        address = own_address(request)
        entries = {
            kind: [self._parked[drive.file_name].entry(address) for drive in drives]
            for kind, drives in (("drives", DRIVES), ("tiny", TINY_DRIVES))
        }
        return JSONResponse(entries)

    async def file(self, request: Request) -> Response | FileAnswer:
        parked = self._parked.get(request.path_params["name"])
        if parked is None:
            return JSONResponse({"error": f"no drive {request.path_params['name']}; GET /_drives lists them"}, 404)
        return FileAnswer(parked.file)
