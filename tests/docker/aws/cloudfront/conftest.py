"""Distributions of the tests' own, and a signer that shares nothing with the edge but CloudFront's documentation."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from aws_emulator.services.cloudfront.key_pairs import make_ecdsa_key, make_rsa_key, public_pem

SIGNED_BY = {"SHA1": hashes.SHA1(), "SHA256": hashes.SHA256()}


def in_seconds(seconds: float, at: float | None = None) -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC) if at is None else datetime.datetime.fromtimestamp(at, datetime.UTC)
    return now + datetime.timedelta(seconds=seconds)


@dataclass(frozen=True)
class Signer:
    """A key pair that CloudFront knows as ``key_id``."""

    key_id: str
    key: Any

    def signature(self, message: bytes, algorithm: str = "SHA256") -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), SIGNED_BY[algorithm])
        return self.key.sign(message, ec.ECDSA(SIGNED_BY[algorithm]))

    def sign(
        self, url: str, expires_s: float = 60, algorithm: str = "SHA256", at: float | None = None, **custom: Any
    ) -> str:
        """A signed URL; ``resource``, ``starts_s`` or ``ip_address`` make its policy a custom one."""
        signer = CloudFrontSigner(self.key_id, lambda message: self.signature(message, algorithm))
        if custom:
            starts = in_seconds(custom["starts_s"]) if "starts_s" in custom else None
            policy = signer.build_policy(
                custom.get("resource", url), in_seconds(expires_s), starts, custom.get("ip_address")
            )
            return self.by_policy(url, policy)
        signed = signer.generate_presigned_url(url, date_less_than=in_seconds(expires_s, at))
        return signed if algorithm == "SHA1" else f"{signed}&Hash-Algorithm={algorithm}"

    def by_policy(self, url: str, policy: str) -> str:
        signed = CloudFrontSigner(self.key_id, self.signature).generate_presigned_url(url, policy=policy)
        return f"{signed}&Hash-Algorithm=SHA256"


@dataclass
class Edge:
    """A distribution before a bucket, and the signers that its key group trusts."""

    aws: Any
    name: str
    bucket: str
    group: str
    cloudfront: Any
    s3: Any
    signers: list[Signer] = field(default_factory=list)

    def url(self, raw_key: str) -> str:
        return f"{self.aws.url}/_cloudfront/{self.name}/{raw_key}"

    def signed(self, raw_key: str, signer: int = 0, **policy: Any) -> str:
        return self.signers[signer].sign(self.url(raw_key), **policy)

    def get(self, url: str, method: str = "GET", **headers: str) -> Any:
        return self.aws.send(method, url, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def put(self, key: str, body: bytes = b"0123456789", **options: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options)

    def trust(self, *signers: Signer) -> None:
        """Make these the keys of the group, and no others."""
        etag = self.cloudfront.get_key_group(Id=self.group)["ETag"]
        config = {"Name": self.name, "Items": [signer.key_id for signer in signers]}
        self.cloudfront.update_key_group(Id=self.group, IfMatch=etag, KeyGroupConfig=config)
        self.signers[:] = signers


@pytest.fixture(scope="session")
def signer_of() -> type[Signer]:
    return Signer


@pytest.fixture(scope="session")
def cloudfront(aws) -> Any:
    return aws.client("cloudfront")


@pytest.fixture(scope="session")
def new_signer(cloudfront) -> Callable[..., Signer]:
    """Make a key pair and tell CloudFront its public half: ``new_signer()``, of ECDSA unless a key is given."""

    def make(key: Any = None) -> Signer:
        key, name = key or make_ecdsa_key(), uuid.uuid4().hex
        config = {"CallerReference": name, "Name": name, "EncodedKey": public_pem(key)}
        return Signer(cloudfront.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"], key)

    return make


@pytest.fixture(scope="session")
def new_edge(aws, cloudfront, s3, new_signer) -> Callable[[], Edge]:
    """Make a distribution that trusts two keys, the first of RSA and the second of ECDSA, and a video behind it."""
    rsa_key = make_rsa_key()

    def make() -> Edge:
        name = f"test-{uuid.uuid4().hex[:12]}"
        s3.create_bucket(Bucket=name)
        signers = [new_signer(rsa_key), new_signer()]
        members = {"Name": name, "Items": [signer.key_id for signer in signers]}
        group = cloudfront.create_key_group(KeyGroupConfig=members)["KeyGroup"]["Id"]
        cloudfront.create_distribution(DistributionConfig=distribution_config(name, group))
        edge = Edge(aws, name, name, group, cloudfront, s3, signers)
        edge.put("video/web.mp4", ContentType="video/mp4", Metadata={"device": "cam-1"})
        return edge

    return make


@pytest.fixture(scope="session")
def edge(new_edge) -> Edge:
    """One that the tests share: its keys and its video stay as they are."""
    return new_edge()


def distribution_config(name: str, group: str) -> dict[str, Any]:
    origin = {
        "Id": "bucket",
        "DomainName": f"{name}.s3.us-east-1.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    return {
        "CallerReference": name,
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "bucket",
            "ViewerProtocolPolicy": "allow-all",
            "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": [group]},
        },
    }
