"""Tags of the pipelines, to filter the DAG list by."""

AUDIO = "audio"
CURATION = "curation"
VIDEO = "video"
