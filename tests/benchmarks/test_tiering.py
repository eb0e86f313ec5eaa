from __future__ import annotations

import gzip

import pytest

from benchmarks.tiering import WAYS, run_way, write_inventory

KEYS = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inventory")
    write_inventory(folder, KEYS)
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_every_way_sees_every_key_and_only_the_plan_moves_something(folder, way):
    figures = run_way(way, folder, KEYS)
    assert figures["keys_per_s"] > 0
    assert (figures["moves"] > KEYS / 4) == (way == "plan")


def test_the_same_inventory_comes_each_time(folder, tmp_path):
    write_inventory(tmp_path, KEYS)
    (one,), (other,) = (sorted(place.glob("*.csv.gz")) for place in (folder, tmp_path))
    assert gzip.decompress(one.read_bytes()) == gzip.decompress(other.read_bytes())
