"""Tags of the pipelines, to filter the DAG list by."""

AUDIO = "audio"
CURATION = "curation"
FOOTAGE = "footage"
STORAGE = "storage"
VIDEO = "video"
