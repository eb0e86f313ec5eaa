"""What the emulator refuses, and how each protocol of AWS words it.

S3 answers XML; the other services answer JSON, query XML or CBOR, and name the same refusal differently.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from xml.sax.saxutils import escape

STATUS = {  # every code that is not a plain 400
    "AccessDenied": 403,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "InvalidObjectState": 403,
    "MissingContentLength": 411,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NotImplemented": 501,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "RestoreAlreadyInProgress": 409,
    "SignatureDoesNotMatch": 403,
}

# code of S3 -> (code of the JSON and CBOR services, code of the query services)
OTHER_NAMES = {
    "AccessDenied": ("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
    "AuthorizationHeaderMalformed": ("IncompleteSignatureException", "IncompleteSignature"),
    "AuthorizationQueryParametersError": ("IncompleteSignatureException", "IncompleteSignature"),
    "ExpiredToken": ("ExpiredTokenException", "ExpiredToken"),
    "InternalError": ("InternalFailure", "InternalFailure"),
    "InvalidAccessKeyId": ("UnrecognizedClientException", "InvalidClientTokenId"),
    "InvalidToken": ("UnrecognizedClientException", "InvalidClientTokenId"),
    "RequestTimeTooSkewed": ("InvalidSignatureException", "SignatureDoesNotMatch"),
    "SignatureDoesNotMatch": ("InvalidSignatureException", "SignatureDoesNotMatch"),
}


class Refusal(Exception):
    """A request that AWS would refuse: S3's error code, its message, and the elements S3 adds to the answer."""

    def __init__(self, code: str, message: str, **details: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details

    @property
    def status(self) -> int:
        """HTTP status of the answer.

        >>> Refusal("BadDigest", "").status, Refusal("RequestTimeTooSkewed", "").status
        (400, 403)
        """
        return STATUS.get(self.code, 400)


def answer(refusal: Refusal, service: str, headers: Mapping[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Word a refusal as ``service`` would: status, headers and body.

    ``headers`` are the request's, with lower-case names; they tell the protocol that the client speaks.
    """
    request_id = uuid.uuid4().hex[:16].upper()
    if service == "s3":
        content_type, body = "application/xml", s3_xml(refusal, request_id)
        ids = [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]
    else:
        json_code, query_code = OTHER_NAMES.get(refusal.code, (refusal.code, refusal.code))
        ids = [("x-amzn-requestid", request_id)]
        if headers.get("smithy-protocol") == "rpc-v2-cbor":
            content_type, body = "application/cbor", cbor_map({"__type": json_code, "message": refusal.message})
            ids.append(("smithy-protocol", "rpc-v2-cbor"))
        elif headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            content_type, body = "text/xml", query_xml(query_code, refusal.message, request_id)
        else:
            content_type = "application/x-amz-json-1.0" if "x-amz-target" in headers else "application/json"
            body = json.dumps({"__type": json_code, "message": refusal.message}).encode()
            ids.append(("x-amzn-errortype", json_code))
    if "origin" in headers:  # as moto does for every answer, so that a page can read why it was refused
        ids.append(("Access-Control-Allow-Origin", "*"))
    return refusal.status, [("Content-Type", content_type), ("Content-Length", str(len(body))), *ids], body


def s3_xml(refusal: Refusal, request_id: str) -> bytes:
    """The XML document in which S3 words an error.

    >>> s3_xml(Refusal("BadDigest", "1 < 2"), "A")[39:]
    b'<Error><Code>BadDigest</Code><Message>1 &lt; 2</Message><RequestId>A</RequestId><HostId>A</HostId></Error>'
    """
    named = {"Code": refusal.code, "Message": refusal.message, **refusal.details}
    named |= {"RequestId": request_id, "HostId": request_id}
    elements = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in named.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{elements}</Error>'.encode()


def query_xml(code: str, message: str, request_id: str) -> bytes:
    """The XML document in which SNS, IAM and the other query services word an error."""
    error = f"<Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>".encode()


def cbor_map(texts: Mapping[str, str]) -> bytes:
    """Encode a few texts as a CBOR map (RFC 8949: major type 5 of major type 3).

    >>> cbor_map({"a": "b"}).hex()
    'a161616162'
    """

    def text(value: str) -> bytes:
        raw = value.encode()
        if len(raw) < 24:
            return bytes([0x60 | len(raw)]) + raw
        return bytes([0x79]) + len(raw).to_bytes(2, "big") + raw

    return bytes([0xA0 | len(texts)]) + b"".join(text(name) + text(value) for name, value in texts.items())
