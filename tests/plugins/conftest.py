"""The lake that the plugins' tests write to: tables and buckets of the seeded local AWS."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture
def catalogue(local_aws):
    from media_lake.hooks.dynamodb import AssetCatalogueHook

    return AssetCatalogueHook()


@pytest.fixture
def lake(local_aws):
    from media_lake.hooks.s3 import LakeHook

    return LakeHook()


@pytest.fixture
def asset_id() -> str:
    """An asset that no other test uses."""
    return uuid.uuid4().hex[:24]
