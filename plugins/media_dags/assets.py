"""What the pipelines produce and wait for."""

from airflow.sdk import Asset, AssetWatcher

from include.catalog.keys import FOOTAGE_PREFIX
from include.settings import SETTINGS
from media_lake.triggers.uploads import UploadsTrigger

AUDIO_FEATURES = Asset(name="audio_features", uri=f"s3://{SETTINGS.processed_bucket}/audio")
VIDEO_LABELS = Asset(name="video_labels", uri=f"s3://{SETTINGS.processed_bucket}/video")
FOOTAGE_TRIAGE = Asset(name="footage_triage", uri=f"s3://{SETTINGS.processed_bucket}/video/footage")
FOOTAGE_UPLOADS = Asset(
    name="footage_uploads",
    uri=f"s3://{SETTINGS.ingest_bucket}/{FOOTAGE_PREFIX}",
    watchers=[AssetWatcher(name="footage_queue", trigger=UploadsTrigger(queue_url=SETTINGS.footage_queue_url))]
    if SETTINGS.footage_queue_url
    else [],
)
"""What dash cams upload, as the messages of the queue tell; without a queue the sweep alone finds it."""
