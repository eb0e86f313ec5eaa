"""What can go wrong with a job, by the names that engines and services use."""

from __future__ import annotations

INTERNAL = "INTERNAL"  # the code of a failure that no engine named: a crash, a limit, a bug


class JobFailed(Exception):
    """A modelled failure: the job ends as failed with this ``code`` and ``message``, in the service's own words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class QueueFull(Exception):
    """As many jobs wait as may wait; the service answers with its throttling error."""


class ObjectMissing(LookupError):
    """There is no such bucket, key or version."""


class AccessDenied(PermissionError):
    """S3 refuses access to the object."""


class TooLarge(ValueError):
    """The object has more bytes than the engine takes."""

    def __init__(self, message: str, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class ObjectBroken(OSError):
    """What arrived is not what S3 said it would send, again and again."""
