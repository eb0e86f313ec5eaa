"""What the pipelines produce and wait for."""

from airflow.sdk import Asset

from include.settings import SETTINGS

AUDIO_FEATURES = Asset(name="audio_features", uri=f"s3://{SETTINGS.processed_bucket}/audio")
VIDEO_LABELS = Asset(name="video_labels", uri=f"s3://{SETTINGS.processed_bucket}/video")
