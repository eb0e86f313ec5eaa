"""Key pairs of the two kinds with which CloudFront's URLs are signed, made when they are asked for and kept nowhere."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def make_rsa_key() -> PrivateKey:
    """A key of 2048 bits, the one length that CloudFront takes."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_ecdsa_key() -> PrivateKey:
    """A key on P-256, the one curve that CloudFront takes."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: PrivateKey) -> str:
    """The private half, unencrypted (PKCS 8)."""
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def public_pem(key: PrivateKey) -> str:
    """The public half, as CloudFront takes it."""
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()
