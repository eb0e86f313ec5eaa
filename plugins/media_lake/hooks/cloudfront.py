"""Signed links to the processed bucket through CloudFront. They are secrets: in no log, XCom or record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.sdk.log import mask_secret

from include.settings import SETTINGS
from include.storage.signed_url import SignedUrl, SigningKey, UnusableSigningKey, sign_url, url_from_key

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient  # noqa: F401  (named in the base class)


class DeliveryNotConfigured(RuntimeError):
    """There is no distribution, or no key to sign with; the message says what to set up."""


class CloudFrontUrlHook(AwsGenericHook["SecretsManagerClient"]):
    """Sign URLs of the distribution before the processed bucket. The client is ``conn``, of Secrets Manager.

    The key is read once a hook, so the next alert signs with a new version of the secret. Links that the old key signed
    work until they expire, as long as its public half stays in the key group.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("aws_conn_id", SETTINGS.aws_conn_id)
        super().__init__(*args, **(kwargs | {"client_type": "secretsmanager"}))

    def sign(
        self,
        key: str,
        *,
        expires_in: timedelta,
        starts_at: datetime | None = None,
        ip_range: str | None = None,
    ) -> SignedUrl:
        """Return a link to the object at ``key`` of the processed bucket that works for ``expires_in`` from now.

        :raises DeliveryNotConfigured: when the distribution's URL or the signing secret is missing or unusable.
        :raises ValueError: when nobody could ever use such a link.
        """
        if not SETTINGS.delivery_url:
            raise DeliveryNotConfigured(
                f"set MEDIA_DELIVERY_URL to the URL of the CloudFront distribution before {SETTINGS.processed_bucket} "
                "(docs/delivery.md says how to make one)"
            )
        if expires_in <= timedelta(0):
            raise ValueError(f"a link must work for some time, not for {expires_in}")
        signed = sign_url(
            url_from_key(SETTINGS.delivery_url, key),
            self._signing_key,
            expires_at=datetime.now(UTC) + expires_in,
            starts_at=starts_at,
            ip_range=ip_range,
        )
        mask_secret(signed.url)
        mask_secret(parse_qs(urlsplit(signed.url).query)["Signature"][0])  # wherever the URL is escaped
        return signed

    @cached_property
    def _signing_key(self) -> SigningKey:
        name = SETTINGS.signing_secret
        try:
            secret = self.conn.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
        except (self.conn.exceptions.ResourceNotFoundException, KeyError):
            raise DeliveryNotConfigured(
                f"store the key that signs CloudFront URLs in the secret {name} of Secrets Manager, as JSON with "
                "key_pair_id and private_key (docs/delivery.md says how)"
            ) from None
        mask_secret(secret)
        try:
            key = SigningKey.from_json(secret)
        except UnusableSigningKey as error:
            raise DeliveryNotConfigured(f"the secret {name} of Secrets Manager cannot sign: {error}") from None
        mask_secret(json.loads(secret)["private_key"])  # its line breaks are spelled otherwise there
        return key
