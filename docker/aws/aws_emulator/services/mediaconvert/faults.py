"""How a job fails, by MediaConvert's numbers.

Sources: "Error codes" in the MediaConvert user guide, and messages of real jobs that people have published.
"""

from __future__ import annotations

from aws_emulator.jobs.errors import JobFailed

INPUT_UNREADABLE = 1010
NO_VIDEO = 1020
NO_AUDIO = 1021
UNSUPPORTED_CODEC = 1030
SETTINGS = 1040
CLIPPING = 1060
DEMUXER = 1075
TRUNCATED = 1076
ACCESS_DENIED = 1401
NOT_FOUND = 1404
UNKNOWN = 1999


def fault(code: int, message: str) -> JobFailed:
    """The exception that ends a job in ERROR."""
    return JobFailed(str(code), message)


def not_opened(uri: str, why: str, code: int = INPUT_UNREADABLE) -> JobFailed:
    """An input that cannot be opened.

    >>> print(not_opened("s3://in/clip.mp4", "no moov box found in file"))
    1010: Unable to open input file [s3://in/clip.mp4]: [Failed probe/open: [no moov box found in file]]
    """
    return fault(code, f"Unable to open input file [{uri}]: [Failed probe/open: [{why}]]")


def not_fetched(uri: str, code: int, why: str) -> JobFailed:
    """An input that S3 does not hand over; ``code`` says whether it is missing or denied."""
    return not_opened(uri, f"Can't read input stream: [Failed to read data: {why}]", code)


def not_written(uri: str, code: int, why: str) -> JobFailed:
    """An output that S3 does not take."""
    return fault(code, f"Unable to write to output file [{uri}]: [Failed to write data: {why}]")
