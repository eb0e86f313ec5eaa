"""What jobs share: made once, thrown out when it was not used for long."""

from __future__ import annotations

import os
import threading
import time

import pytest

from aws_emulator.jobs.cache import CLOCK_SLACK_S, prune, shared


def test_what_is_shared_is_made_once(tmp_path):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "frames").write_text("x")

    assert shared(tmp_path / "cache", "clip@etag", make) == shared(tmp_path / "cache", "clip@etag", make)
    assert (shared(tmp_path / "cache", "clip@etag", make) / "frames").read_text() == "x"
    assert len(made) == 1
    shared(tmp_path / "cache", "clip@another", make)
    assert len(made) == 2


def test_who_comes_while_it_is_made_waits_for_it(tmp_path):
    begun, found = threading.Event(), []

    def make(folder):
        begun.set()
        time.sleep(0.2)
        (folder / "frames").write_text("whole")

    def refuse(folder):
        raise AssertionError("made twice")

    first = threading.Thread(target=shared, args=(tmp_path, "clip", make))
    first.start()
    begun.wait(10)
    found.append((shared(tmp_path, "clip", refuse) / "frames").read_text())
    first.join()
    assert found == ["whole"]


def test_what_could_not_be_made_leaves_nothing(tmp_path):
    def make(folder):
        (folder / "half").write_text("x")
        raise ValueError("broken media")

    with pytest.raises(ValueError, match="broken media"):
        shared(tmp_path, "clip", make)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    assert shared(tmp_path, "clip", lambda folder: None).is_dir()


def fill(folder, size):
    (folder / "data").write_bytes(b"x" * size)


def test_what_was_used_longest_ago_is_thrown_out_first(tmp_path):
    entries = {}
    for age_s, key in ((300, "old"), (200, "middle"), (100, "new")):
        entries[key] = shared(tmp_path, key, lambda folder: fill(folder, 1000))
        os.utime(entries[key], (time.time() - age_s,) * 2)
    prune(tmp_path, 2500, in_use_since=time.time())
    assert [key for key, entry in entries.items() if entry.exists()] == ["middle", "new"]


def test_what_a_running_job_may_use_stays(tmp_path):
    started_at = time.time() - 1
    entry = shared(tmp_path, "clip", lambda folder: fill(folder, 1000))
    prune(tmp_path, 0, in_use_since=started_at)
    assert entry.exists()
    prune(tmp_path, 0, in_use_since=time.time() + 2 * CLOCK_SLACK_S)
    assert not entry.exists()


def test_what_a_killed_job_left_half_made_is_removed(tmp_path):
    half = tmp_path / ".new-abc"
    half.mkdir()
    fill(half, 10)
    os.utime(half, (1, 1))
    prune(tmp_path, 10**9, in_use_since=time.time())
    assert not half.exists()
