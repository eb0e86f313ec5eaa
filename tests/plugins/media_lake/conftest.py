"""Clients of the lake, made once: to make them costs more than what most tests do with them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def lake_clients(local_aws) -> SimpleNamespace:
    from media_lake.hooks.dynamodb import AssetCatalogueHook
    from media_lake.hooks.s3 import LakeHook

    return SimpleNamespace(s3=LakeHook().conn, dynamodb=AssetCatalogueHook().conn)


@pytest.fixture
def shared_clients(lake_clients, monkeypatch) -> None:
    """Let every hook of the lake use them."""
    from media_lake.hooks.dynamodb import AssetCatalogueHook
    from media_lake.hooks.s3 import LakeHook

    monkeypatch.setattr(LakeHook, "conn", lake_clients.s3)
    monkeypatch.setattr(AssetCatalogueHook, "conn", lake_clients.dynamodb)
