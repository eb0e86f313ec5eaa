"""Uploads by somebody who means harm: every one ends decided on or recorded with its reason, on the local AWS."""

from __future__ import annotations

import hashlib
import io
import struct
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.catalog.uploads import Upload, asset_id_of, iso_utc, known_version
from include.settings import SETTINGS
from media_lake import playback
from media_lake.memory import MOST_MEMORY_BYTES
from media_lake.operators.inspection import FootageInspectOperator, FootagePrepareOperator
from media_lake.operators.storing import FootageStoreOperator
from media_lake.operators.triage import FootageDecideOperator
from media_lake.operators.uploads import UploadClaims
from tests.plugins.media_lake.dash_cam import drive, upload
from tests.plugins.media_lake.films import Notes

pytestmark = pytest.mark.usefixtures("shared_clients")

LONGEST = "n" * (1024 - len("footage/.mp4") - 32)
KEYS = {
    "jinja": "cam/20260301/{{ 7*7 }}{% raw %}.mp4",
    "jndi": "${jndi:ldap://127.0.0.1:1/x}/20260301/${env:AWS_SECRET_ACCESS_KEY}.mp4",
    "parents": "../../../etc/passwd",
    "leading slash": "/cam/20260301//drive.mp4",
    "longest": LONGEST + "/drive.mp4",
    "emoji": "📹/20260301/💥🚗.mp4",
    "right to left": "cam/20260301/gpj.\u202e4pm.mp4",
    "control": "cam/20260301/\x01\x1b[31mdrive\x7f.mp4",
    "blanks": "cam /20260301 / drive.mp4  ",
    "encoded": "cam%2F..%2F/20260301/%00drive%2F.mp4+",
    "html": "<script>alert(1)</script>/20260301/<img src=x onerror=alert(1)>.mp4",
    "mentions": "<!channel>/20260301/<@U1|x> @here.mp4",
    "no extension": "cam/20260301/drive",
    "one level": "drive.mp4",
    "ten levels": "cam/20260301/" + "/".join("abcdefgh") + "/drive.mp4",
    "dots": "./../...",
    "formula": "=cmd|' /C calc'!A0/20260301/=1+1.mp4",
}


def run(operator) -> SimpleNamespace:
    notes = Notes()
    notes.max_tries = 4
    return SimpleNamespace(returned=operator.execute({"ti": notes}), pushed=notes.pushed)


def put(lake, key: str, content: bytes, metadata: dict[str, str] | None = None) -> Upload:
    """Put an upload, and return what a listing tells of it."""
    lake.conn.put_object(Bucket=SETTINGS.ingest_bucket, Key=key, Body=content, Metadata=metadata or {})
    head = lake.conn.head_object(Bucket=SETTINGS.ingest_bucket, Key=key)
    return Upload(
        bucket=SETTINGS.ingest_bucket,
        key=key,
        version_id=known_version(head.get("VersionId")),
        etag=head["ETag"].strip('"'),
        size_bytes=len(content),
        uploaded_at=iso_utc(head["LastModified"]),
    )


def claim(catalogue, *uploads: Upload) -> list[str]:
    """Take uploads as a run does; returns the ids of those that were taken."""
    claims = UploadClaims(catalogue, claimed_by=f"triage_footage/{uuid.uuid4().hex}", run="20260301_070000", limit=50)
    claims.take(uploads)
    return claims.asset_ids


def file_quiet(asset_id: str) -> dict:
    """Send an upload through the tasks that need no analysis."""
    run(FootageInspectOperator(task_id="inspect_upload", asset_id=asset_id))
    prepared = run(FootagePrepareOperator(task_id="prepare_upload", asset_id=asset_id)).pushed
    run(FootageDecideOperator(task_id="decide_quiet", asset_id=asset_id, group=None))
    run(FootageStoreOperator(task_id="store_quiet", asset_id=asset_id))
    return prepared


@pytest.mark.parametrize("name", KEYS.values(), ids=KEYS.keys())
def test_a_hostile_key_is_decided_on_like_any_other(catalogue, lake, name):
    key = f"footage/{name}"
    (asset_id,) = claim(catalogue, put(lake, key, drive(1.0, sound=False)))
    prepared = file_quiet(asset_id)
    item = catalogue.read(asset_id)
    assert (item["state"], item["decision"], item["key"], prepared["key"]) == ("analysed", "normal", key, key)
    assert item["title"].isprintable()


def test_who_takes_all_names_of_an_upload_keeps_nobody_else_from_being_claimed(catalogue, lake):
    folder = f"footage/cam-{uuid.uuid4().hex}/20260301"
    first, robbed = (put(lake, f"{folder}/drive.mp4", content) for content in (b"1", b"2"))
    digest = asset_id_of(robbed)
    thieves = [put(lake, f"{folder}/drive-{digits}.mp4", b"3") for digits in (digest[:8], digest)]
    last = put(lake, f"{folder}/other.mp4", b"4")
    claimed = claim(catalogue, *thieves, first, robbed, last)
    assert claimed == [asset_id_of(upload) for upload in (*thieves, first, last)]


