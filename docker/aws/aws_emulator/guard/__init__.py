"""The guard: refuses what AWS refuses and moto does not, and hands on to moto what is left, checked and unwrapped.

It reads the body once, checks it in place and hands the same bytes on. moto then sees a plain request: path style,
signed in the header, its body neither chunked nor encoded.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode
from xml.sax.saxutils import escape

from moto.core.exceptions import ServiceException
from moto.iam.access_control import PermissionResult
from moto.iam.models import get_account_id_from
from moto.s3.models import s3_backends

from aws_emulator.guard import (
    checksums,
    chunked,
    conditions,
    events,
    forms,
    listings,
    restores,
    signatures,
    told_checksums,
)
from aws_emulator.guard.addresses import Address, address_of
from aws_emulator.guard.credentials import Credentials
from aws_emulator.guard.service_buckets import refuse_strangers
from aws_emulator.refusals import Refusal
from aws_emulator.wire import IncomingRequest, answer_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

    from aws_emulator.guard.signatures import Claim

SKEW_TOLERANCE_S = 900.0
WRITES = frozenset({"PUT", "POST", "DELETE"})
UNSIGNED_STS = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
ANONYMOUS_ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
# S3 ignores a checksum in the query: SDKs put that of an empty body there (aws/aws-sdk#480, aws/aws-sdk-go-v2#2610).
IGNORED_IN_QUERY = ("x-amz-checksum-", "x-amz-sdk-checksum-algorithm")
SIGNATURE_PARAMETERS = re.compile(
    r"(?i)x-amz-(algorithm|credential|date|expires|signedheaders|signature|security-token)"
)


class Guard:
    """WSGI middleware in front of moto. ``now`` gives the current time in UTC."""

    def __init__(
        self,
        app: WSGIApplication,
        credentials: Credentials,
        skew_tolerance_s: float = SKEW_TOLERANCE_S,
        restore_s: float = restores.RESTORE_S,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.app = app
        self.credentials = credentials
        self.skew_tolerance_s = skew_tolerance_s
        self.now = now
        self.restores = restores.Restores(restore_s)
        self.locks = conditions.KeyLocks()
        self.tables_lock = threading.Lock()

    def __call__(self, request: IncomingRequest, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or raise the ``Refusal`` that its client is to see."""
        if request.service == "s3":
            return self._answer_s3(request, start_response)
        return self._answer_other(request, start_response)

    def _answer_other(self, request: IncomingRequest, start_response: StartResponse) -> Iterable[bytes]:
        claim = self._timely_claim(request)
        body = request.read_body()
        if claim is not None:
            signatures.refuse_wrong_signature(claim, request, hashlib.sha256(body).hexdigest(), self.credentials)
        elif request.method != "OPTIONS" and not _is_unsigned_sts(body):
            raise Refusal("AccessDenied", "Request is missing Authentication Token")
        if request.header("x-amz-target") == events.PUT_EVENTS:
            return events.put(self.app, request, body, start_response)
        request.hand_on(body)
        if request.service == "dynamodb":  # moto checks a condition and writes in two steps; the lock makes them one
            with self.tables_lock:
                return self.app(request.environ, start_response)
        return self.app(request.environ, start_response)

    def _timely_claim(self, request: IncomingRequest) -> Claim | None:
        claim = signatures.claim_of(request)
        if claim is not None:
            signatures.refuse_wrong_time(claim, self.now(), self.skew_tolerance_s)
        return claim

    def _answer_s3(self, request: IncomingRequest, start_response: StartResponse) -> Iterable[bytes]:
        claim = self._timely_claim(request)
        payload_hash = _declared_payload_hash(request, claim)
        key = signatures.refuse_wrong_signature(claim, request, payload_hash, self.credentials) if claim else None
        account_id = get_account_id_from(claim.access_key if claim else "")
        address = address_of(request.header("host") or "", request.raw_path)
        refuse_strangers(address.bucket, account_id)
        _unwrap_query(request, claim)
        body = self._checked_body(request, claim, payload_hash, key)
        _unwrap_address(request, address)
        if claim is not None:
            request.environ["HTTP_AUTHORIZATION"] = claim.authorization
        form = None
        if request.is_form_upload and not address.key:
            form = forms.parse(body, request.headers["content-type"])
            if claim is None:
                forms.refuse_against_policy(form, address.bucket, self.credentials, self.now())
            _refuse_wrong_digests(form.fields, form.file)
            address = Address(address.bucket, form.key, address.raw_path)
        elif claim is None and request.method != "OPTIONS":
            _refuse_anonymous(request.method, account_id, address)
        restores.refuse_archived_source(request.headers, account_id)
        request.hand_on(body)
        if request.method == "PUT" and "uploadId" in request.query:  # parts of one object may come side by side
            conditions.open_upload(account_id, address, request.query["uploadId"])
            return self.app(request.environ, start_response)
        if request.method == "HEAD" and request.header("x-amz-checksum-mode") and address.key:
            stored = restores.object_at(account_id, address, request.query.get("versionId"))
            start_response = told_checksums.telling_all(start_response, stored) if stored else start_response
        if listings.is_to_be_encoded(request):
            return listings.encode_versions(self.app, request, start_response)
        if request.method not in WRITES or not address.key:
            return self.app(request.environ, start_response)
        with self.locks.hold(address.bucket, address.key):
            if request.method == "POST" and "restore" in request.query:
                version = request.query.get("versionId")
                return self.restores.answer(body, account_id, address, version, start_response)
            self._refuse_write(request, body, account_id, address)
            if form is not None:
                return _post_object(self.app, request, start_response, form, account_id, address)
            return self.app(request.environ, start_response)

    def _checked_body(
        self, request: IncomingRequest, claim: Claim | None, payload_hash: str, key: bytes | None
    ) -> bytes:
        if payload_hash in chunked.STREAMING:
            body = self._decoded_body(request, claim, payload_hash, key)
        else:
            if request.method == "PUT" and "content-length" not in request.headers and not _arrives_chunked(request):
                raise Refusal("MissingContentLength", "You must provide the Content-Length HTTP header.")
            body = request.read_body()
            if signatures.HEX_SHA256.fullmatch(payload_hash):
                actual = hashlib.sha256(body).hexdigest()
                if actual != payload_hash:
                    raise Refusal(
                        "XAmzContentSHA256Mismatch",
                        "The provided 'x-amz-content-sha256' header does not match what was computed.",
                        ClientComputedContentSHA256=payload_hash,
                        S3ComputedContentSHA256=actual,
                    )
        if not ("uploadId" in request.query and request.method == "POST"):  # there it is the checksum of the object
            _refuse_wrong_digests(request.headers, body)
            _name_algorithm(request)
        return body

    @staticmethod
    def _decoded_body(request: IncomingRequest, claim: Claim | None, payload_hash: str, key: bytes | None) -> bytes:
        length = request.header("x-amz-decoded-content-length")
        if length is None or not length.isdigit():
            raise Refusal("MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.")
        signer = None
        if payload_hash != chunked.UNSIGNED_TRAILER:
            if claim is None or key is None:
                raise Refusal("AccessDenied", "Signed chunks need a signed request.")
            signer = chunked.ChunkSigner(key, claim, claim.signature)
        try:
            body, trailer = chunked.decode(request.body_stream(), int(length), signer)
        except OSError as error:  # the HTTP chunks around it are broken
            raise Refusal("IncompleteBody", "The request body terminated unexpectedly") from error
        announced = {
            name.strip().lower() for name in (request.header("x-amz-trailer") or "").split(",") if name.strip()
        }
        signed = trailer.pop("x-amz-trailer-signature", None)
        if set(trailer) != announced or (payload_hash == chunked.SIGNED_TRAILER and signed is None):
            raise Refusal(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not "
                "conform to our published schema.",
            )
        for name, value in trailer.items():
            _set_header(request, name, value)
        for name in ("x-amz-trailer", "x-amz-decoded-content-length"):
            _drop_header(request, name)
        _set_header(request, "x-amz-content-sha256", signatures.UNSIGNED)
        encodings = [part.strip() for part in (request.header("content-encoding") or "").split(",")]
        kept = ",".join(part for part in encodings if part and part != "aws-chunked")
        _drop_header(request, "content-encoding")
        if kept:
            _set_header(request, "content-encoding", kept)
        return body

    @staticmethod
    def _refuse_write(request: IncomingRequest, body: bytes, account_id: str, address: Address) -> None:
        completes = request.method == "POST" and "uploadId" in request.query
        whole = request.method in ("PUT", "DELETE") and not _subresource(request)
        if completes or whole or request.is_form_upload:
            stored = conditions.stored_object(account_id, address)
            conditions.refuse_precondition(request.headers, stored)
            if completes and not conditions.is_completed(stored, request.query["uploadId"]):
                upload = conditions.open_upload(account_id, address, request.query["uploadId"])
                conditions.refuse_completion(body, request.headers, upload)
            for name in ("if-match", "if-none-match"):  # answered here; moto would ask again, and less
                _drop_header(request, name)


