"""Where media lie and where transcripts go: the URIs and keys of Amazon Transcribe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from aws_emulator.guard.addresses import address_of

AMAZON_HOST = re.compile(r"(?:.+\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")
BUCKET = re.compile(r"[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str


def location_of(uri: str, own_host: str = "") -> Location | None:
    """The object that a MediaFileUri names, in any form that Transcribe takes; None if it names none in S3.

    ``own_host`` is the local AWS's own host and port, whose path-style addresses are S3's as well. The keys of http
    addresses are percent-encoded, those of s3:// are not.

    >>> location_of("s3://media-raw/a%20b/talk.mp3")
    Location(bucket='media-raw', key='a%20b/talk.mp3')
    >>> location_of("https://media-raw.s3.eu-west-1.amazonaws.com/a%20b/talk.mp3")
    Location(bucket='media-raw', key='a b/talk.mp3')
    >>> location_of("https://s3-us-west-2.amazonaws.com/media-raw/talk.mp3")
    Location(bucket='media-raw', key='talk.mp3')
    >>> location_of("https://example.org/talk.mp3") is None
    True
    """
    if uri.startswith("s3://"):
        bucket, _, key = uri[5:].partition("/")
    else:
        try:
            parts = urlsplit(uri)
        except ValueError:
            return None
        if not (AMAZON_HOST.fullmatch(parts.netloc.lower()) or (own_host and parts.netloc == own_host)):
            return None
        address = address_of(parts.netloc, parts.path)
        bucket, key = address.bucket, address.key
    return Location(bucket, key) if BUCKET.fullmatch(bucket) and key else None


def output_key(job_name: str, asked: str | None) -> str:
    """The key of a transcript in the user's bucket, as StartTranscriptionJob documents ``OutputKey``.

    >>> output_key("talk-1", None), output_key("talk-1", "texts/"), output_key("talk-1", "texts/talk")
    ('talk-1.json', 'texts/talk-1.json', 'texts/talk/talk-1.json')
    >>> output_key("talk-1", "texts/talk.json")
    'texts/talk.json'
    """
    if not asked:
        return f"{job_name}.json"
    if asked.endswith(".json"):
        return asked
    return f"{asked}{'' if asked.endswith('/') else '/'}{job_name}.json"


def subtitle_key(transcript_key: str, form: str) -> str:
    """The key of a subtitle file: beside the transcript.

    >>> subtitle_key("texts/talk.json", "vtt")
    'texts/talk.vtt'
    """
    return f"{transcript_key.removesuffix('.json')}.{form}"


def object_url(endpoint_url: str, location: Location) -> str:
    """The path-style address of an object.

    >>> object_url("http://127.0.0.1:4566", Location("media-raw", "a b.json"))
    'http://127.0.0.1:4566/media-raw/a%20b.json'
    """
    return f"{endpoint_url}/{location.bucket}/{quote(location.key)}"
