"""What analyses of a clip left in the lake: pages in the shapes that Rekognition answers, and the records of them."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from include.catalog.keys import analysis_key, raw_analysis_key
from include.settings import SETTINGS
from include.storage.stream import json_document, json_lines
from include.video.rekognition import RECORDS_FROM_PAGE

GROUP = "analyse_video"
MAP_INDEX = 3
VIDEO = {"Codec": "h264", "DurationMillis": 6000, "Format": "QuickTime / MOV", "FrameRate": 10.0, "FrameHeight": 48,
         "FrameWidth": 64}  # fmt: skip
BOX = {"Left": 0.25, "Top": 0.25, "Width": 0.5, "Height": 0.125}
DONE = {"JobStatus": "SUCCEEDED", "VideoMetadata": VIDEO}


def labels_pages(name: str = "Car") -> list[dict[str, Any]]:
    """Two pages: a car in every picture, that is one stretch through the clip."""
    sightings = [
        {
            "Timestamp": 500 * number,
            "Label": {
                "Name": name,
                "Confidence": 90.0 + number / 10,
                "Parents": [{"Name": "Vehicle"}],
                "Instances": [{"BoundingBox": BOX, "Confidence": 91.0}],
            },
        }
        for number in range(12)
    ]
    page = {**DONE, "LabelModelVersion": "3.0"}
    return [{**page, "Labels": sightings[:7], "NextToken": "t"}, {**page, "Labels": sightings[7:]}]


def segments_pages() -> list[dict[str, Any]]:
    cuts_ms = [0, 2000, 6000]
    shots = [
        {
            "Type": "SHOT",
            "StartTimestampMillis": start_ms,
            "EndTimestampMillis": end_ms - 100,
            "ShotSegment": {"Index": index, "Confidence": 99.0},
        }
        for index, (start_ms, end_ms) in enumerate(pairwise(cuts_ms))
    ]
    types = [{"Type": "SHOT", "ModelVersion": "2.0"}, {"Type": "TECHNICAL_CUE", "ModelVersion": "2.0"}]
    return [{"JobStatus": "SUCCEEDED", "VideoMetadata": [VIDEO], "SelectedSegmentTypes": types, "Segments": shots}]


def text_pages(text: str = "EXIT") -> list[dict[str, Any]]:
    found = [
        {
            "Timestamp": 1000 + 500 * number,
            "TextDetection": {
                "DetectedText": text,
                "Type": kind,
                "Id": number,
                "Confidence": 98.0,
                "Geometry": {"BoundingBox": BOX},
            },
        }
        for number in range(3)
        for kind in ("LINE", "WORD")
    ]
    return [{**DONE, "TextModelVersion": "3.1", "TextDetections": found}]


def moderation_pages() -> list[dict[str, Any]]:
    return [{**DONE, "ModerationModelVersion": "7.0", "ModerationLabels": []}]


FOUND = {
    "detect_labels": ("label_detection", labels_pages),
    "detect_segments": ("segment_detection", segments_pages),
    "detect_text": ("text_detection", text_pages),
    "detect_moderation": ("content_moderation", moderation_pages),
}


def keep(lake: Any, media_key: str, operation: str, pages: list[dict[str, Any]], *, job_id: str) -> str:
    """Store the result of a job as the operators of Rekognition do, and return its key."""
    records = (record for page in pages for record in RECORDS_FROM_PAGE[operation](page))
    head = {"service": "rekognition", "operation": operation, "job_id": job_id}
    bodies = {
        raw_analysis_key(media_key, operation): json_lines(pages),
        analysis_key(media_key, operation): json_document(head, "records", records),
    }
    for key, body in bodies.items():
        lake.conn.put_object(
            Bucket=SETTINGS.processed_bucket, Key=key, Body=b"".join(body), Metadata={"job-id": job_id}
        )
    return analysis_key(media_key, operation)


class Group:
    """The task instance of the closing task of a mapped group, and what its siblings told by XCom."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], Any] = {}
        self.clears = 0

    def tell(self, task: str, value: Any, key: str = "return_value") -> None:
        self.told[f"{GROUP}.{task}", key] = json.loads(json.dumps(value))

    def finish(self, lake: Any, media_key: str, *tasks: str, job: str = "job") -> None:
        """Let tasks find what they find, each by a job of its own."""
        for task in tasks or FOUND:
            operation, pages = FOUND[task]
            self.tell(task, keep(lake, media_key, operation, pages(), job_id=f"{job}-{operation}"))

    @property
    def context(self) -> dict[str, Any]:
        def xcom_pull(*, task_ids: str, key: str, map_indexes: int) -> Any:
            return self.told.get((task_ids, key)) if map_indexes == MAP_INDEX else None

        instance = SimpleNamespace(map_index=MAP_INDEX, max_tries=4 + 5 * self.clears, xcom_pull=xcom_pull)
        return {"ti": instance}
