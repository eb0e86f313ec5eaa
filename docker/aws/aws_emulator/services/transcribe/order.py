"""What the service asks of its engine; it travels as JSON to a worker process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from aws_emulator.services.transcribe.locations import Location


@dataclass(frozen=True, slots=True)
class Order:
    """What a transcription job is to do. ``language`` is None where it is to be identified among ``options``."""

    job_name: str
    account: str
    media: Location
    output: Location | None = None  # None: the service keeps what the job writes
    media_format: str | None = None
    sample_rate_hz: int | None = None
    language: str | None = None
    options: tuple[str, ...] = ()
    by_channel: bool = False
    subtitles: tuple[str, ...] = ()
    start_index: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Order:
        places = {name: Location(**value[name]) if value[name] else None for name in ("media", "output")}
        lists = {name: tuple(value[name]) for name in ("options", "subtitles")}
        return cls(**value | places | lists)
