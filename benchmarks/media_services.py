"""Every file of a folder through every media service of the local AWS: what each made of it, or its named error.

``python -m benchmarks.media_services --media FOLDER`` takes real files with a ``MANIFEST.csv`` whose facts ("cuts at
frames ...", ``transcript: "..."``) it compares with what was found. MediaConvert makes two renditions and a poster of a
video, an AAC file of a sound; Rekognition runs its four analyses on a video; Transcribe hears everything.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
from botocore.exceptions import ClientError

from benchmarks.emulator import client, local_aws
from benchmarks.timing import markdown_table

ROLE = "arn:aws:iam::123456789012:role/media-mediaconvert"
SOURCE, TARGET = "media-ingest", "media-processed"
ANALYSES = {
    "label_detection": "Labels",
    "segment_detection": "Segments",
    "text_detection": "TextDetections",
    "content_moderation": "ModerationLabels",
}
LONGEST_WAIT_S = 900.0


def word_error_rate(said: str, heard: str) -> float:
    """Edits (substitutions, deletions, insertions) from what was said to what was heard, per word said.

    >>> word_error_rate("go forward ten metres", "go forward two metres")
    0.25
    """
    reference, hypothesis = plain_words(said), plain_words(heard)
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1] / max(len(reference), 1)


def plain_words(text: str) -> list[str]:
    """Lower-case words without punctuation.

    >>> plain_words("NASA’s cleanroom, in Greenbelt.")
    ["nasa's", 'cleanroom', 'in', 'greenbelt']
    """
    folded = unicodedata.normalize("NFKD", text).replace("’", "'").lower()
    return re.findall(r"[a-z0-9']+", folded)


def farthest_cut(known: Sequence[int], found: Sequence[int]) -> int | None:
    """Frames from the worst known cut to the nearest one found; ``None`` when none was found.

    >>> farthest_cut([0, 30, 76], [0, 31, 76, 90])
    1
    """
    return max((min(abs(cut - other) for other in found) for cut in known), default=0) if found else None


def until(ended: Callable[[Any], bool], ask: Callable[[], Any]) -> Any:
    """Ask until the answer says that the job ended, and return it.

    :raises TimeoutError: when it has not after ``LONGEST_WAIT_S``.
    """
    deadline = time.monotonic() + LONGEST_WAIT_S
    while not ended(answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ended after {LONGEST_WAIT_S:.0f} s: {answer}")
        time.sleep(0.2)
    return answer


class Services:
    """The clients, and what is asked of each about one file."""

    def __init__(self, endpoint_url: str) -> None:
        self.s3 = client(endpoint_url, "s3")
        self.mediaconvert = client(endpoint_url, "mediaconvert")
        self.rekognition = client(endpoint_url, "rekognition")
        self.transcribe = client(endpoint_url, "transcribe")

    def convert(self, key: str, name: str, *, video: bool) -> str:
        """Two renditions and a poster of a video, or an AAC file of a sound; say what came out."""
        audio = {
            "AudioSourceName": "Audio Selector 1",
            "CodecSettings": {
                "Codec": "AAC",
                "AacSettings": {"Bitrate": 96000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48000},
            },
        }
        files = {
            "OutputGroupSettings": {
                "Type": "FILE_GROUP_SETTINGS",
                "FileGroupSettings": {"Destination": f"s3://{TARGET}/converted/{name}/"},
            },
            "Outputs": [
                {
                    "NameModifier": f"_{height}p",
                    "ContainerSettings": {"Container": "MP4"},
                    "VideoDescription": {
                        "Height": height,
                        "CodecSettings": {
                            "Codec": "H_264",
                            "H264Settings": {
                                "RateControlMode": "QVBR",
                                "MaxBitrate": 1_500_000,
                                "QvbrSettings": {"QvbrQualityLevel": 7},
                                "SceneChangeDetect": "TRANSITION_DETECTION",
                            },
                        },
                    },
                    "AudioDescriptions": [audio],
                }
                for height in (180, 360)
            ]
            if video
            else [{"ContainerSettings": {"Container": "MP4"}, "AudioDescriptions": [audio]}],
        }
        posters = {
            "OutputGroupSettings": {
                "Type": "FILE_GROUP_SETTINGS",
                "FileGroupSettings": {"Destination": f"s3://{TARGET}/converted/{name}/poster"},
            },
            "Outputs": [
                {
                    "ContainerSettings": {"Container": "RAW"},
                    "VideoDescription": {
                        "CodecSettings": {
                            "Codec": "FRAME_CAPTURE",
                            "FrameCaptureSettings": {
                                "FramerateNumerator": 1,
                                "FramerateDenominator": 7,
                                "MaxCaptures": 2,
                                "Quality": 80,
                            },
                        }
                    },
                }
            ],
        }
        source: dict[str, Any] = {
            "FileInput": f"s3://{SOURCE}/{key}",
            "AudioSelectors": {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}},
        }
        if video:
            source["VideoSelector"] = {"Rotate": "AUTO"}
        job_id = self.mediaconvert.create_job(
            Role=ROLE, Settings={"Inputs": [source], "OutputGroups": [files, posters] if video else [files]}
        )["Job"]["Id"]
        job = until(
            lambda job: job["Status"] in ("COMPLETE", "ERROR", "CANCELED"),
            lambda: self.mediaconvert.get_job(Id=job_id)["Job"],
        )
        if job["Status"] != "COMPLETE":
            return f"{job['Status']} {job.get('ErrorCode', '')}: {job.get('ErrorMessage', '')}"
        listed = self.s3.list_objects_v2(Bucket=TARGET, Prefix=f"converted/{name}/")["Contents"]
        return ", ".join(self._shape(item["Key"]) for item in listed)

    def _shape(self, key: str) -> str:
        with tempfile.NamedTemporaryFile(suffix=Path(key).suffix) as copy:
            self.s3.download_fileobj(TARGET, key, copy)
            copy.flush()
            with av.open(copy.name) as container:
                if container.streams.video:
                    picture = container.streams.video[0]
                    sound = " + sound" if container.streams.audio else ""
                    return f"{picture.codec_context.name} {picture.width}x{picture.height}{sound}"
                return f"{container.streams.audio[0].codec_context.name} {(container.duration or 0) / 1e6:.1f} s"

    def analyse(self, key: str) -> dict[str, dict[str, Any] | str]:
        """All four analyses at once: the answer of each with all its pages joined, or why there is none."""
        video = {"S3Object": {"Bucket": SOURCE, "Name": key}}
        started: dict[str, str] = {}
        answers: dict[str, dict[str, Any] | str] = {}
        for operation in ANALYSES:
            more = {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]} if operation == "segment_detection" else {}
            try:
                started[operation] = getattr(self.rekognition, f"start_{operation}")(Video=video, **more)["JobId"]
            except ClientError as error:
                answers[operation] = f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        for operation, job_id in started.items():
            answers[operation] = self._analysis(operation, job_id)
        return answers

    def _analysis(self, operation: str, job_id: str) -> dict[str, Any] | str:
        read = getattr(self.rekognition, f"get_{operation}")
        page = until(lambda page: page["JobStatus"] != "IN_PROGRESS", lambda: read(JobId=job_id, MaxResults=1000))
        if page["JobStatus"] == "FAILED":
            return f"FAILED: {page['StatusMessage']}"
        found = page[ANALYSES[operation]]
        while "NextToken" in page:
            page = read(JobId=job_id, MaxResults=1000, NextToken=page["NextToken"])
            found += page[ANALYSES[operation]]
        return page | {ANALYSES[operation]: found}

    def hear(self, key: str, name: str) -> tuple[str | None, str]:
        """The transcript, and how to put it in a table; or ``None`` and why there is none."""
        try:
            self.transcribe.start_transcription_job(
                TranscriptionJobName=name,
                LanguageCode="en-US",
                Media={"MediaFileUri": f"s3://{SOURCE}/{key}"},
                OutputBucketName=TARGET,
                OutputKey=f"transcripts/{name}.json",
            )
        except ClientError as error:
            return None, f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        job = until(
            lambda job: job["TranscriptionJobStatus"] in ("COMPLETED", "FAILED"),
            lambda: self.transcribe.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"],
        )
        if job["TranscriptionJobStatus"] == "FAILED":
            return None, f"FAILED: {job['FailureReason']}"
        answer = json.load(self.s3.get_object(Bucket=TARGET, Key=f"transcripts/{name}.json")["Body"])
        text = answer["results"]["transcripts"][0]["transcript"]
        return text, f"{len(plain_words(text))} words" if text else "empty transcript"


def known_facts(folder: Path) -> dict[str, str]:
    """What the folder's manifest says of each file, by path."""
    with (folder / "MANIFEST.csv").open(encoding="utf-8", newline="") as rows:
        return {row["path"]: row["known_facts"] for row in csv.DictReader(rows)}


