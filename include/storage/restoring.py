"""Archived objects: whether they can be read, until when, and the request that makes them readable for some days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, get_args

from botocore.exceptions import ClientError

from include.costs.rate_card import RateCard
from include.storage.classes import DAYS_A_MONTH, ReadBack, class_prices

Tier = Literal["Standard", "Bulk"]

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Classes whose objects must be restored before they are read."""

MOST_OBJECTS = 1000
"""How many one run restores at most."""

_LEEWAY = timedelta(hours=1)
"""A restored copy may go so much earlier than was asked for: a task that is retried asks again."""

_EXPIRY = re.compile(r'expiry-date="([^"]+)"')


class RestoreRefused(RuntimeError):
    """S3 does not restore the object; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether an object can be read now."""

    state: Literal["readable", "restoring", "archived"]
    until: datetime | None = None
    """When the restored copy goes; ``None`` for an object that is not archived, and stays readable."""


def readiness_of(head: Mapping[str, Any]) -> Readiness:
    """Read it from the answer of HeadObject.

    >>> readiness_of({}).state, readiness_of({"StorageClass": "DEEP_ARCHIVE"}).state
    ('readable', 'archived')
    >>> readiness_of({"StorageClass": "DEEP_ARCHIVE", "Restore": 'ongoing-request="true"'}).state
    'restoring'
    >>> ready = 'ongoing-request="false", expiry-date="Fri, 06 Mar 2026 00:00:00 GMT"'
    >>> print(readiness_of({"StorageClass": "DEEP_ARCHIVE", "Restore": ready}).until)
    2026-03-06 00:00:00+00:00
    """
    restore = head.get("Restore") or ""
    if 'ongoing-request="true"' in restore:
        return Readiness(state="restoring")
    if expiry := _EXPIRY.search(restore):
        return Readiness(state="readable", until=parsedate_to_datetime(expiry.group(1)))
    return Readiness(state="archived" if head.get("StorageClass") in ARCHIVED else "readable")


def read_back_of(tier: str, card: RateCard) -> ReadBack:
    """Return what a restore of that tier costs, and how long it takes at most.

    >>> from include.costs.rate_card import default_rate_card
    >>> read_back_of("Bulk", default_rate_card()).within_h
    48.0

    :raises RestoreRefused: for a tier that Deep Archive does not have.
    """
    for way in class_prices(card)["DEEP_ARCHIVE"].read_backs:
        if way.tier == tier:
            return way
    raise RestoreRefused(f"tier must be {' or '.join(get_args(Tier))}, not {tier!r}")


def restore_usd(size_bytes: int, *, days: int, tier: str, card: RateCard) -> float:
    """Return what it costs to have an object of Deep Archive readable for ``days``: retrieval, and the copy's storage.

    >>> from include.costs.rate_card import default_rate_card
    >>> round(restore_usd(2**30, days=30, tier="Bulk", card=default_rate_card()), 6)
    0.025525

    :raises RestoreRefused: for a tier that Deep Archive does not have.
    """
    way, standard = read_back_of(tier, card), class_prices(card)["STANDARD"]
    copy_usd = size_bytes * standard.usd_per_byte_month * days / DAYS_A_MONTH
    return way.usd_per_object + size_bytes * way.usd_per_byte + copy_usd


def quote_restore(
    head: Mapping[str, Any], *, days: int, tier: str, card: RateCard, now: datetime | None = None
) -> float | None:
    """Return what it will cost to have an object readable for ``days``, ``None`` when nothing has to be asked for.

    Of a copy that stands already only the days are paid that it has to stand longer.

    >>> from include.costs.rate_card import default_rate_card
    >>> quote_restore({"StorageClass": "STANDARD_IA"}, days=7, tier="Bulk", card=default_rate_card()) is None
    True

    :raises RestoreRefused: for a tier that Deep Archive does not have.
    """
    found, size_bytes = readiness_of(head), int(head.get("ContentLength", 0))
    if found.state == "archived":
        return restore_usd(size_bytes, days=days, tier=tier, card=card)
    if found.state == "restoring" or found.until is None:
        return None
    longer = (now or datetime.now(UTC)) + timedelta(days=days) - found.until
    if longer <= _LEEWAY:
        return None
    return size_bytes * class_prices(card)["STANDARD"].usd_per_byte_month * (longer / timedelta(days=DAYS_A_MONTH))


def object_at(bucket: str, key: str, version_id: str | None) -> dict[str, Any]:
    """Return the arguments of boto3 that name an object.

    >>> object_at("lake", "a.mp4", None)
    {'Bucket': 'lake', 'Key': 'a.mp4'}
    """
    return {"Bucket": bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})


def head_of(s3: Any, bucket: str, key: str, version_id: str | None = None) -> dict[str, Any]:
    """Return the answer of HeadObject.

    :raises RestoreRefused: when the object is not there, or may not be looked at.
    """
    try:
        return dict(s3.head_object(**object_at(bucket, key, version_id)))
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status in (400, 404, 405):  # no such version, no such key, a delete marker
            raise RestoreRefused(f"s3://{bucket}/{key} is not there (HTTP {status})") from error
        if status == 403:
            raise RestoreRefused(
                f"s3://{bucket}/{key} may not be looked at: the connection needs s3:GetObject on it"
            ) from error
        raise


def begin_restore(
    s3: Any, bucket: str, key: str, version_id: str | None = None, *, days: int, tier: Tier, now: datetime | None = None
) -> Readiness:
    """Have an archived object made readable for ``days``, and say how far it is.

    Nothing is asked for when it is readable for that long already. A copy that would go earlier is kept longer, which
    costs a request. A restore that somebody else began is taken over as it is, and so is one that was asked for by
    this very call, whose first answer got lost.

    :raises RestoreRefused: when S3 refuses.
    """
    found = readiness_of(head_of(s3, bucket, key, version_id))
    wanted = (now or datetime.now(UTC)) + timedelta(days=days) - _LEEWAY
    if found.state == "restoring" or (found.state == "readable" and (found.until is None or found.until >= wanted)):
        return found
    request: dict[str, Any] = {"Days": days}
    if found.state == "archived":
        request["GlacierJobParameters"] = {"Tier": tier}  # S3 refuses a tier where only the end is moved
    try:
        s3.restore_object(**object_at(bucket, key, version_id), RestoreRequest=request)
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code == "RestoreAlreadyInProgress":
            return Readiness(state="restoring")
        if code in ("AccessDenied", "403"):
            raise RestoreRefused(
                f"s3://{bucket}/{key} may not be restored: the connection needs s3:RestoreObject on it ({message})"
            ) from error
        if code == "InvalidObjectState":  # somebody moved it out of the archive since it was looked at
            return readiness_of(head_of(s3, bucket, key, version_id))
        if code == "GlacierExpeditedRetrievalNotAvailable" or code.startswith("Invalid"):
            raise RestoreRefused(f"s3://{bucket}/{key} cannot be restored: {code}: {message}") from error
        raise
    return readiness_of(head_of(s3, bucket, key, version_id))
