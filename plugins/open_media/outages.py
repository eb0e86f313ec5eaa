"""What it means when a source cannot be had: for the sources after it, and for Airflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from include.sources.errors import SourceError
from include.sources.source import SourceAnswerError

Outage = SourceError | SourceAnswerError
"""A source is down, refuses, lacks its key, or answers what is no answer."""


class LeftAlone(SourceError):
    """The whole deployment leaves a source alone until a moment."""

    code = "left_alone"
    retryable = True

    def __init__(self, until: datetime, why: str = "it asked for that earlier") -> None:
        super().__init__(f"left alone until {until.isoformat(timespec='seconds')}: {why}")
        self.until = until


def may_pass(outage: Outage) -> bool:
    """Say whether another try later may find the source there."""
    return not isinstance(outage, SourceError) or outage.retryable


def reason_of(outage: Outage) -> str:
    """Write an outage for the log and the candidates.

    >>> reason_of(SourceError("closed"))
    'SourceError: closed'
    """
    return f"{type(outage).__name__}: {outage}"


def foremost(outages: Sequence[Outage]) -> Outage:
    """Return the outage that decides what becomes of the task: what ends soonest by itself, or else the first."""
    left_alone = [outage for outage in outages if isinstance(outage, LeftAlone)]
    if left_alone:
        return min(left_alone, key=lambda outage: outage.until)
    return next(filter(may_pass, outages), outages[0])


@contextmanager
def told_to_airflow() -> Iterator[None]:
    """Raise an outage as Airflow wants it: put off at no cost of a try, left to the retries, or failed at once."""
    try:
        yield
    except LeftAlone as error:
        raise AirflowRescheduleException(error.until) from error
    except SourceError as error:
        if error.retryable:
            raise
        raise AirflowFailException(reason_of(error)) from error
