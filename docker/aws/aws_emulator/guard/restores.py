"""Archived objects: what S3 refuses until they are restored, and a restore that takes its time.

moto refuses to read them, but restores at once, restores twice, forgets the version, and lets their parts be copied.
"""

from __future__ import annotations

import datetime
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.parsers.expat import ExpatError

import xmltodict
from moto.core.exceptions import ServiceException
from moto.core.utils import utcnow
from moto.moto_api import state_manager
from moto.s3.models import s3_backends
from moto.s3.utils import ARCHIVE_STORAGE_CLASSES

from aws_emulator.guard.addresses import Address
from aws_emulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed.wsgi import StartResponse

RESTORE_S = 5.0  # on AWS: hours
TIERS = ("Standard", "Bulk", "Expedited")


class Restores:
    """Restores of this process, each ready after ``seconds``, whatever its tier.

    The state is kept where moto keeps it, so that HEAD and GET answer by it: ``ongoing-request="true"`` and a refusal,
    then ``ongoing-request="false"`` with the date on which the restored copy expires, and the bytes.
    """

    def __init__(self, seconds: float = RESTORE_S) -> None:
        self.seconds = seconds
        state_manager.set_transition("s3::keyrestore", {"progression": "time", "seconds": seconds})

    def answer(
        self, body: bytes, account_id: str, address: Address, version: str | None, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer RestoreObject: 202 begins a restore, 200 sets another end for a copy that is there already."""
        days, tier = _restore_request(body)
        stored = object_at(account_id, address, version)
        if stored is None:
            code, what = ("NoSuchVersion", "version") if version else ("NoSuchKey", "key")
            raise Refusal(code, f"The specified {what} does not exist.", Key=address.key)
        if stored.storage_class not in ARCHIVE_STORAGE_CLASSES:
            raise Refusal(
                "InvalidObjectState",
                "Restore is not allowed for the object's current storage class",
                StorageClass=str(stored.storage_class),
            )
        if tier == "Expedited" and stored.storage_class == "DEEP_ARCHIVE":
            raise Refusal("InvalidArgument", "Retrieval option is not supported by this storage class")
        restore = stored.response_dict.get("x-amz-restore", "")
        if 'ongoing-request="true"' in restore:
            raise Refusal("RestoreAlreadyInProgress", "Object restore is already in progress")
        if restore:
            stored.set_expiry(utcnow() + datetime.timedelta(days=days))
        else:
            stored.status = "IN_PROGRESS"
            stored._time_progressed = datetime.datetime.now()
            stored.restore(days)
            # Somebody must look for moto to announce the end.
            announcer = threading.Timer(self.seconds + 0.1, lambda: stored.status)
            announcer.daemon = True
            announcer.start()
        start_response("200 OK" if restore else "202 ACCEPTED", [("Content-Length", "0")])
        return [b""]


def refuse_archived_source(headers: Mapping[str, str], account_id: str) -> None:
    """Refuse to copy an object, or a part of one, that is archived and not restored."""
    if "x-amz-copy-source" not in headers:
        return
    source = urlsplit(headers["x-amz-copy-source"])
    bucket, _, key = unquote(source.path).lstrip("/").partition("/")
    version = parse_qs(source.query).get("versionId", [None])[0]
    stored = object_at(account_id, Address(bucket, key, ""), version)
    if stored is not None and is_out_of_reach(stored):
        raise Refusal("InvalidObjectState", "Operation is not valid for the source object's storage class")


def is_out_of_reach(stored: Any) -> bool:
    """Whether an object as moto keeps it is archived, and no restored copy of it is there."""
    restored = 'ongoing-request="false"' in stored.response_dict.get("x-amz-restore", "")
    return stored.storage_class in ARCHIVE_STORAGE_CLASSES and not restored


def object_at(account_id: str, address: Address, version: str | None) -> Any | None:
    """An object as moto keeps it, in one of its versions or the current one; ``None`` when it is not there."""
    try:
        return s3_backends[account_id]["aws"].get_object(address.bucket, address.key, version_id=version)
    except ServiceException:
        return None


def _restore_request(body: bytes) -> tuple[int, str]:
    """The days and the tier that a request asks for."""
    malformed = Refusal(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )
    try:
        request = xmltodict.parse(body)["RestoreRequest"]
        days = int(request["Days"])
        tier = (request.get("GlacierJobParameters") or {}).get("Tier") or request.get("Tier") or "Standard"
    except (ExpatError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise malformed from error
    if days < 1 or tier not in TIERS:
        raise malformed
    return days, tier
