"""Writes that depend on what is there: conditional writes, and the parts of a multipart upload.

moto checks and writes in two steps; a lock per key makes them one.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

import xmltodict
from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends

from aws_emulator.guard import checksums
from aws_emulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_emulator.guard.addresses import Address

STRIPES = 256


class KeyLocks:
    """One lock for a key, out of a fixed number; two keys may share one."""

    def __init__(self, stripes: int = STRIPES) -> None:
        self._locks = [threading.Lock() for _ in range(stripes)]

    @contextmanager
    def hold(self, bucket: str, key: str) -> Iterator[None]:
        """Let nobody else write this key meanwhile."""
        with self._locks[hash((bucket, key)) % len(self._locks)]:
            yield


def stored_object(account_id: str, address: Address) -> Any | None:
    """The object at an address as moto keeps it, ``None`` if there is none or no bucket."""
    try:
        return s3_backends[account_id]["aws"].get_object(address.bucket, address.key)
    except ServiceException:
        return None


def refuse_precondition(headers: Mapping[str, str], stored: Any | None) -> None:
    """Refuse a write whose If-Match or If-None-Match the stored object does not meet."""
    if_none_match, if_match = headers.get("if-none-match"), headers.get("if-match")
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise Refusal(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
                Header="If-None-Match",
            )
        if stored is not None:
            raise _unmet("If-None-Match")
    if if_match is not None:
        if stored is None:
            raise Refusal("NoSuchKey", "The specified key does not exist.")
        if if_match.strip() != "*" and if_match.strip().strip('"') != stored.etag.strip('"'):
            raise _unmet("If-Match")


def _unmet(condition: str) -> Refusal:
    return Refusal(
        "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", Condition=condition
    )


def open_upload(account_id: str, address: Address, upload_id: str) -> Any:
    """The multipart upload of a key as moto keeps it. Raises ``NoSuchUpload``, where moto breaks."""
    try:
        upload = s3_backends[account_id]["aws"].get_bucket(address.bucket).multiparts.get(upload_id)
    except ServiceException:
        upload = None
    if upload is None or upload.key_name != address.key:
        raise Refusal(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed.",
            UploadId=upload_id,
        )
    return upload


def is_completed(stored: Any | None, upload_id: str) -> bool:
    """Whether an object was made by that upload: to complete it again changes nothing."""
    return stored is not None and stored.multipart is not None and stored.multipart.id == upload_id


def refuse_completion(body: bytes, headers: Mapping[str, str], upload: Any) -> None:
    """Refuse to complete a multipart upload out of order, or whose parts are not what the client says they are.

    Only for what moto leaves unchecked; an unknown part, a wrong ETag and a small part are moto's to refuse.
    """
    parts = _listed_parts(body)
    numbers = [int(part["PartNumber"]) for part in parts]
    if any(second <= first for first, second in pairwise(numbers)):
        raise Refusal(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
            UploadId=upload.id,
        )
    if any(number not in upload.parts for number in numbers):
        return
    for number, part in zip(numbers, parts, strict=True):
        _refuse_wrong_part(number, part, upload.parts[number])
    whole = checksums.declared(headers)
    if whole is None:
        return
    algorithm, value = whole
    kind = (
        headers.get("x-amz-checksum-type")
        or upload.metadata.get("x-amz-checksum-type")
        or ("COMPOSITE" if "-" in value else "FULL_OBJECT")
    )
    pieces = (upload.parts[number].value for number in numbers)
    if kind == "FULL_OBJECT":
        checksums.refuse_wrong_checksum(algorithm, value, pieces)
    else:
        digests = [algorithm.digest([piece]) for piece in pieces]
        checksums.refuse_wrong_checksum(algorithm, value.removesuffix(f"-{len(numbers)}"), digests)


def _listed_parts(body: bytes) -> list[dict[str, str]]:
    malformed = Refusal(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )
    try:
        parts = xmltodict.parse(body, force_list=("Part",))["CompleteMultipartUpload"]["Part"]
        for part in parts:
            int(part["PartNumber"])
    except (ExpatError, KeyError, TypeError, ValueError) as error:
        raise malformed from error
    return parts


def _refuse_wrong_part(number: int, part: Mapping[str, str], stored: Any) -> None:
    for algorithm in checksums.ALGORITHMS.values():
        value = part.get(f"Checksum{algorithm.name.upper()}")
        if value is not None and checksums.encoded(algorithm, [stored.value]) != value:
            raise Refusal(
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have been "
                "uploaded, or the specified entity tag may not match the part's entity tag.",
                PartNumber=str(number),
                ETag=stored.etag,
            )
