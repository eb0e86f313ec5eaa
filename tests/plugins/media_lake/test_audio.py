"""The audio operator on the local AWS, with tones of a second as media."""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
import uuid
import wave
from types import SimpleNamespace

import pytest

from include.audio import analyse
from include.catalog.keys import RunFolder, failure_key, raw_filename
from include.settings import SETTINGS
from media_lake.analysis import MOST_ATTEMPTS
from media_lake.operators.audio import AudioAnalyseAssetsOperator

FOLDER = RunFolder("audio", "internet-archive", "jazz", "20260301_063000")


def tone(pitch_hz: float = 440.0, rate_hz: int = 8000) -> bytes:
    """A second of a sine as a WAV file."""
    samples = (int(12_000 * math.sin(2 * math.pi * pitch_hz * n / rate_hz)) for n in range(rate_hz))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


@pytest.fixture
def landed(catalogue, lake):
    """Lands bytes as an asset and returns its id."""

    def landed(media: bytes) -> str:
        asset_id = uuid.uuid4().hex[:24]
        raw_key = FOLDER.raw(raw_filename("tone.wav", asset_id))
        lake.conn.put_object(Bucket=SETTINGS.raw_bucket, Key=raw_key, Body=media)
        attributes = {
            "source": FOLDER.source,
            "source_id": f"{asset_id}/tone.wav",
            "title": "A tone",
            "original_name": "tone.wav",
            "attribution_required": False,
            "attribution_text": "",
            "campaign": FOLDER.campaign,
            "run": FOLDER.run,
        }
        catalogue.claim(asset_id, claimed_by="curate_audio/test", attributes=attributes)
        place = {"raw_bucket": SETTINGS.raw_bucket, "raw_key": raw_key}
        catalogue.mark(asset_id, "landed", **place, sha256=hashlib.sha256(media).hexdigest())
        return asset_id

    return landed


@pytest.fixture
def hear():
    """Executes the operator over assets, as a try of a task that was cleared ``clears`` times."""

    def hear(*asset_ids: str, clears: int = 0) -> list[str]:
        operator = AudioAnalyseAssetsOperator(task_id="analyse_audio", asset_ids=list(asset_ids))
        return operator.execute({"ti": SimpleNamespace(max_tries=4 + 5 * clears)})

    return hear


@pytest.fixture
def reason(catalogue, lake):
    """Reads why an asset failed, which the catalogue and the lake must tell alike; ``None`` when it did not."""

    def reason(asset_id: str) -> str | None:
        item = catalogue.read(asset_id)
        record = lake.read_text(SETTINGS.processed_bucket, failure_key(item["raw_key"]))
        told = [failure and failure["error"] for failure in (item.get("failure"), record and json.loads(record))]
        assert told[0] == told[1]
        return told[0]

    return reason


class Killed(BaseException):
    """The end of the process, as far as a test can have it."""


@pytest.fixture
def deadly(monkeypatch):
    """Makes the analysis of an asset end the process, until told to stop."""
    analyse_audio, ids = analyse.analyse_audio, set()

    def analyse_or_die(path, *, asset_id, **kwargs):
        if asset_id in ids:
            raise Killed
        return analyse_audio(path, asset_id=asset_id, **kwargs)

    monkeypatch.setattr(analyse, "analyse_audio", analyse_or_die)
    return ids


def test_bad_files_are_recorded_and_their_neighbours_go_on(landed, hear, reason, catalogue, lake):
    gone, changed, noise, good = landed(tone()), landed(tone()), landed(b"no audio" * 100), landed(tone(220.0))
    lake.delete(SETTINGS.raw_bucket, catalogue.read(gone)["raw_key"])
    lake.conn.put_object(Bucket=SETTINGS.raw_bucket, Key=catalogue.read(changed)["raw_key"], Body=tone(330.0))
    assert hear(gone, changed, noise, good) == [good]
    assert [reason(asset_id) for asset_id in (gone, changed, noise)] == ["ObjectMissing", "ContentChanged", "NotAudio"]
    item = catalogue.read(good)
    assert item["state"] == "analysed"
    assert json.loads(lake.read_text(SETTINGS.processed_bucket, item["features_key"]))["duration_s"] == 1.0


def test_what_is_mended_forgets_its_failure(landed, hear, reason, catalogue, lake):
    asset_id = landed(tone())
    raw_key = catalogue.read(asset_id)["raw_key"]
    lake.delete(SETTINGS.raw_bucket, raw_key)
    assert hear(asset_id) == []
    lake.conn.put_object(Bucket=SETTINGS.raw_bucket, Key=raw_key, Body=tone())
    assert hear(asset_id) == [asset_id]
    assert reason(asset_id) is None


def test_a_file_that_takes_the_process_down_is_given_up_so_that_its_neighbours_go_on(landed, hear, reason, deadly):
    bad, good = landed(tone()), landed(tone(220.0))
    deadly.add(bad)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Killed):
            hear(bad, good)
    assert hear(bad, good) == [good]
    assert reason(bad) == "AnalyserDied"
    assert hear(bad, good) == [good]


def test_a_file_that_was_given_up_is_tried_anew_when_a_person_clears_the_task(landed, hear, reason, deadly):
    asset_id = landed(tone())
    deadly.add(asset_id)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Killed):
            hear(asset_id)
    assert hear(asset_id) == []
    deadly.clear()
    assert hear(asset_id, clears=1) == [asset_id]
    assert reason(asset_id) is None


def test_a_passing_fault_is_never_taken_for_a_death(landed, hear, reason, monkeypatch):
    asset_id, bad = landed(tone()), landed(b"no audio" * 100)
    with monkeypatch.context() as patch:
        patch.setattr(
            "media_lake.hooks.s3.LakeHook.write_text", lambda *_: (_ for _ in ()).throw(OSError("S3 is away"))
        )
        for _ in range(MOST_ATTEMPTS + 1):
            for each in (asset_id, bad):
                with pytest.raises(OSError, match="S3 is away"):
                    hear(each)
    assert hear(asset_id, bad) == [asset_id]
    assert [reason(asset_id), reason(bad)] == [None, "NotAudio"]
