"""The checksum that HEAD tells: moto tells neither whether it is of the whole object, nor of how many parts it is made.

S3 says ``FULL_OBJECT`` or ``COMPOSITE``, and ends the latter's value in the number of the parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_emulator.guard.checksums import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import StartResponse

COMPOSITE, FULL = "COMPOSITE", "FULL_OBJECT"


def telling_all(start_response: StartResponse, stored: Any) -> StartResponse:
    """Complete the headers of a HEAD's answer about ``stored``, an object as moto keeps it."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        kind = stored.checksum_type or FULL
        ending = f"-{stored.checksum_parts}" if kind == COMPOSITE else ""
        told = f"{PREFIX}{(stored.checksum_algorithm or '').lower()}"
        names = {name.lower() for name, _ in headers}
        if told in names:
            headers = [(name, value + ending if name.lower() == told else value) for name, value in headers]
            if f"{PREFIX}type" not in names:
                headers.append((f"{PREFIX}type", kind))
        return start_response(status, headers, exc_info)

    return start
