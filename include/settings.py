"""Every setting of the platform, read once from the environment. No other module reads an environment variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between a laptop and an AWS account: names, ports and who is responsible.

    Buckets, tables and parameters derive from ``prefix``, so that two deployments can share one account.

    >>> Settings(prefix="acme").raw_bucket
    'acme-raw'
    """

    prefix: str = "media"
    aws_conn_id: str = "aws_default"
    contact: str = ""
    """E-mail address or URL of whoever operates this deployment; live catalogues demand it in the User-Agent."""
    alerts_topic_arn: str = ""
    """SNS topic for failures and deadlines; empty means that they are only logged."""
    completions_queue_url: str = ""
    """SQS queue to which the media services' completions come; empty means that each job's state is polled."""
    rekognition_topic_arn: str = ""
    """SNS topic that Rekognition Video tells of a job's end, subscribed by the completions queue."""
    rekognition_role_arn: str = ""
    """Role with which Rekognition Video may publish to that topic."""
    mediaconvert_role_arn: str = ""
    """Role with which MediaConvert reads and writes the buckets."""
    footage_queue_url: str = ""
    """SQS queue to which EventBridge tells of uploads below ``footage/``; empty: they are found by listing alone."""
    delivery_url: str = ""
    """Base URL of the CloudFront distribution before the processed bucket (``https://d111111abcdef8.cloudfront.net``);
    empty: alerts carry no link."""
    resumptions_per_second: float = 20.0
    """How many tasks whose jobs ended a triggerer wakes a second, so that the scheduler keeps up."""
    airflow_url: str = "http://127.0.0.1:8080"
    """Base URL of the Airflow UI, used in the links of alerts."""
    local_aws_port: int = 4566
    local_aws_detector: str = ""
    """ONNX model (YOLOv8 or YOLO11 layout) with which the local Rekognition sees objects; empty means none."""
    local_aws_detector_labels: str = ""
    """Names of the detector's classes, one a line."""
    local_aws_speech_model: str = ""
    """``whisper:<folder>`` or ``vosk:<folder>`` for the local Transcribe; empty means pocketsphinx."""
    local_sources_port: int = 4570
    airflow_port: int = 8080
    dashboard_port: int = 8501
    state_dir: Path = field(default_factory=lambda: Path(".local"))
    """Where the local stack keeps its state (database, logs, caches)."""
    chromium_path: str = "/usr/bin/chromium"
    """Browser that the browser tests drive."""

    @property
    def ingest_bucket(self) -> str:
        return f"{self.prefix}-ingest"

    @property
    def raw_bucket(self) -> str:
        return f"{self.prefix}-raw"

    @property
    def processed_bucket(self) -> str:
        return f"{self.prefix}-processed"

    @property
    def delivery_bucket(self) -> str:
        return f"{self.prefix}-delivery"

    @property
    def archive_bucket(self) -> str:
        return f"{self.prefix}-archive"

    @property
    def reports_bucket(self) -> str:
        return f"{self.prefix}-reports"

    @property
    def assets_table(self) -> str:
        return f"{self.prefix}-assets"

    @property
    def jobs_table(self) -> str:
        return f"{self.prefix}-jobs"

    @property
    def campaigns_parameter(self) -> str:
        return f"/{self.prefix}/campaigns"

    @property
    def active_campaign_parameter(self) -> str:
        return f"/{self.prefix}/active-campaign"

    @property
    def signing_secret(self) -> str:
        """Name of the secret with the private key that signs CloudFront URLs, and its key pair id."""
        return f"{self.prefix}/cloudfront-signing-key"

    def batch_size_parameter(self, media_type: str) -> str:
        """Name of the SSM parameter with a scheduled run's batch size; ``media_type`` is ``audio`` or ``video``."""
        return f"/{self.prefix}/batch-size/{media_type}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from ``environment``; what is absent or empty keeps its default.

        :raises ValueError: when a port is no number between 1 and 65535, or a rate no number above 0.

        >>> Settings.from_environment({"AIRFLOW_PORT": "8081"}).airflow_url
        'http://127.0.0.1:8081'
        """
        defaults = cls()
        airflow_port = _port(environment, "AIRFLOW_PORT", defaults.airflow_port)
        return cls(
            prefix=environment.get("MEDIA_BUCKET_PREFIX") or defaults.prefix,
            aws_conn_id=environment.get("MEDIA_AWS_CONN_ID") or defaults.aws_conn_id,
            contact=environment.get("MEDIA_CONTACT") or defaults.contact,
            alerts_topic_arn=environment.get("MEDIA_ALERTS_TOPIC_ARN") or defaults.alerts_topic_arn,
            completions_queue_url=environment.get("MEDIA_COMPLETIONS_QUEUE_URL") or defaults.completions_queue_url,
            rekognition_topic_arn=environment.get("MEDIA_REKOGNITION_TOPIC_ARN") or defaults.rekognition_topic_arn,
            rekognition_role_arn=environment.get("MEDIA_REKOGNITION_ROLE_ARN") or defaults.rekognition_role_arn,
            mediaconvert_role_arn=environment.get("MEDIA_MEDIACONVERT_ROLE_ARN") or defaults.mediaconvert_role_arn,
            footage_queue_url=environment.get("MEDIA_FOOTAGE_QUEUE_URL") or defaults.footage_queue_url,
            delivery_url=(environment.get("MEDIA_DELIVERY_URL") or defaults.delivery_url).rstrip("/"),
            resumptions_per_second=_rate(environment, "MEDIA_RESUMPTIONS_PER_SECOND", defaults.resumptions_per_second),
            airflow_url=(environment.get("MEDIA_AIRFLOW_URL") or f"http://127.0.0.1:{airflow_port}").rstrip("/"),
            local_aws_port=_port(environment, "LOCAL_AWS_PORT", defaults.local_aws_port),
            local_aws_detector=environment.get("LOCAL_AWS_DETECTOR") or defaults.local_aws_detector,
            local_aws_detector_labels=environment.get("LOCAL_AWS_DETECTOR_LABELS")
            or defaults.local_aws_detector_labels,
            local_aws_speech_model=environment.get("LOCAL_AWS_SPEECH_MODEL") or defaults.local_aws_speech_model,
            local_sources_port=_port(environment, "LOCAL_SOURCES_PORT", defaults.local_sources_port),
            airflow_port=airflow_port,
            dashboard_port=_port(environment, "DASHBOARD_PORT", defaults.dashboard_port),
            state_dir=Path(environment.get("LOCAL_STATE_DIR") or defaults.state_dir),
            chromium_path=environment.get("CHROMIUM_PATH") or defaults.chromium_path,
        )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ValueError(f"{name} must be a port between 1 and 65535, not {text!r}")
    return int(text)


def _rate(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise ValueError(f"{name} must be a number above 0, not {text!r}")
    return rate


def copy_environment() -> dict[str, str]:
    """Return a copy of this process's environment, to hand on to a child process."""
    return dict(os.environ)


SETTINGS = Settings.from_environment(os.environ)