def test_what_the_metadata_says_stops_nothing(catalogue, lake):
    content = drive(1.0, sound=False)
    sha256 = hashlib.sha256(content).hexdigest().upper()  # other than hexadecimal is none
    told = {
        "device": "=?UTF-8?B?Y2FtLcOp?=", "captured-at": "9999-12-31T23:59:59-14:00", "sha256": sha256,
        "rating": "=?UTF-8?Q?5?=", "note": "x" * 1800,
    }  # fmt: skip
    (asset_id,) = claim(catalogue, put(lake, f"footage/cam-{uuid.uuid4().hex}/00010101/drive.mp4", content, told))
    file_quiet(asset_id)
    item = catalogue.read(asset_id)
    assert item["decision"] == "normal"
    assert item["problems"] == [
        f"the metadata says device UTF-8-B-Y2FtLcOp, the key says {item['device']}",
        "captured-at in the metadata is no time",
    ]


# --- hostile bytes ---------------------------------------------------------------------------------------------------

PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "bare concat": "file {url}\n",
    "dash": "<?xml version='1.0'?><MPD><Period><AdaptationSet><BaseURL>{url}</BaseURL></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
    "pls": "[playlist]\nFile1={url}\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:01,000\n<img src={url}>\n",
    "html": "<html><meta http-equiv=refresh content='0;url={url}'></html>",
    "svg": "<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}'/></svg>",
}


@pytest.fixture
def elsewhere():
    """A server that nobody may ask, and who asked it."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


def refused(catalogue, lake, content: bytes, name: str = "drive.mp4") -> str:
    """Inspect an upload that cannot be good, and return the error that is recorded."""
    asset_id = upload(catalogue, lake, content, name=name)
    with pytest.raises(AirflowSkipException):
        run(FootageInspectOperator(task_id="inspect_upload", asset_id=asset_id))
    item = catalogue.read(asset_id)
    assert (item["state"], item["failure"]["retryable"]) == ("failed", False)
    return item["failure"]["error"]


@pytest.mark.parametrize("playlist", PLAYLISTS.values(), ids=PLAYLISTS.keys())
def test_what_names_other_files_is_no_media_and_nothing_else_is_opened(catalogue, lake, elsewhere, playlist):
    port, asked = elsewhere
    content = playlist.format(url=f"http://127.0.0.1:{port}/secret.ts", port=port).encode()
    assert refused(catalogue, lake, content) == "NotMedia"
    assert asked == []


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("drive.mp4", "drive")
    return file.getvalue()


def box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I", 8 + sum(map(len, content))) + kind + b"".join(content)


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def announced(
    *, samples: int = 100, side: int = 96, duration_s: int = 4, coding: bytes = b"avc1", elsewhere: bytes = b""
) -> bytes:
    """An MP4 of some hundred bytes that announces a film, and holds none (ISO 14496-12)."""
    matrix = numbers(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    place = box(b"url ", numbers(0), elsewhere + b"\0") if elsewhere else box(b"url ", numbers(1))
    entry = bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", side, side) + bytes(50)
    table = box(
        b"stbl",
        box(b"stsd", numbers(0, 1), box(coding, entry)),
        box(b"stts", numbers(0, 1, samples, 1)),
        box(b"stsc", numbers(0, 1, 1, samples, 1)),
        box(b"stsz", numbers(0, 1, samples)),
        box(b"stco", numbers(0, 1, 40)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", numbers(0, 0, 0, 1, duration_s, 0)),
        box(b"hdlr", numbers(0, 0), b"vide", bytes(13)),
        box(b"minf", box(b"vmhd", bytes(12)), box(b"dinf", box(b"dref", numbers(0, 1), place)), table),
    )
    size = struct.pack(">II", side << 16, side << 16)
    track = box(b"trak", box(b"tkhd", numbers(3, 0, 0, 1, 0, duration_s), bytes(16), matrix, size), media)
    header = box(b"mvhd", numbers(0, 0, 0, 1, duration_s, 0x10000, 0x1000000, 0, 0), matrix, bytes(24), numbers(2))
    return box(b"ftyp", b"isom", numbers(0), b"isom") + box(b"mdat", bytes(64)) + box(b"moov", header, track)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\0", "NotMedia"),
        (zipped(), "NotMedia"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "NotMedia"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "NotMedia"),
        (b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 7 + bytes(1000), "HeaderBroken"),
        (announced(side=65535), "PictureTooLarge"),
        (announced(duration_s=2**32 - 1), "PictureUndecodable"),
        (announced(coding=b"encv"), "PictureUndecodable"),
        (announced(coding=b"png "), "PictureUndecodable"),
        (announced(elsewhere=b"file:///etc/passwd"), "PictureUndecodable"),
    ],
    ids=["one byte", "zip", "png", "jpeg", "endless matroska", "huge", "136 years", "encrypted", "image", "elsewhere"],
)
def test_a_file_that_is_no_film_is_recorded_as_failed(catalogue, lake, content, error):
    assert refused(catalogue, lake, content) == error


def test_an_index_of_gigabytes_does_not_take_the_memory_of_the_worker(catalogue, lake):
    def high_water_bytes() -> int:
        lines = status.read_text().splitlines() if status.exists() else ()  # only Linux tells, and bounds, the memory
        return 1024 * next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)

    status = Path("/proc/self/status")
    if status.exists():
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = high_water_bytes()
    assert refused(catalogue, lake, announced(samples=2**26)) == "PictureUndecodable"
    assert high_water_bytes() - before < MOST_MEMORY_BYTES


def test_an_alert_goes_without_the_picture_that_takes_too_much_memory(catalogue, lake, monkeypatch):
    def refuse(*_):
        raise MemoryError

    monkeypatch.setattr(playback, "_picture_of", refuse)
    item = catalogue.read(upload(catalogue, lake, b"drive"))
    with pytest.raises(playback.NoPictureOfIt, match="MemoryError"):
        playback.keep_picture(lake, item, None, 1.0)
