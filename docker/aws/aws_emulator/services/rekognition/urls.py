"""Where Rekognition answers."""

from __future__ import annotations

from aws_emulator.services.rekognition.responses import RekognitionResponse

url_bases = [r"https?://rekognition\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": RekognitionResponse.dispatch}
