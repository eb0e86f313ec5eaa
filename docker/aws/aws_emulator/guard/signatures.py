"""Signature Version 4, seen from the service: what a request claims, and whether its signature covers what came.

Source: "Signature Version 4 for API requests" in the IAM user guide, "Authenticating Requests" in the S3 API reference.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from aws_emulator.refusals import Refusal

if TYPE_CHECKING:
    from aws_emulator.guard.credentials import Credentials
    from aws_emulator.wire import IncomingRequest

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
LONGEST_PRESIGN_S = 7 * 24 * 3600
HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
OLD_MECHANISM = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says about its own signature."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    stamp: str
    session_token: str | None
    expires_s: int | None  # None for a signed header; a presigned URL lives for that long

    @property
    def scope(self) -> str:
        """The credential scope, without the access key."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"

    @property
    def signed_at(self) -> datetime.datetime:
        """When it was signed, UTC."""
        return datetime.datetime.strptime(self.stamp, STAMP).replace(tzinfo=datetime.UTC)

    @property
    def authorization(self) -> str:
        """The claim as an Authorization header, whatever way it came."""
        return (
            f"{ALGORITHM} Credential={self.access_key}/{self.scope}, "
            f"SignedHeaders={';'.join(self.signed_headers)}, Signature={self.signature}"
        )


def claim_of(request: IncomingRequest) -> Claim | None:
    """The claim in a request's header or query, ``None`` if it is anonymous.

    Raises ``InvalidRequest`` for Signature Version 2, ``AuthorizationHeaderMalformed`` or
    ``AuthorizationQueryParametersError`` for a claim that cannot be read.
    """
    header = request.header("authorization")
    if header is not None:
        if "X-Amz-Algorithm" in request.query:
            raise Refusal(
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                "Signature query string parameter or the Authorization header should be specified",
            )
        return _claim_in_header(header, request)
    if "AWSAccessKeyId" in request.query and "Signature" in request.query:
        raise Refusal("InvalidRequest", OLD_MECHANISM)
    if "X-Amz-Algorithm" in request.query or "X-Amz-Signature" in request.query:
        return _claim_in_query(request.query)
    return None


