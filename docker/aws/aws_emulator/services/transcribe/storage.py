"""The service-managed bucket: where a transcript lies that was asked for without a bucket.

It belongs to an account of AWS's own (see ``guard/service_buckets.py``); who asked gets presigned URLs that an access
key of that account signs.
"""

from __future__ import annotations

import json
import threading

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from aws_emulator.guard.service_buckets import SERVICE_ACCOUNT
from aws_emulator.services.transcribe.locations import Location, object_url

URL_VALID_S = 15 * 60  # https://docs.aws.amazon.com/transcribe/latest/APIReference/API_Transcript.html
READER = "transcribe"
_making = threading.Lock()  # of the bucket and the key


def service_location(region: str, key: str) -> Location:
    """Where ``key`` lies in the bucket of a region.

    >>> service_location("us-east-1", "123456789012/talk/asrOutput.json").bucket
    'aws-transcribe-us-east-1-prod'
    """
    return Location(f"aws-transcribe-{region}-prod", key)


def keep(location: Location, region: str, content: bytes) -> None:
    """Store an object of the service's. No event tells of it."""
    storage = s3_backends[SERVICE_ACCOUNT]["aws"]
    with _making:
        if location.bucket not in storage.buckets:
            storage.create_bucket(location.bucket, region)
    storage.put_object(location.bucket, location.key, content, disable_notification=True)


def forget(location: Location) -> None:
    """Delete an object of the service's, if it is there."""
    storage = s3_backends[SERVICE_ACCOUNT]["aws"]
    if location.bucket in storage.buckets:
        storage.delete_object(location.bucket, location.key)


def presigned_url(endpoint_url: str, region: str, location: Location) -> str:
    """An address of the object that anybody may read for 15 minutes; ``endpoint_url`` is how the asker reaches us."""
    request = AWSRequest("GET", object_url(endpoint_url, location))
    S3SigV4QueryAuth(_reader(), "s3", region, expires=URL_VALID_S).add_auth(request)
    return str(request.url)


def _reader() -> Credentials:
    """The access key that signs, made when it is missing: a reset of the whole state takes it away."""
    people = iam_backends[SERVICE_ACCOUNT]["aws"]
    with _making:
        if READER not in people.users:
            people.create_user("us-east-1", READER)
            statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::aws-transcribe-*"}
            people.put_user_policy(READER, "read", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
            people.create_access_key(READER)
    key = people.list_access_keys(READER)[0]
    return Credentials(key.access_key_id, key.secret_access_key)
