"""A service that answers what the test wrote down, in order, checked against botocore's model of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.stub import Stubber


@contextmanager
def scripted(client: Any) -> Iterator[Callable[[Any], Stubber]]:
    """Yield what hands an operator the client with a new script; the last one's must have been played to its end."""
    scripts: list[Stubber] = []

    def finish() -> None:
        if scripts:
            scripts[-1].deactivate()
            scripts[-1].assert_no_pending_responses()

    def service(operator: Any) -> Stubber:
        finish()
        operator.hook.conn = client
        scripts.append(Stubber(client))
        scripts[-1].activate()
        return scripts[-1]

    try:
        yield service
    finally:
        for script in scripts:
            script.deactivate()
    finish()
