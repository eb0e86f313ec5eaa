"""PutEvents: nobody but AWS itself sends events whose source begins with ``aws.``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aws_emulator.wire import IncomingRequest, answer_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PUT_EVENTS = "AWSEvents.PutEvents"
REFUSED = {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}


def put(app: WSGIApplication, request: IncomingRequest, body: bytes, start_response: StartResponse) -> Iterable[bytes]:
    """Hand on the events that a user may send, and put the refusals among the answers to them."""
    entries, refused = _read(body)
    if not any(refused):
        request.hand_on(body)
        return app(request.environ, start_response)
    left = [entry for entry, no in zip(entries, refused, strict=True) if not no]
    answered: dict[str, Any] = {"FailedEntryCount": 0, "Entries": []}
    if left:
        request.hand_on(json.dumps({"Entries": left}).encode())
        status, headers, answer = answer_of(app, request)
        if not status.startswith("200"):
            start_response(status, headers)
            return [answer]
        answered = json.loads(answer)
    theirs = iter(answered["Entries"])
    merged = {
        "FailedEntryCount": answered["FailedEntryCount"] + sum(refused),
        "Entries": [REFUSED if no else next(theirs) for no in refused],
    }
    text = json.dumps(merged).encode()
    start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(text)))])
    return [text]


def _read(body: bytes) -> tuple[list[Any], list[bool]]:
    """The entries of a request, and which of them are refused; none of a body that moto will refuse."""
    try:
        entries = json.loads(body)["Entries"]
        return entries, [str(entry.get("Source", "")).startswith("aws.") for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [], []
