"""The host names and paths of Amazon Comprehend."""

from __future__ import annotations

from aws_emulator.services.comprehend.responses import ComprehendResponse

url_bases = [r"https?://comprehend\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": ComprehendResponse.dispatch}
