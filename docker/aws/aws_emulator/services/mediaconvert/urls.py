"""The host and the paths of MediaConvert."""

from __future__ import annotations

from aws_emulator.services.mediaconvert.responses import MediaConvertResponse

url_bases = [r"https?://(.+\.)?mediaconvert\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/.*$": MediaConvertResponse.dispatch}
