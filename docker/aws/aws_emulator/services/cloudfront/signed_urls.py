"""Whether a URL was signed by a trusted key for this viewer and this moment: what CloudFront documents, and no more.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from aws_emulator.refusals import Refusal

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

SIGNING_PARAMETERS = ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA1": hashes.SHA1(),  # noqa: S303  what a URL without Hash-Algorithm is signed with
    "SHA256": hashes.SHA256(),
}
FROM_URL_SAFE = str.maketrans("-_~", "+=/")
TO_URL_SAFE = str.maketrans("+=/", "-_~")


@dataclass(frozen=True, slots=True)
class Viewing:
    """A request as it reached the edge: URL without its query, and the query, both still encoded."""

    url: str
    query: str
    address: str
    epoch_s: float


def read_public_key(pem: str) -> PublicKey:
    """Read a public key that CloudFront takes: RSA of 2048 bits, or ECDSA on the curve P-256.

    :raises ValueError: when it is no such key.
    """
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as error:
        raise ValueError("The public key is not PEM-encoded (BEGIN PUBLIC KEY).") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        return key
    raise ValueError("The public key must be RSA of 2048 bits or ECDSA on the curve P-256.")


def refuse_unsigned(viewing: Viewing, keys: Mapping[str, PublicKey]) -> None:
    """Raise ``Refusal`` unless one of ``keys`` signed this URL and its policy lets this viewer in now."""
    signing, rest = split_query(viewing.query)
    url = viewing.url + rest
    key_id = signing.get("Key-Pair-Id", "")
    if not key_id:
        raise Refusal("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    if key_id not in keys:
        raise Refusal("InvalidKey", "Unknown Key")
    if ("Policy" in signing) == ("Expires" in signing) or signing.get("Hash-Algorithm", "SHA1") not in HASHES:
        raise denied()
    policy = decoded(signing["Policy"]) if "Policy" in signing else canned_policy(url, signing["Expires"])
    algorithm = HASHES[signing.get("Hash-Algorithm", "SHA1")]
    if not is_signed(policy, decoded(signing.get("Signature", "")), keys[key_id], algorithm):
        raise denied()
    refuse_by_policy(policy, url, viewing)


def split_query(query: str) -> tuple[dict[str, str], str]:
    """Take the signing parameters out of a query; the rest stays as it came.

    >>> split_query("size=2&Expires=1&Signature=a%7Eb_&Key-Pair-Id=K")
    ({'Expires': '1', 'Signature': 'a~b_', 'Key-Pair-Id': 'K'}, '?size=2')
    >>> split_query("Expires=1")
    ({'Expires': '1'}, '')
    """
    signing: dict[str, str] = {}
    rest = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name not in SIGNING_PARAMETERS:
            rest.append(part)
        elif name in signing:
            raise denied()
        else:
            signing[name] = unquote(value)
    return signing, f"?{'&'.join(rest)}" if rest else ""


def canned_policy(url: str, expires: str) -> bytes:
    """The policy that a canned signature covers.

    >>> canned_policy("https://d.cloudfront.net/a", "7")
    b'{"Statement":[{"Resource":"https://d.cloudfront.net/a","Condition":{"DateLessThan":{"AWS:EpochTime":7}}}]}'
    """
    if not (expires.isascii() and expires.isdecimal()):
        raise denied()
    condition = f'{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}'
    return f'{{"Statement":[{{"Resource":"{url}","Condition":{condition}}}]}}'.encode()


def decoded(text: str) -> bytes:
    """Decode CloudFront's base64, in which ``-_~`` stand for ``+=/``. Each value has exactly one spelling.

    >>> decoded("YWI_")
    b'ab'
    """
    try:
        raw = base64.b64decode(text.translate(FROM_URL_SAFE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise denied() from error
    if base64.b64encode(raw).decode().translate(TO_URL_SAFE) != text:
        raise denied()
    return raw


def is_signed(policy: bytes, signature: bytes, key: PublicKey, algorithm: hashes.HashAlgorithm) -> bool:
    """Whether ``signature`` is one of ``policy`` by the private half of ``key``."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, policy, padding.PKCS1v15(), algorithm)
        else:
            key.verify(signature, policy, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def refuse_by_policy(policy: bytes, url: str, viewing: Viewing) -> None:
    """Raise ``Refusal`` unless a signed policy allows this URL to this viewer now."""
    try:
        [statement] = json.loads(policy)["Statement"]
        resource = statement.get("Resource", "*")
        condition = statement["Condition"]
        ends = _epoch(condition["DateLessThan"])
        starts = _epoch(condition["DateGreaterThan"]) if "DateGreaterThan" in condition else 0
        network = ipaddress.IPv4Network(condition.get("IpAddress", {}).get("AWS:SourceIp", "0.0.0.0/0"))
        unknown = set(condition) - {"DateLessThan", "DateGreaterThan", "IpAddress"}
        if unknown or not isinstance(resource, str):
            raise ValueError("not a policy of CloudFront")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refusal("MalformedPolicy", "Malformed Policy") from error
    wanted = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in resource)
    if not re.fullmatch(wanted, url, re.DOTALL) or not starts <= viewing.epoch_s < ends:
        raise denied()
    if network.prefixlen and not _is_in(viewing.address, network):
        raise denied()


def denied() -> Refusal:
    """CloudFront says no more than this."""
    return Refusal("AccessDenied", "Access denied")


def _epoch(bound: Any) -> int:
    seconds = bound["AWS:EpochTime"]
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TypeError("not a number of seconds")
    return seconds


def _is_in(address: str, network: ipaddress.IPv4Network) -> bool:
    viewer = ipaddress.ip_address(address)
    if isinstance(viewer, ipaddress.IPv6Address):
        if viewer.ipv4_mapped is None:
            return False
        viewer = viewer.ipv4_mapped
    return viewer in network
