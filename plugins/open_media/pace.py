"""The line of every host for the whole deployment, kept in DynamoDB."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from include.sources.errors import SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LONGEST_LINE_S = 300.0
"""The pool lets so few tasks ask at once that a line is a matter of seconds. What seems to reserve more than this was
written by a clock that was wrong, and is overwritten: the line begins anew."""

_MOST_TRIES = 50
_LONGEST_JITTER_S = 0.05


class PaceUnavailable(RuntimeError):
    """The table in which the deployment keeps its pace is not there, so that nobody may ask."""


class DeploymentPacer:
    """Gives out the slots of a host's line one after the other, whichever worker asks.

    The line's end is the number ``next_at`` (seconds since 1970) of the item ``pace#<host>``. A caller reads it, and
    moves it on by what it needs under the condition that nobody else has; whoever is beaten to it reads again after a
    random moment. So no two slots overlap. What counts is the table's time and not the worker's, see ``TableClock``.

    :param table: a boto3 table with the string hash key ``job_key``
    """

    def __init__(
        self,
        table: Table,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._sleep = sleep
        self._clock = TableClock(clock)

    def wait(self, host: str, cost_s: float) -> None:
        """Reserve the next ``cost_s`` seconds of the host's line for this deployment, and sleep until they begin.

        What costs nothing is not waited for.

        :raises SourceUnavailable: when others get every slot, which may pass.
        :raises PaceUnavailable: when there is no table.
        :raises ClientError: for any other trouble with it, such as throttling that outlasts the client's own tries.
        """
        if cost_s <= 0:
            return
        key = {"job_key": f"pace#{host}"}
        for _ in range(_MOST_TRIES):
            standing: Any = self._standing(key)
            now = self._clock.now()
            start = now
            if standing is not None and now < float(standing) <= now + LONGEST_LINE_S:
                start = float(standing)
            if self._reserve(key, standing, Decimal(f"{start + cost_s:.6f}")):
                self._sleep(max(0.0, start - self._clock.now()))
                return
            self._sleep(random.uniform(0.0, _LONGEST_JITTER_S))
        raise SourceUnavailable(
            f"no slot to ask {host} in {_MOST_TRIES} tries: too many tasks want it, try again later"
        )

    def _standing(self, key: dict[str, str]) -> Any:
        """Return the line's end, ``None`` when nobody stood in it yet."""
        try:
            answer = self._clock.timed(lambda: self._table.get_item(Key=key, ConsistentRead=True))
        except self._table.meta.client.exceptions.ResourceNotFoundException as error:
            raise PaceUnavailable(
                f"the pace of the deployment is kept in the DynamoDB table {self._table.name}, which does not exist:"
                " create it (hash key job_key, a string)"
            ) from error
        return answer.get("Item", {}).get("next_at")

    def _reserve(self, key: dict[str, str], standing: Decimal | None, next_at: Decimal) -> bool:
        unchanged = Attr("next_at").not_exists() if standing is None else Attr("next_at").eq(standing)
        try:
            self._clock.timed(
                lambda: self._table.update_item(
                    Key=key,
                    UpdateExpression="SET next_at = :next_at",
                    ExpressionAttributeValues={":next_at": next_at},
                    ConditionExpression=unchanged,
                )
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


class TableClock:
    """The time as the table has it, told from the ``Date`` of its answers, so that workers whose clocks differ agree.

    The header is cut to whole seconds and was written between sending and receiving, so each answer says between which
    two bounds the worker's clock is off, and all of them together say it ever more closely. A clock that may be right
    is taken for right.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._low, self._high = float("-inf"), float("inf")

    def timed(self, call: Callable[[], Any]) -> Any:
        """Make a call to AWS and learn from its answer."""
        sent = self._clock()
        answer = call()
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is not None:
            self._learn(sent, parsedate_to_datetime(date).timestamp(), self._clock())
        return answer

    def _learn(self, sent: float, date: float, received: float) -> None:
        low, high = date - received, date + 1.0 - sent
        self._low, self._high = max(self._low, low), min(self._high, high)
        if self._low > self._high:  # the worker's clock was set meanwhile
            self._low, self._high = low, high

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self._clock() + min(max(0.0, self._low), self._high)
