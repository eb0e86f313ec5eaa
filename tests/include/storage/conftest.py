from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest

from include.storage.upload import UPLOAD_CONFIG


@pytest.fixture(scope="session")
def s3(local_aws: str) -> Any:
    """A client of the local AWS, set up as the platform sets it up."""
    return boto3.client(
        "s3",
        endpoint_url=local_aws,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=UPLOAD_CONFIG,
    )


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    name = f"upload-{uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name
