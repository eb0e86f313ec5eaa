"""CloudFront signed URLs: who holds one may read that object until it expires, and nobody else.

The policy and its spelling are botocore's; the signature is made here, by SHA-256. CloudFront takes it since April 2026
for RSA and ECDSA keys alike, when the URL says so (``Hash-Algorithm=SHA256``); without that it would be SHA-1.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.signers import CloudFrontSigner
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

SIGNING_PARAMETERS = frozenset({"Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"})
RSA_BITS = 2048
CURVE = "secp256r1"  # P-256
_KEY_PAIR_ID = re.compile(r"[A-Z0-9]{4,64}")


class UnusableSigningKey(ValueError):
    """What should be a signing key is none that CloudFront takes; the message never shows it."""


@dataclass(frozen=True, slots=True, repr=False)
class SignedUrl:
    """A URL that works for whoever holds it, so its query is a secret: only ``.url`` shows it."""

    url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SignedUrl({self.url.partition('?')[0]}?<hidden>, expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key, and the id that CloudFront gave to its public half."""

    key_pair_id: str
    private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.key_pair_id})"

    @classmethod
    def from_json(cls, text: str) -> SigningKey:
        """Read ``{"key_pair_id": "K...", "private_key": "-----BEGIN ..."}``, what the signing secret holds.

        :raises UnusableSigningKey: when it is anything else.
        """
        try:
            secret = json.loads(text)
            key_pair_id, pem = secret["key_pair_id"], secret["private_key"]
        except (KeyError, TypeError, ValueError):
            raise UnusableSigningKey("must be a JSON object with key_pair_id and private_key") from None
        if not isinstance(key_pair_id, str) or not _KEY_PAIR_ID.fullmatch(key_pair_id):
            raise UnusableSigningKey("key_pair_id must be the id of a CloudFront public key, like K2JCJMDEHXQW5F")
        if not isinstance(pem, str):
            raise UnusableSigningKey("private_key must be a text")
        return cls(key_pair_id, private_key_from_pem(pem))

    def sign(self, message: bytes) -> bytes:
        """Return the signature of ``message`` by SHA-256: PKCS 1 v1.5 (RSA) or DER (ECDSA)."""
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            return self.private_key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.private_key.sign(message, ec.ECDSA(hashes.SHA256()))


def private_key_from_pem(pem: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """Read a private key of a kind that CloudFront takes: RSA of 2048 bits, or ECDSA on P-256.

    :raises UnusableSigningKey: for any other kind, a public key, or one that needs a passphrase.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise UnusableSigningKey("private_key is encrypted: store it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableSigningKey("private_key is no PEM-encoded private key, with its line breaks") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size == RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == CURVE:
        return key
    raise UnusableSigningKey(f"private_key must be RSA of {RSA_BITS} bits or ECDSA on P-256: CloudFront takes no other")


def url_from_key(base_url: str, key: str) -> str:
    """Return the URL of an object, its key percent-encoded exactly once; only ``/`` stays as it is.

    >>> url_from_key("https://d1.cloudfront.net", "video/a b+c/50%.mp4")
    'https://d1.cloudfront.net/video/a%20b%2Bc/50%25.mp4'
    """
    return f"{base_url.rstrip('/')}/{quote(key, safe='/')}"


def sign_url(
    url: str, key: SigningKey, *, expires_at: datetime, starts_at: datetime | None = None, ip_range: str | None = None
) -> SignedUrl:
    """Sign a URL that is encoded already, its own query included.

    By the canned policy, which is shorter; by a custom one when it shall work only from ``starts_at`` on, or only for
    viewers in ``ip_range`` (IPv4, ``203.0.113.0/24`` or one address). Both times need a zone; parts of seconds are cut.

    :raises ValueError: when the URL is none that can be signed, or nobody could ever use it.
    """
    _refuse_unsignable(url)
    ends_at = _whole_second(expires_at)
    signer = CloudFrontSigner(key.key_pair_id, key.sign)
    if starts_at is None and ip_range is None:
        signed = signer.generate_presigned_url(url, date_less_than=ends_at)
    else:
        opens_at = None if starts_at is None else _whole_second(starts_at)
        if opens_at is not None and opens_at >= ends_at:
            raise ValueError(f"a URL that starts at {opens_at.isoformat()} cannot expire at {ends_at.isoformat()}")
        network = None if ip_range is None else str(_network(ip_range))
        signed = signer.generate_presigned_url(url, policy=signer.build_policy(url, ends_at, opens_at, network))
    return SignedUrl(f"{signed}&Hash-Algorithm=SHA256", ends_at)


def _refuse_unsignable(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or "#" in url:
        raise ValueError("only an absolute http or https URL without a fragment can be signed")
    if not url.isascii() or re.search(r'[\x00-\x20"<>\\^`{|}\x7f*]', url):
        raise ValueError("the URL must be percent-encoded before it is signed: see url_from_key")
    if SIGNING_PARAMETERS & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        raise ValueError("the URL has a signing parameter of CloudFront already")


def _whole_second(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} needs a time zone")
    return moment.replace(microsecond=0)


def _network(ip_range: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(ip_range)
    except ValueError as error:
        raise ValueError(f"{ip_range!r} is no IPv4 range like 203.0.113.0/24; CloudFront takes no IPv6 here") from error