def _is_unsigned_sts(body: bytes) -> bool:
    if len(body) > 1024 * 1024:
        return False
    return dict(parse_qsl(body.decode("latin-1"))).get("Action") in UNSIGNED_STS


def _subresource(request: IncomingRequest) -> bool:
    return any(name in request.query for name in ("acl", "tagging", "retention", "legal-hold", "uploadId"))


def _arrives_chunked(request: IncomingRequest) -> bool:
    return bool(request.environ.get("wsgi.input_terminated"))


def _declared_payload_hash(request: IncomingRequest, claim: Claim | None) -> str:
    declared = request.header("x-amz-content-sha256")
    if claim is not None and claim.expires_s is not None and "x-amz-content-sha256" not in claim.signed_headers:
        declared = request.query.get("X-Amz-Content-Sha256")  # a presigned URL covers the body only if it says so
    if declared is None:
        if claim is not None and claim.expires_s is None:
            raise Refusal("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        return signatures.UNSIGNED
    if declared == signatures.UNSIGNED or declared in chunked.STREAMING or signatures.HEX_SHA256.fullmatch(declared):
        return declared
    raise Refusal(
        "InvalidArgument",
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
        f"{', '.join(sorted(chunked.STREAMING))}, or a valid sha256 value.",
        ArgumentName="x-amz-content-sha256",
        ArgumentValue=declared,
    )


def _refuse_wrong_digests(values: dict[str, str], body: bytes | memoryview) -> None:
    checksums.refuse_wrong_md5(values.get("content-md5"), body)
    declared = checksums.declared(values)
    if declared is not None:
        checksums.refuse_wrong_checksum(*declared, [body])


def _name_algorithm(request: IncomingRequest) -> None:
    """Let moto keep the checksum; it does so only if the SDK's own header names the algorithm."""
    declared = checksums.declared(request.headers)
    if declared is not None:
        _set_header(request, "x-amz-sdk-checksum-algorithm", declared[0].name.upper())


def _refuse_anonymous(method: str, account_id: str, address: Address) -> None:
    """Refuse an unsigned request unless the bucket's policy or an ACL opens it to everybody."""
    try:
        bucket = s3_backends[account_id]["aws"].get_bucket(address.bucket)
    except ServiceException:
        bucket = None
    if bucket is not None:
        action = ANONYMOUS_ACTIONS.get(method, "") if address.key else "s3:ListBucket"
        resource = f"arn:aws:s3:::{address.bucket}" + (f"/{address.key}" if address.key else "")
        if action and bucket.get_permission(action, resource) == PermissionResult.PERMITTED:
            return
        stored = conditions.stored_object(account_id, address) if address.key else bucket
        if method in ("GET", "HEAD") and stored is not None and stored.acl is not None and stored.acl.public_read:
            return
    raise Refusal("AccessDenied", "Access Denied")


def _unwrap_query(request: IncomingRequest, claim: Claim | None) -> None:
    """Turn a verified presigned request into a signed one: headers out of the query, the signature away."""
    if claim is None or claim.expires_s is None:
        return
    kept = []
    for name, value in parse_qsl(request.raw_query, keep_blank_values=True):
        if SIGNATURE_PARAMETERS.fullmatch(name) or name.lower().startswith(IGNORED_IN_QUERY):
            continue
        if name.lower().startswith("x-amz-"):
            if request.header(name) is None:
                _set_header(request, name, value)
        else:
            kept.append((name, value))
    request.environ["QUERY_STRING"] = urlencode(kept, quote_via=quote)


def _unwrap_address(request: IncomingRequest, address: Address) -> None:
    query = request.environ.get("QUERY_STRING", "")
    target = address.raw_path + (f"?{query}" if query else "")
    request.environ["RAW_URI"] = request.environ["REQUEST_URI"] = target
    request.environ["PATH_INFO"] = unquote(address.raw_path, "latin-1")
    request.environ["HTTP_HOST"] = "localhost"  # for which moto reads the bucket from the path


def _set_header(request: IncomingRequest, name: str, value: str) -> None:
    request.headers[name.lower()] = value
    request.environ[_environ_name(name)] = value


def _drop_header(request: IncomingRequest, name: str) -> None:
    request.headers.pop(name, None)
    request.environ.pop(_environ_name(name), None)


def _environ_name(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def _post_object(
    app: WSGIApplication,
    request: IncomingRequest,
    start_response: StartResponse,
    form: forms.Form,
    account_id: str,
    address: Address,
) -> Iterable[bytes]:
    """Let moto store a form's file, and answer with what S3 adds: ETag, Location and the document of status 201."""
    status, headers, body = answer_of(app, request)
    stored = conditions.stored_object(account_id, address)
    if not status.startswith("2") or stored is None:
        start_response(status, headers)
        return [body]
    location = f"http://{address.bucket}.s3.amazonaws.com/{quote(address.key)}"
    headers = [(name, value) for name, value in headers if name.lower() not in ("content-length", "content-type")]
    headers += [("ETag", stored.etag), ("Location", location)]
    if form.fields.get("success_action_status") == "201":
        named = {"Location": location, "Bucket": address.bucket, "Key": address.key, "ETag": stored.etag}
        elements = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in named.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{elements}</PostResponse>'.encode()
        headers.append(("Content-Type", "application/xml"))
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]
