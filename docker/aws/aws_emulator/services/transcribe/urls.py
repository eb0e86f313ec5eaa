"""The host names and paths of Amazon Transcribe."""

from __future__ import annotations

from aws_emulator.services.transcribe.responses import TranscribeResponse

url_bases = [r"https?://transcribe\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": TranscribeResponse.dispatch}
