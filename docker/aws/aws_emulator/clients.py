"""boto3 clients for the emulator's own use: over the wire like anybody else, deaf to the user's own AWS settings."""

from __future__ import annotations

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config


def client_for(
    service: str,
    endpoint_url: str,
    access_key: str,
    secret_key: str,
    region: str,
    *,
    attempts: int = 2,
    read_timeout_s: float = 60,
) -> Any:
    """A boto3 client of ``service`` that reads neither ``~/.aws`` nor a proxy setting.

    ``attempts`` counts the first one; ``read_timeout_s`` is the longest silence of the server that is borne.
    """
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),  # what stands in the user's ~/.aws concerns another AWS
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    session: Any = boto3.Session(access_key, secret_key, region_name=region, botocore_session=core)
    config = Config(
        proxies={},
        retries={"mode": "standard", "total_max_attempts": attempts},
        read_timeout=read_timeout_s,
        s3={"addressing_style": "path"},
    )
    return session.client(service, endpoint_url=endpoint_url, config=config)