def transcript_in(facts: str) -> str | None:
    """The words that a manifest says are spoken.

    >>> transcript_in('8 kHz; transcript: "three"; short')
    'three'
    """
    match = re.search(r'(?:transcript:?|narration equals the subtitles:) "([^"]+)"', facts)
    return match[1].rstrip("… ") if match else None


def cuts_in(facts: str) -> list[int]:
    """The frames at which a manifest says that shots begin.

    >>> cuts_in("true cuts at frames 0,30,76 (25 fps)")
    [0, 30, 76]
    """
    match = re.search(r"cuts at frames ([\d,]+)", facts)
    return [int(frame) for frame in match[1].split(",")] if match else []


def shown(answers: Mapping[str, dict[str, Any] | str], facts: str) -> list[str]:
    """What the four analyses found, a cell each."""
    cells = []
    for operation, member in ANALYSES.items():
        answer = answers[operation]
        if isinstance(answer, str):
            cells.append(answer)
        elif operation == "segment_detection":
            shots = [part["StartFrameNumber"] for part in answer[member] if part["Type"] == "SHOT"]
            cues = sorted({p["TechnicalCueSegment"]["Type"] for p in answer[member] if p["Type"] == "TECHNICAL_CUE"})
            off = farthest_cut(cuts_in(facts), shots)
            known = f", known cuts within {off} frames" if cuts_in(facts) else ""
            cells.append(f"{len(shots)} shots{known}; {', '.join(cues) or 'no cue'}")
        elif operation == "text_detection":
            lines = [part["TextDetection"] for part in answer[member]]
            texts = dict.fromkeys(line["DetectedText"] for line in lines if line["Type"] == "LINE")
            cells.append(", ".join(list(texts)[:3]) + (f" + {len(texts) - 3}" if len(texts) > 3 else "") or "none")
        elif operation == "label_detection":
            cells.append(", ".join(sorted({part["Label"]["Name"] for part in answer[member]})) or "none")
        else:
            cells.append(", ".join(sorted({part["ModerationLabel"]["Name"] for part in answer[member]})) or "none")
    return cells


