"""Signed URLs, verified by ``cryptography`` and CloudFront's documentation, not by what made them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from include.storage.signed_url import SigningKey, UnusableSigningKey, sign_url, url_from_key

URL = "https://d111111abcdef8.cloudfront.net/video/a%20b.mp4"
EXPIRES_AT = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
KEY_PAIR_ID = "K2JCJMDEHXQW5F"


def pem_of(key, encryption=None) -> str:
    encryption = encryption or serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@pytest.fixture(scope="module")
def private_keys():
    return {"rsa": rsa.generate_private_key(65537, 2048), "ecdsa": ec.generate_private_key(ec.SECP256R1())}


@pytest.fixture(scope="module", params=["rsa", "ecdsa"])
def private_key(request, private_keys):
    return private_keys[request.param]


@pytest.fixture(scope="module")
def signing_key(private_key) -> SigningKey:
    return SigningKey.from_json(json.dumps({"key_pair_id": KEY_PAIR_ID, "private_key": pem_of(private_key)}))


def read(url: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in urlsplit(url).query.split("&"))


def decoded(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "=").replace("~", "/"), validate=True)


def verify(private_key, signature: bytes, message: bytes) -> None:
    """Raise ``InvalidSignature`` unless the key signed the message by SHA-256."""
    if isinstance(private_key, rsa.RSAPrivateKey):
        private_key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    else:
        private_key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))


def test_a_link_is_signed_by_the_canned_policy(private_key, signing_key):
    signed = sign_url(URL, signing_key, expires_at=EXPIRES_AT)
    query = read(signed.url)
    assert signed.url.startswith(f"{URL}?Expires=1796113800&Signature=")
    assert (query["Key-Pair-Id"], query["Hash-Algorithm"]) == (KEY_PAIR_ID, "SHA256")
    policy = f'{{"Statement":[{{"Resource":"{URL}","Condition":{{"DateLessThan":{{"AWS:EpochTime":1796113800}}}}}}]}}'
    verify(private_key, decoded(query["Signature"]), policy.encode())
    assert set(query) == {"Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"}


def test_a_start_or_an_address_range_needs_a_custom_policy(private_key, signing_key):
    starts_at = EXPIRES_AT - timedelta(hours=1)
    signed = sign_url(URL, signing_key, expires_at=EXPIRES_AT, starts_at=starts_at, ip_range="203.0.113.0/24")
    query = read(signed.url)
    policy = decoded(query["Policy"])
    verify(private_key, decoded(query["Signature"]), policy)
    assert json.loads(policy)["Statement"] == [
        {
            "Resource": URL,
            "Condition": {
                "DateLessThan": {"AWS:EpochTime": 1796113800},
                "DateGreaterThan": {"AWS:EpochTime": 1796110200},
                "IpAddress": {"AWS:SourceIp": "203.0.113.0/24"},
            },
        }
    ]
    assert set(query) == {"Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"}


def test_one_address_is_a_range(signing_key):
    query = read(sign_url(URL, signing_key, expires_at=EXPIRES_AT, ip_range="203.0.113.9").url)
    condition = json.loads(decoded(query["Policy"]))["Statement"][0]["Condition"]
    assert condition["IpAddress"] == {"AWS:SourceIp": "203.0.113.9/32"}
    assert "DateGreaterThan" not in condition


def test_a_query_of_the_object_is_signed_with_it(private_key, signing_key):
    signed = sign_url(f"{URL}?size=large", signing_key, expires_at=EXPIRES_AT)
    assert signed.url.startswith(f"{URL}?size=large&Expires=")
    condition = '{"DateLessThan":{"AWS:EpochTime":1796113800}}'
    policy = f'{{"Statement":[{{"Resource":"{URL}?size=large","Condition":{condition}}}]}}'
    verify(private_key, decoded(read(signed.url)["Signature"]), policy.encode())


def test_the_moment_of_expiry_is_told_as_it_is_signed(signing_key):
    signed = sign_url(URL, signing_key, expires_at=EXPIRES_AT + timedelta(milliseconds=900))
    assert signed.expires_at == EXPIRES_AT
    assert read(signed.url)["Expires"] == str(int(EXPIRES_AT.timestamp()))


def test_neither_a_link_nor_a_key_shows_its_secret(signing_key):
    signed = sign_url(URL, signing_key, expires_at=EXPIRES_AT)
    for shown in (repr(signed), str(signed), f"{signed}", repr([signed]), f"{signing_key!r}"):
        assert read(signed.url)["Signature"] not in shown
        assert "Expires=" not in shown
    assert repr(signed) == f"SignedUrl({URL}?<hidden>, expires_at=2026-12-01T08:30:00+00:00)"
    assert repr(signing_key) == "SigningKey(K2JCJMDEHXQW5F)"


@given(st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable()))
def test_a_key_is_encoded_exactly_once(key):
    url = url_from_key("https://d1.cloudfront.net/", key)
    assert unquote(url.removeprefix("https://d1.cloudfront.net/"), errors="strict") == key
    assert set(url) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~%/:")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("video/a.mp4", "absolute"),
        ("s3://bucket/a.mp4", "absolute"),
        (f"{URL}#t=10", "fragment"),
        ("https://d1.cloudfront.net/a b.mp4", "percent-encoded"),
        ("https://d1.cloudfront.net/ü.mp4", "percent-encoded"),
        ('https://d1.cloudfront.net/"},{"Resource":"*', "percent-encoded"),
        ("https://d1.cloudfront.net/*", "percent-encoded"),
        (f"{URL}?Expires=1", "already"),
        (f"{URL}?size=1&Signature=", "already"),
    ],
)
def test_a_url_that_would_not_mean_what_it_says_is_not_signed(signing_key, url, reason):
    with pytest.raises(ValueError, match=reason):
        sign_url(url, signing_key, expires_at=EXPIRES_AT)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"expires_at": datetime(2026, 12, 1)}, "time zone"),
        ({"starts_at": EXPIRES_AT}, "cannot expire"),
        ({"ip_range": "2001:db8::/32"}, "IPv4"),
        ({"ip_range": "203.0.113.9/24"}, "IPv4"),
        ({"ip_range": "everybody"}, "IPv4"),
    ],
)
def test_a_link_that_nobody_could_use_is_not_signed(signing_key, policy, reason):
    with pytest.raises(ValueError, match=reason):
        sign_url(URL, signing_key, **{"expires_at": EXPIRES_AT, **policy})


def test_a_secret_that_is_no_signing_key_says_why_without_showing_it(private_keys):
    good = pem_of(private_keys["ecdsa"])
    public = private_keys["ecdsa"].public_key()
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    locked = pem_of(private_keys["ecdsa"], serialization.BestAvailableEncryption(b"passphrase"))
    for secret, reason in (
        ("hunter2", "JSON object"),
        ([], "JSON object"),
        ({"key_pair_id": KEY_PAIR_ID}, "JSON object"),
        ({"key_pair_id": "../K1", "private_key": good}, "key_pair_id"),
        ({"key_pair_id": 7, "private_key": good}, "key_pair_id"),
        ({"private_key": None}, "a text"),
        ({"private_key": "hunter2"}, "no PEM-encoded private key"),
        ({"private_key": good.replace("\n", "\\n")}, "line breaks"),
        ({"private_key": public.public_bytes(encoding, kind).decode()}, "no PEM-encoded private key"),
        ({"private_key": locked}, "without a passphrase"),
        ({"private_key": pem_of(rsa.generate_private_key(65537, 1024))}, "RSA of 2048 bits"),
        ({"private_key": pem_of(ec.generate_private_key(ec.SECP384R1()))}, "ECDSA on P-256"),
        ({"private_key": pem_of(ed25519.Ed25519PrivateKey.generate())}, "CloudFront takes no other"),
    ):
        secret_text = json.dumps({"key_pair_id": KEY_PAIR_ID, **secret} if "private_key" in secret else secret)
        with pytest.raises(UnusableSigningKey, match=reason) as error:
            SigningKey.from_json(secret_text)
        assert "hunter2" not in str(error.value)
        assert good.splitlines()[1] not in str(error.value)
        assert error.value.__cause__ is None
