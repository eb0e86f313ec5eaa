"""Rekognition Video on the wire: a Start and a Get operation for every analysis."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from aws_emulator.services.rekognition.analyses import ANALYSES, Analysis
from aws_emulator.services.rekognition.exceptions import ValidationException
from aws_emulator.services.rekognition.models import RekognitionBackend, VideoJob, rekognition_backends
from aws_emulator.services.response import EngineResponse
from aws_emulator.validation import check_members


class RekognitionResponse(EngineResponse):
    """What is not a method here is not offered: images, collections, streams, celebrities, persons' paths."""

    def __init__(self) -> None:
        super().__init__("rekognition")

    @property
    def backend(self) -> RekognitionBackend:
        return rekognition_backends[self.current_account][self.region]

    def _checked(self) -> dict[str, Any]:
        """The parameters of the request, once they satisfy the service model."""
        params = dict(self._get_params())
        check_members("rekognition", self._get_action(), params, ValidationException)
        return params

    def _start(self, analysis: str) -> ActionResult:
        return ActionResult({"JobId": self.backend.start(ANALYSES[analysis], self._checked())})

    def _get(self, analysis: str) -> ActionResult:
        params = self._checked()
        job = self.backend.job(ANALYSES[analysis], params["JobId"])
        answer = status_of(job)
        if job.status == "SUCCEEDED":
            items, token = self.backend.page(job, params)
            answer |= outcome_of(job, params) | {job.analysis.items: items}
            if token is not None:
                answer["NextToken"] = token
        return ActionResult(answer)

    def start_label_detection(self) -> ActionResult:
        return self._start("LabelDetection")

    def get_label_detection(self) -> ActionResult:
        return self._get("LabelDetection")

    def start_segment_detection(self) -> ActionResult:
        return self._start("SegmentDetection")

    def get_segment_detection(self) -> ActionResult:
        return self._get("SegmentDetection")

    def start_content_moderation(self) -> ActionResult:
        return self._start("ContentModeration")

    def get_content_moderation(self) -> ActionResult:
        return self._get("ContentModeration")

    def start_text_detection(self) -> ActionResult:
        return self._start("TextDetection")

    def get_text_detection(self) -> ActionResult:
        return self._get("TextDetection")

    def start_face_detection(self) -> ActionResult:
        return self._start("FaceDetection")

    def get_face_detection(self) -> ActionResult:
        return self._get("FaceDetection")


def status_of(job: VideoJob) -> dict[str, Any]:
    """What an answer says in every state of a job."""
    answer: dict[str, Any] = {"JobStatus": job.status, "JobId": job.job_id, "Video": job.video, job.analysis.items: []}
    if job.message:
        answer["StatusMessage"] = job.message
    if "JobTag" in job.params:
        answer["JobTag"] = job.params["JobTag"]
    return answer


def outcome_of(job: VideoJob, params: dict[str, Any]) -> dict[str, Any]:
    """What every page of a finished job says beside what was found."""
    analysis: Analysis = job.analysis
    version = job.result["version"]
    if analysis.name == "SegmentDetection":
        kinds = dict.fromkeys(job.params["SegmentTypes"])
        return {
            "VideoMetadata": [job.result["video"]],
            "AudioMetadata": job.result["audio"],
            "SelectedSegmentTypes": [{"Type": kind, "ModelVersion": version} for kind in kinds],
        }
    answer: dict[str, Any] = {"VideoMetadata": job.result["video"]}
    if analysis.version is not None:
        answer[analysis.version] = version
    if analysis.entry is not None:
        asked = {"SortBy": "TIMESTAMP", "AggregateBy": "TIMESTAMPS"}
        answer["GetRequestMetadata"] = {name: params.get(name, default) for name, default in asked.items()}
    return answer
