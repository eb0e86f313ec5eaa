"""CloudFront's state as moto keeps it, with the rules that moto leaves out for public keys and key groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.cloudfront.exceptions import InvalidIfMatchVersion
from moto.cloudfront.models import CloudFrontBackend as MotoCloudFrontBackend
from moto.cloudfront.models import random_id
from moto.core.base_backend import BackendDict
from moto.utilities.utils import PARTITION_NAMES

from aws_emulator.services.cloudfront.exceptions import (
    InvalidArgument,
    NoSuchPublicKey,
    NoSuchResource,
    PreconditionFailed,
    PublicKeyInUse,
    ResourceInUse,
    TooManyPublicKeysInKeyGroup,
)
from aws_emulator.services.cloudfront.signed_urls import PublicKey, read_public_key

if TYPE_CHECKING:
    from moto.cloudfront.models import Distribution, KeyGroup
    from moto.cloudfront.models import PublicKey as StoredKey

MOST_KEYS_IN_GROUP = 5  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html


class CloudFrontBackend(MotoCloudFrontBackend):
    """moto's state; a key is usable, a group holds keys that exist, and nothing in use is deleted."""

    def create_public_key(self, caller_ref: str, name: str, encoded_key: str) -> StoredKey:
        try:
            read_public_key(encoded_key)
        except ValueError as error:
            raise InvalidArgument(str(error)) from error
        return super().create_public_key(caller_ref, name, encoded_key)

    def get_public_key(self, key_id: str) -> StoredKey:
        if key_id not in self.public_keys:
            raise NoSuchPublicKey
        return super().get_public_key(key_id)

    def delete_public_key(self, key_id: str) -> None:
        self.get_public_key(key_id)
        if any(key_id in group.items for group in self.key_groups.values()):
            raise PublicKeyInUse
        super().delete_public_key(key_id)

    def create_key_group(self, name: str, items: list[str]) -> KeyGroup:
        self._refuse_keys(items)
        return super().create_key_group(name, items)

    def get_key_group(self, group_id: str) -> KeyGroup:
        if group_id not in self.key_groups:
            raise NoSuchResource
        return super().get_key_group(group_id)

    def update_key_group(self, group_id: str, name: str, items: list[str], if_match: str | None) -> KeyGroup:
        """Replace a group's name and keys; ``if_match`` must be its current ETag."""
        group = self.get_key_group(group_id)
        _refuse_version(group.etag, if_match)
        self._refuse_keys(items)
        group.name, group.items, group.etag = name, items, random_id(length=14)
        return group

    def delete_key_group(self, group_id: str, if_match: str | None) -> None:
        _refuse_version(self.get_key_group(group_id).etag, if_match)
        if any(group_id in trusted_groups(distribution) for distribution in self.distributions.values()):
            raise ResourceInUse
        del self.key_groups[group_id]

    def trusted_keys(self, distribution: Distribution) -> dict[str, PublicKey]:
        """The public keys that a distribution trusts, by their ids."""
        groups = [self.key_groups[name] for name in trusted_groups(distribution) if name in self.key_groups]
        ids = {key_id for group in groups for key_id in group.items}
        return {key_id: read_public_key(self.public_keys[key_id].encoded_key) for key_id in sorted(ids)}

    def _refuse_keys(self, items: list[str]) -> None:
        if not items or any(key_id not in self.public_keys for key_id in items):
            raise InvalidArgument("A key group needs the ids of public keys that exist.")
        if len(items) > MOST_KEYS_IN_GROUP:
            raise TooManyPublicKeysInKeyGroup


def trusted_groups(distribution: Distribution) -> list[str]:
    """The ids of the key groups whose signatures a distribution's default behaviour demands; empty: it is public."""
    return distribution.distribution_config.DefaultCacheBehavior.trusted_key_groups.items or []  # type: ignore[attr-defined]


def _refuse_version(current: str, if_match: str | None) -> None:
    if not if_match:
        raise InvalidIfMatchVersion
    if if_match != current:
        raise PreconditionFailed


cloudfront_backends = BackendDict(
    CloudFrontBackend, "cloudfront", use_boto3_regions=False, additional_regions=PARTITION_NAMES
)
