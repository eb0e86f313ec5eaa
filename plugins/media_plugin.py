"""The one file that Airflow's plugin loader executes: it registers what the UI must know."""

from airflow.plugins_manager import AirflowPlugin

from aws_media.links.mediaconvert import MediaConvertJobLink
from aws_media.links.rekognition import RekognitionResultLink
from aws_media.links.transcribe import TranscribeJobLink
from media_dags.deadlines import RunDueDeadline
from open_media.links.open_media import SourceItemLink


class MediaPlugin(AirflowPlugin):
    """Links of our operators, and from when on a run is late."""

    name = "media"
    operator_extra_links = [SourceItemLink(), RekognitionResultLink(), TranscribeJobLink(), MediaConvertJobLink()]
    deadline_references = [RunDueDeadline]
