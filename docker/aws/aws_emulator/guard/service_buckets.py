"""Buckets that belong to AWS's services: a user's key may neither list nor read them, a presigned URL of theirs may."""

from __future__ import annotations

from moto.s3.models import s3_backends

from aws_emulator.refusals import Refusal

SERVICE_ACCOUNT = "000000000001"  # whose these buckets are, and the keys that sign their URLs


def refuse_strangers(bucket: str, account_id: str) -> None:
    """Raise ``AccessDenied`` if ``bucket`` is a service's and the request's key belongs to somebody else."""
    if account_id != SERVICE_ACCOUNT and bucket in s3_backends[SERVICE_ACCOUNT]["aws"].buckets:
        raise Refusal("AccessDenied", "Access Denied")
