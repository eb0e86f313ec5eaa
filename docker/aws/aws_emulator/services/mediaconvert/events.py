"""What EventBridge is told of a job: "MediaConvert Job State Change", as the user guide shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aws_emulator.announcements import send_event

SOURCE, DETAIL_TYPE = "aws.mediaconvert", "MediaConvert Job State Change"
PHASES = ("PROBING", "TRANSCODING", "UPLOADING")


def announce(account: str, region: str, job: Mapping[str, Any], status: str, **more: Any) -> None:
    """Send the event for ``status``; ``more`` goes into its detail."""
    detail = {
        "timestamp": int(time.time() * 1000),
        "accountId": account,
        "queue": job["Queue"],
        "jobId": job["Id"],
        "status": status,
        "userMetadata": job.get("UserMetadata", {}),
        **more,
    }
    send_event(account, region, SOURCE, DETAIL_TYPE, detail, resources=[job["Arn"]])


def progress(phase: str, phase_percent: int, job_percent: int, frames: int) -> dict[str, Any]:
    """What a STATUS_UPDATE says besides: how far each phase is.

    >>> progress("TRANSCODING", 2, 7, 353)["jobProgress"]["phaseProgress"]["UPLOADING"]
    {'status': 'PENDING', 'percentComplete': 0}
    """
    current = PHASES.index(phase)
    phases = {
        name: {"status": "COMPLETE", "percentComplete": 100}
        if place < current
        else {"status": "PROGRESSING", "percentComplete": phase_percent}
        if place == current
        else {"status": "PENDING", "percentComplete": 0}
        for place, name in enumerate(PHASES)
    }
    return {
        "framesDecoded": frames,
        "jobProgress": {
            "phaseProgress": phases,
            "jobPercentComplete": job_percent,
            "currentPhase": phase,
            "retryCount": 0,
        },
    }


def output_group_details(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a COMPLETE says of the outputs, from what the engine returned.

    >>> output_group_details([{"type": "FILE_GROUP", "outputs": [
    ...     {"files": ["s3://out/a.mp4"], "duration_ms": 1000, "width": 640, "height": 360}]}])[0]["outputDetails"][0]
    {'outputFilePaths': ['s3://out/a.mp4'], 'durationInMs': 1000, 'videoDetails': {'widthInPx': 640, 'heightInPx': 360}}
    """
    return [
        {
            "outputDetails": [
                {
                    "outputFilePaths": output["files"],
                    "durationInMs": output["duration_ms"],
                    **(
                        {"videoDetails": {"widthInPx": output["width"], "heightInPx": output["height"]}}
                        if "width" in output
                        else {}
                    ),
                }
                for output in group["outputs"]
            ],
            **({"playlistFilePaths": group["playlists"]} if "playlists" in group else {}),
            "type": group["type"],
        }
        for group in groups
    ]