def _claim_in_header(header: str, request: IncomingRequest) -> Claim:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise Refusal("InvalidRequest", OLD_MECHANISM)
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = fields.get("Credential", "").rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request" or not fields.get("SignedHeaders") or not fields.get("Signature"):
        raise Refusal(
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; it needs Credential="
            "<access key>/<yyyymmdd>/<region>/<service>/aws4_request, SignedHeaders and Signature.",
        )
    stamp = request.header("x-amz-date") or _stamp_from_date(request.header("date"))
    if stamp is None or not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
        raise Refusal("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    if stamp[:8] != scope[1]:
        raise Refusal(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the date {scope[1]!r} in its scope is not the day of {stamp}.",
        )
    signed = tuple(fields["SignedHeaders"].lower().split(";"))
    return Claim(
        scope[0],
        scope[1],
        scope[2],
        scope[3],
        signed,
        fields["Signature"],
        stamp,
        request.header("x-amz-security-token"),
        None,
    )


def _stamp_from_date(date: str | None) -> str | None:
    try:
        return parsedate_to_datetime(date).astimezone(datetime.UTC).strftime(STAMP) if date else None
    except ValueError:
        return None


def _claim_in_query(query: dict[str, str]) -> Claim:
    names = (
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    )
    if any(not query.get(name) for name in names):
        raise _bad_query(
            f"Query-string authentication version 4 requires the {', '.join(names[:-1])} and {names[-1]} parameters."
        )
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise _bad_query(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    scope = query["X-Amz-Credential"].rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise _bad_query(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
            '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    stamp = query["X-Amz-Date"]
    if not re.fullmatch(r"\d{8}T\d{6}Z", stamp) or stamp[:8] != scope[1]:
        raise _bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\", of the scope's day")
    if not query["X-Amz-Expires"].isdigit():
        raise _bad_query("X-Amz-Expires should be a number")
    expires_s = int(query["X-Amz-Expires"])
    if expires_s > LONGEST_PRESIGN_S:
        raise _bad_query(f"X-Amz-Expires must be less than a week (in seconds) that is {LONGEST_PRESIGN_S}")
    signed = tuple(query["X-Amz-SignedHeaders"].lower().split(";"))
    return Claim(
        scope[0],
        scope[1],
        scope[2],
        scope[3],
        signed,
        query["X-Amz-Signature"],
        stamp,
        query.get("X-Amz-Security-Token"),
        expires_s,
    )


def _bad_query(message: str) -> Refusal:
    return Refusal("AuthorizationQueryParametersError", message)


def refuse_wrong_time(claim: Claim, now: datetime.datetime, tolerance_s: float) -> None:
    """Refuse a signed header whose clock is off by more than ``tolerance_s``, and a presigned URL outside its life."""
    try:
        age_s = (now - claim.signed_at).total_seconds()
    except ValueError as error:  # a stamp of the right shape that is no moment: month 13
        raise Refusal("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from error
    if claim.expires_s is None:
        if abs(age_s) > tolerance_s:
            raise Refusal(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                RequestTime=claim.stamp,
                ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                MaxAllowedSkewMilliseconds=str(int(tolerance_s * 1000)),
            )
    elif age_s < -tolerance_s:
        raise Refusal("AccessDenied", "Request is not valid yet", ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    elif age_s > claim.expires_s:
        expired = claim.signed_at + datetime.timedelta(seconds=claim.expires_s)
        raise Refusal(
            "AccessDenied",
            "Request has expired",
            Expires=expired.strftime("%Y-%m-%dT%H:%M:%SZ"),
            ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            **{"X-Amz-Expires": str(claim.expires_s)},
        )


def refuse_wrong_signature(
    claim: Claim, request: IncomingRequest, payload_hash: str, credentials: Credentials
) -> bytes:
    """Refuse a request whose signature does not cover what came; return the signing key, for signed chunks.

    ``payload_hash`` is the hex SHA-256 of the body, or the word that stands for it.
    """
    secret = credentials.secret_of(claim.access_key, claim.session_token)
    if "host" not in claim.signed_headers:
        raise _mismatch(claim, "", "")
    if claim.service == "s3":
        unsigned = sorted(
            name
            for name in request.headers
            if name.startswith("x-amz-")
            and name not in _comparable(claim.signed_headers)
            and name != "x-amz-content-sha256"
        )
        if unsigned:
            raise Refusal(
                "AccessDenied",
                "There were headers present in the request which were not signed",
                HeadersNotSigned=", ".join(unsigned),
            )
    canonical = canonical_request(request, claim, payload_hash)
    to_sign = "\n".join((ALGORITHM, claim.stamp, claim.scope, hashlib.sha256(canonical.encode("latin-1")).hexdigest()))
    key = signing_key(secret.key, claim.date, claim.region, claim.service)
    if not hmac.compare_digest(sign(key, to_sign), claim.signature):
        raise _mismatch(claim, to_sign, canonical)
    return key


def _comparable(names: tuple[str, ...]) -> set[str]:
    return {name.replace("_", "-") for name in names}  # WSGI cannot tell the two apart


def _mismatch(claim: Claim, to_sign: str, canonical: str) -> Refusal:
    return Refusal(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        AWSAccessKeyId=claim.access_key,
        StringToSign=to_sign,
        SignatureProvided=claim.signature,
        CanonicalRequest=canonical,
    )


def canonical_request(request: IncomingRequest, claim: Claim, payload_hash: str) -> str:
    """The text whose hash is signed. S3 encodes the path once, every other service twice."""
    if claim.service == "s3":
        path = quote(unquote_to_bytes(request.raw_path), safe="/~")
    else:
        path = quote(request.raw_path, safe="/~")
    headers = "".join(f"{name}:{_canonical_value(request.header(name))}\n" for name in claim.signed_headers)
    return "\n".join(
        (
            request.method,
            path,
            canonical_query(request.raw_query),
            headers,
            ";".join(claim.signed_headers),
            payload_hash,
        )
    )


def canonical_query(raw_query: str) -> str:
    """Every parameter but the signature, decoded, encoded again as AWS does, and sorted.

    >>> canonical_query("b=2&a=x+y&X-Amz-Signature=0&uploads")
    'a=x%20y&b=2&uploads='
    """
    pairs = parse_qsl(raw_query, keep_blank_values=True, encoding="latin-1")
    encoded = (
        (quote(name, safe="~", encoding="latin-1"), quote(value, safe="~", encoding="latin-1"))
        for name, value in pairs
        if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _canonical_value(value: str | None) -> str:
    return " ".join((value or "").split())


@lru_cache(maxsize=256)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key derived for one day, region and service.

    >>> signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam").hex()
    'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9'
    """
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    """The hex signature of a string to sign."""
    return hmac.new(key, text.encode("latin-1"), hashlib.sha256).hexdigest()
