"""Have Rekognition Video analyse a film: labels, shots and technical cues, content to be moderated, text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from aws_media.hooks.paid_job import JobStatus
from aws_media.hooks.rekognition import RekognitionHook
from aws_media.links.rekognition import RekognitionResultLink
from aws_media.media_object import MediaObject
from aws_media.operators.records import RecordsJobOperator, ResultNotKept, sorted_names, stated
from aws_media.triggers.rekognition import RekognitionJobTrigger
from include.catalog.keys import raw_analysis_key
from include.costs.analyses import SEGMENT_ITEMS, billed_analysis
from include.costs.rate_card import BilledUnits
from include.settings import SETTINGS
from include.storage.stream import ObjectReplaced, json_lines, read_json_lines
from include.video.probe import MediaFacts
from include.video.proxy import refusal_of
from include.video.rekognition import RECORDS_FROM_PAGE, facts_from_page

if TYPE_CHECKING:
    from airflow.sdk.bases.operator import OperatorPartial

POOL = "rekognition"
"""Of 20 slots that count deferred tasks, for an account may run 20 analyses at once, of all kinds together."""
_MOST_READINGS = 3


class RekognitionAnalysisOperator(RecordsJobOperator):
    """Analyse a film and keep what was found in S3, as the service said it and as flat records.

    ``include.video.rekognition`` says what is in the records. The service forgets an analysis after 7 days; what lies
    in S3 stays.

    :param version_id: version of the film, the latest if unset. (templated)
    :param raw_output_key: key of the service's own pages, JSON Lines; named after ``key`` if unset. (templated)
    :param notification_topic_arn: SNS topic that is told when the analysis ends; none if empty. (templated)
    :param notification_role_arn: role with which Rekognition may publish there. (templated)
    """

    aws_hook_class = RekognitionHook
    trigger_class = RekognitionJobTrigger
    link_class = RekognitionResultLink
    operator_extra_links = (RekognitionResultLink(),)
    status_queries = ("JobStatus", "StatusMessage")
    template_fields: Sequence[str] = (
        *RecordsJobOperator.template_fields,
        "version_id",
        "raw_output_key",
        "notification_topic_arn",
        "notification_role_arn",
    )

    def __init__(
        self,
        *,
        version_id: str | None = None,
        raw_output_key: str | None = None,
        notification_topic_arn: str = SETTINGS.rekognition_topic_arn,
        notification_role_arn: str = SETTINGS.rekognition_role_arn,
        pool: str = POOL,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool=pool, **kwargs)
        self.version_id = version_id
        self.raw_output_key = raw_output_key
        self.notification_topic_arn = notification_topic_arn
        self.notification_role_arn = notification_role_arn

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task; in the pool as well, which Airflow would take from these arguments alone."""
        mapped = super().partial(**kwargs)
        mapped.kwargs.setdefault("pool", POOL)
        return mapped

    # ---------------------------------------------------------------------------------------- what an analysis defines
    def parameters(self) -> dict[str, Any]:
        """Return what the Start call of this analysis takes beside the video; ``None`` and ``{}`` are left out."""
        return {}

    def read_parameters(self) -> dict[str, str]:
        """Return what the Get call of this analysis takes beside the job: how the result is put together."""
        return {}

    # ------------------------------------------------------------------------------------- what a paid job must define
    def source(self) -> MediaObject:
        return MediaObject(bucket=self.bucket, key=self.key, version_id=self.version_id or None)

    def start_request(self) -> dict[str, Any]:
        video = {"Bucket": self.bucket, "Name": self.key, "Version": self.version_id}
        return {"Video": {"S3Object": stated(video)}, **stated(self.parameters())}

    def start_options(self) -> dict[str, Any]:
        if not self.notification_topic_arn:
            return {}
        channel = {"SNSTopicArn": self.notification_topic_arn, "RoleArn": self.notification_role_arn}
        return {"NotificationChannel": channel}

    def objection(self, media: MediaFacts) -> tuple[str, str] | None:
        return refusal_of(media)

    def billed_units(self, media: MediaFacts) -> list[BilledUnits]:
        return billed_analysis(self.operation, media)

    def read_result(self, status: JobStatus) -> dict[str, Any]:
        self._keep_pages(status.job_id)
        noted = {"job-id": status.job_id}
        pages = read_json_lines(self._s3, self.output_bucket, self.raw_result_key, metadata=noted)
        try:
            first = next(pages)
        except ObjectReplaced as error:
            advice = "Give each of the two a raw_output_key of its own; the next try reads the result again."
            raise ResultNotKept(
                **self.names_of(status.job_id), code="Overwritten", message=str(error), advice=advice
            ) from error
        found = chain.from_iterable(map(RECORDS_FROM_PAGE[self.operation], chain([first], pages)))
        kept = self.keep_records(status.job_id, facts_from_page(first), found)
        return {**kept, "raw_key": self.raw_result_key, "read_parameters": self.read_parameters()}

    def result_stands(self, result: dict[str, Any]) -> bool:
        """Say whether the records are there, of that very job, and put together as this task wants them."""
        return result["read_parameters"] == self.read_parameters() and super().result_stands(result)

    @property
    def raw_result_key(self) -> str:
        return self.raw_output_key or raw_analysis_key(self.key, self.operation)

    def _keep_pages(self, job_id: str) -> None:
        """Store the service's pages as they come. When it loses its place, it is asked anew, and all is overwritten."""
        for reading in range(1, _MOST_READINGS + 1):
            pages = cast("RekognitionHook", self.hook).iter_pages(self.operation, job_id, **self.read_parameters())
            try:
                self.keep_object(
                    self.raw_result_key, json_lines(pages), content_type="application/jsonl", job_id=job_id
                )
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code != "InvalidPaginationTokenException" or reading == _MOST_READINGS:
                    raise
                self.log.info("%s of job %s is read again from the first page: %s", self.operation, job_id, error)
            else:
                return


