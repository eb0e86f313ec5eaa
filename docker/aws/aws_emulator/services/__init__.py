"""The door for engines of our own: one folder per service, one line in ``SERVICES``.

    services/<name>/models.py      class <Name>Backend(BaseBackend), and <name>_backends = BackendDict(...)
    services/<name>/responses.py   class <Name>Response(BaseResponse), one method per operation
    services/<name>/urls.py        url_bases, url_paths: moto's way of saying which host and paths are its
    services/<name>/exceptions.py  moto.core.exceptions.ServiceException by the names of the service model
    services/<name>/engine.py      the work itself; knows neither HTTP nor moto

A service here comes before moto's of the same name. See docker/aws/README.md.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Service:
    """A service with an engine of ours.

    ``name`` is the name it is signed with (``mediaconvert``); ``package`` holds ``models`` and ``urls``.
    """

    name: str
    package: str

    @property
    def backends(self) -> Any:
        """The ``BackendDict`` that ``models`` calls ``<name>_backends``."""
        models = importlib.import_module(f"{self.package}.models")
        attribute = f"{self.name.replace('-', '_')}_backends"
        if not hasattr(models, attribute):
            raise LookupError(f"{models.__name__} must define {attribute}, the BackendDict of service {self.name!r}")
        return getattr(models, attribute)

    @property
    def hosts(self) -> list[re.Pattern[str]]:
        """The host names that ``urls`` claims."""
        return [re.compile(base) for base in importlib.import_module(f"{self.package}.urls").url_bases]


class Registry:
    """The services with engines of ours, in the order in which they are asked."""

    def __init__(self, services: tuple[Service, ...] = ()) -> None:
        self._services: dict[str, Service] = {}
        for service in services:
            if service.name in self._services:
                raise ValueError(f"service {service.name!r} is registered twice")
            self._services[service.name] = service

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    def __contains__(self, name: object) -> bool:
        return name in self._services

    def __getitem__(self, name: str) -> Service:
        return self._services[name]


SERVICES = Registry(
    (
        Service("mediaconvert", "aws_emulator.services.mediaconvert"),
        Service("rekognition", "aws_emulator.services.rekognition"),
        Service("transcribe", "aws_emulator.services.transcribe"),
        Service("comprehend", "aws_emulator.services.comprehend"),
        Service("cloudfront", "aws_emulator.services.cloudfront"),
    )
)