def report(folder: Path, endpoint_url: str) -> None:
    """Print one table a service."""
    services, facts = Services(endpoint_url), known_facts(folder)
    converted, analysed, heard = [], [], []
    edits = words = 0.0
    files = [folder / path for path in facts if path.startswith(("video", "audio")) and (folder / path).is_file()]
    for path in sorted(file for file in files if file.suffix not in (".csv", ".txt", ".json")):
        where = path.relative_to(folder).as_posix()
        name = f"{path.stem}-{hashlib.sha256(where.encode()).hexdigest()[:8]}"
        key, video = f"inputs/{where}", where.startswith("video")
        services.s3.upload_file(str(path), SOURCE, key)
        began = time.monotonic()
        converted.append([where, services.convert(key, name, video=video), f"{time.monotonic() - began:.1f}"])
        if video:
            began = time.monotonic()
            cells = shown(services.analyse(key), facts[where])
            analysed.append([where, *cells, f"{time.monotonic() - began:.1f}"])
        began = time.monotonic()
        text, cell = services.hear(key, name)
        said = transcript_in(facts[where])
        if said and text is not None:
            rate = word_error_rate(said, text)
            edits, words = edits + rate * len(plain_words(said)), words + len(plain_words(said))
            cell += f", WER {rate:.0%}"
        heard.append([where, cell, f"{time.monotonic() - began:.1f}"])
        print(f"{where}", file=sys.stderr, flush=True)
    print(markdown_table(["file", "MediaConvert", "s"], converted) + "\n")
    print(markdown_table(["file", "labels", "segments", "text", "moderation", "s"], analysed) + "\n")
    print(markdown_table(["file", "Transcribe", "s"], heard))
    if words:
        print(f"\nWord error rate over {words:.0f} known words: {edits / words:.0%}")


def main(arguments: Sequence[str]) -> int:
    """Run with ``--media``; without real files there is nothing to tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, metavar="FOLDER", help="real files with a MANIFEST.csv")
    given = parser.parse_args(arguments)
    if given.media is None:
        print("media_services: needs real files, --media FOLDER (make bench MEDIA=FOLDER)")
        return 0
    with local_aws() as endpoint_url:
        report(given.media, endpoint_url)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
