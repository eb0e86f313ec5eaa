"""POST Object: a browser form that uploads one file under a signed policy.

Source: "Browser-Based Uploads Using POST" in the S3 API reference.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hmac
import json
from dataclasses import dataclass
from typing import Any

from werkzeug.http import parse_options_header

from aws_emulator.guard.credentials import Credentials
from aws_emulator.guard.signatures import ALGORITHM, OLD_MECHANISM, sign, signing_key
from aws_emulator.refusals import Refusal

LONGEST_FIELDS_BYTES = 20 * 1024  # S3's limit for everything before the file
UNCOVERED = frozenset({"policy", "x-amz-signature", "file"})  # the policy need not name them


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form (lower-case names) and where in the body its file lies."""

    fields: dict[str, str]
    file: memoryview

    @property
    def key(self) -> str:
        """The key that the object will have."""
        return self.fields["key"]


def parse(body: bytes, content_type: str) -> Form:
    r"""Read a multipart/form-data body up to and including its file; S3 ignores what follows.

    Raises ``MalformedPOSTRequest`` or ``InvalidArgument`` for a body that is no such form.

    >>> form = parse(b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nup/${filename}\r\n--b\r\n'
    ...              b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n',
    ...              'multipart/form-data; boundary=b')
    >>> form.fields, bytes(form.file)
    ({'key': 'up/a.txt'}, b'hello')
    """
    boundary = parse_options_header(content_type)[1].get("boundary")
    malformed = Refusal("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
    if not boundary:
        raise malformed
    opening = b"--" + boundary.encode("latin-1")
    start = body.find(opening)
    fields: dict[str, str] = {}
    while start >= 0:
        start += len(opening)
        if body[start : start + 2] == b"--":
            break
        head_end = body.find(b"\r\n\r\n", start)
        end = body.find(b"\r\n" + opening, head_end + 2) if head_end >= 0 else -1
        if head_end < 0 or end < 0:
            raise malformed
        name, filename = _disposition(body[start:head_end])
        if name == "file":
            if "key" not in fields:
                raise Refusal(
                    "InvalidArgument",
                    "Bucket POST must contain a field named 'key'. If it is specified, please "
                    "check the order of the fields.",
                    ArgumentName="key",
                    ArgumentValue="",
                )
            fields["key"] = fields["key"].replace("${filename}", filename.replace("\\", "/").rsplit("/", 1)[-1])
            return Form(fields, memoryview(body)[head_end + 4 : end])
        if end - head_end > LONGEST_FIELDS_BYTES:
            raise Refusal(
                "MaxPostPreDataLengthExceededError",
                "Your POST request fields preceding the upload file were too large.",
            )
        fields[name.lower()] = body[head_end + 4 : end].decode(errors="replace")
        start = end + 2
    raise Refusal(
        "InvalidArgument", "POST requires exactly one file upload per request.", ArgumentName="file", ArgumentValue="0"
    )


def _disposition(head: bytes) -> tuple[str, str]:
    for line in head.decode(errors="replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            options = parse_options_header(value.strip())[1]
            return options.get("name", ""), options.get("filename", "")
    return "", ""


def refuse_against_policy(form: Form, bucket: str, credentials: Credentials, now: datetime.datetime) -> None:
    """Refuse a form whose policy is not signed, is over, or does not allow what the form holds."""
    fields = form.fields
    if "signature" in fields and "awsaccesskeyid" in fields:
        raise Refusal("InvalidRequest", OLD_MECHANISM)
    if "policy" not in fields:
        raise Refusal("AccessDenied", "Access Denied")
    _refuse_wrong_signature(fields, credentials)
    policy = _policy(fields["policy"])
    if now > _expiration(policy):
        raise Refusal("AccessDenied", "Invalid according to Policy: Policy expired.")
    values = {**fields, "bucket": bucket}
    covered = set(UNCOVERED)
    for condition in policy["conditions"]:
        covered |= _refuse_condition(condition, values, len(form.file))
    extra = sorted(name for name in fields if name not in covered and not name.startswith("x-ignore-"))
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)}")


def _refuse_wrong_signature(fields: dict[str, str], credentials: Credentials) -> None:
    missing = [
        name
        for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
        if not fields.get(name)
    ]
    if missing:
        raise Refusal(
            "InvalidArgument",
            f"Bucket POST must contain a field named '{missing[0]}'.",
            ArgumentName=missing[0],
            ArgumentValue="",
        )
    scope = fields["x-amz-credential"].rsplit("/", 4)
    if fields["x-amz-algorithm"] != ALGORITHM or len(scope) != 5 or scope[3:] != ["s3", "aws4_request"]:
        raise Refusal("InvalidRequest", OLD_MECHANISM)
    secret = credentials.secret_of(scope[0], fields.get("x-amz-security-token"))
    expected = sign(signing_key(secret.key, scope[1], scope[2], scope[3]), fields["policy"])
    if not hmac.compare_digest(expected, fields["x-amz-signature"]):
        raise Refusal(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you "
            "provided. Check your key and signing method.",
            AWSAccessKeyId=scope[0],
            StringToSign=fields["policy"],
        )


def _policy(encoded: str) -> dict[str, Any]:
    try:
        policy = json.loads(base64.b64decode(encoded))
        if isinstance(policy["expiration"], str) and isinstance(policy["conditions"], list):
            return policy
    except (binascii.Error, ValueError, KeyError, TypeError):
        pass
    raise Refusal(
        "InvalidPolicyDocument", "Invalid Policy: it must be base64 of JSON with an expiration and conditions."
    )


def _expiration(policy: dict[str, Any]) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(policy["expiration"])
    except ValueError as error:
        raise Refusal(
            "InvalidPolicyDocument", f"Invalid Policy: Invalid 'expiration' value: '{policy['expiration']}'"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _refuse_condition(condition: Any, values: dict[str, str], file_bytes: int) -> set[str]:
    """Refuse a form that one condition does not allow; return the names of the fields the condition covers."""
    if isinstance(condition, dict):
        for name, wanted in condition.items():
            if values.get(name.lower()) != str(wanted):
                raise _failed(["eq", f"${name}", wanted])
        return {name.lower() for name in condition}
    if not isinstance(condition, list) or len(condition) != 3:
        raise Refusal("InvalidPolicyDocument", f"Invalid Policy: Invalid Simple-Condition: {json.dumps(condition)}")
    operator, first, second = str(condition[0]).lower(), condition[1], condition[2]
    if operator == "content-length-range":
        if file_bytes > int(second):
            raise Refusal(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(file_bytes),
                MaxSizeAllowed=str(second),
            )
        if file_bytes < int(first):
            raise Refusal(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(file_bytes),
                MinSizeAllowed=str(first),
            )
        return set()
    name = str(first).removeprefix("$").lower()
    value = values.get(name, "")
    allowed = {"eq": value == second, "starts-with": value.startswith(str(second))}
    if operator not in allowed:
        raise Refusal("InvalidPolicyDocument", f"Invalid Policy: Invalid Condition operation: {condition[0]}")
    if not allowed[operator]:
        raise _failed(condition)
    return {name}


def _failed(condition: list[Any]) -> Refusal:
    return _denied(f"Policy Condition failed: {json.dumps(condition)}")


def _denied(reason: str) -> Refusal:
    return Refusal("AccessDenied", f"Invalid according to Policy: {reason}")