class RekognitionDetectLabelsOperator(RekognitionAnalysisOperator):
    """Find things, scenes and activities in a film.

    The filters take names of labels (``Car``) or of categories (``Vehicles and Automotive``), at most 100 each.

    :param min_confidence: percent below which nothing is reported; the service's default is 50. (templated)
    :param aggregate_by: ``TIMESTAMPS`` for sightings in single frames, with boxes, or ``SEGMENTS`` for stretches.
    :param include_labels: report these labels alone. (templated)
    :param exclude_labels: leave these labels out. (templated)
    :param include_categories: report labels of these categories alone. (templated)
    :param exclude_categories: leave labels of these categories out. (templated)
    """

    operation = "label_detection"
    template_fields: Sequence[str] = (
        *RekognitionAnalysisOperator.template_fields,
        "min_confidence",
        "include_labels",
        "exclude_labels",
        "include_categories",
        "exclude_categories",
    )

    def __init__(
        self,
        *,
        min_confidence: float | str | None = None,
        aggregate_by: str = "TIMESTAMPS",
        include_labels: Sequence[str] | None = None,
        exclude_labels: Sequence[str] | None = None,
        include_categories: Sequence[str] | None = None,
        exclude_categories: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.min_confidence = min_confidence
        self.aggregate_by = aggregate_by
        self.include_labels = include_labels
        self.exclude_labels = exclude_labels
        self.include_categories = include_categories
        self.exclude_categories = exclude_categories

    def parameters(self) -> dict[str, Any]:
        filters = stated(
            {
                "LabelInclusionFilters": sorted_names(self.include_labels),
                "LabelExclusionFilters": sorted_names(self.exclude_labels),
                "LabelCategoryInclusionFilters": sorted_names(self.include_categories),
                "LabelCategoryExclusionFilters": sorted_names(self.exclude_categories),
            }
        )
        return {
            "MinConfidence": _percent(self.min_confidence),
            "Features": ["GENERAL_LABELS"],
            "Settings": {"GeneralLabels": filters} if filters else None,
        }

    def read_parameters(self) -> dict[str, str]:
        return {"SortBy": "TIMESTAMP", "AggregateBy": self.aggregate_by}


class RekognitionDetectSegmentsOperator(RekognitionAnalysisOperator):
    """Find the shots of a film, and technical cues: black frames, credits, colour bars, slates, studio logos, content.

    :param segment_types: ``SHOT``, ``TECHNICAL_CUE`` or both; each is billed. (templated)
    :param min_shot_confidence: percent below which no shot is reported; the service's default is 50. (templated)
    :param min_cue_confidence: percent below which no cue is reported; the service's default is 50. (templated)
    :param black_frame: what counts as black, ``{"MaxPixelThreshold": 0.2, "MinCoveragePercentage": 99}``. (templated)
    """

    operation = "segment_detection"
    template_fields: Sequence[str] = (
        *RekognitionAnalysisOperator.template_fields,
        "segment_types",
        "min_shot_confidence",
        "min_cue_confidence",
        "black_frame",
    )

    def __init__(
        self,
        *,
        segment_types: Sequence[str] = tuple(SEGMENT_ITEMS),
        min_shot_confidence: float | str | None = None,
        min_cue_confidence: float | str | None = None,
        black_frame: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.segment_types = segment_types
        self.min_shot_confidence = min_shot_confidence
        self.min_cue_confidence = min_cue_confidence
        self.black_frame = black_frame

    def parameters(self) -> dict[str, Any]:
        cues = {"MinSegmentConfidence": _percent(self.min_cue_confidence), "BlackFrame": self.black_frame}
        shots = {"MinSegmentConfidence": _percent(self.min_shot_confidence)}
        filters = stated({"TechnicalCueFilter": stated(cues), "ShotFilter": stated(shots)})
        return {"SegmentTypes": sorted_names(self.segment_types), "Filters": filters}

    def billed_units(self, media: MediaFacts) -> list[BilledUnits]:
        return billed_analysis(self.operation, media, segment_types=sorted_names(self.segment_types) or ())


class RekognitionDetectModerationOperator(RekognitionAnalysisOperator):
    """Find content that somebody should look at before it is shown: violence, nudity, drugs and more.

    :param min_confidence: percent below which nothing is reported; the service's default is 50. (templated)
    :param aggregate_by: ``TIMESTAMPS`` for sightings in single frames, or ``SEGMENTS`` for stretches.
    """

    operation = "content_moderation"
    template_fields: Sequence[str] = (*RekognitionAnalysisOperator.template_fields, "min_confidence")

    def __init__(
        self, *, min_confidence: float | str | None = None, aggregate_by: str = "TIMESTAMPS", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.min_confidence = min_confidence
        self.aggregate_by = aggregate_by

    def parameters(self) -> dict[str, Any]:
        return {"MinConfidence": _percent(self.min_confidence)}

    def read_parameters(self) -> dict[str, str]:
        return {"SortBy": "TIMESTAMP", "AggregateBy": self.aggregate_by}


class RekognitionDetectTextOperator(RekognitionAnalysisOperator):
    """Read the text in a film, line by line and word by word.

    :param min_confidence: percent below which no word is reported; the service's default is 50. (templated)
    :param min_height: height of a word's box, as a share of the frame's, below which it is left out. (templated)
    :param min_width: width of a word's box, as a share of the frame's, below which it is left out. (templated)
    :param regions_of_interest: look only here, ``[{"BoundingBox": {"Left": 0, "Top": 0.8, ...}}]``. (templated)
    """

    operation = "text_detection"
    template_fields: Sequence[str] = (
        *RekognitionAnalysisOperator.template_fields,
        "min_confidence",
        "min_height",
        "min_width",
        "regions_of_interest",
    )

    def __init__(
        self,
        *,
        min_confidence: float | str | None = None,
        min_height: float | str | None = None,
        min_width: float | str | None = None,
        regions_of_interest: Sequence[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.min_confidence = min_confidence
        self.min_height = min_height
        self.min_width = min_width
        self.regions_of_interest = regions_of_interest

    def parameters(self) -> dict[str, Any]:
        words = {
            "MinConfidence": _percent(self.min_confidence),
            "MinBoundingBoxHeight": _percent(self.min_height),
            "MinBoundingBoxWidth": _percent(self.min_width),
        }
        filters = {"WordFilter": stated(words), "RegionsOfInterest": list(self.regions_of_interest or ())}
        return {"Filters": stated(filters)}


def _percent(value: float | str | None) -> float | None:
    """Return a number that may have come out of a template as text."""
    return None if value in (None, "") else float(value)
