"""The host names and paths of CloudFront's control API."""

from __future__ import annotations

from moto.cloudfront import urls

from aws_emulator.services.cloudfront.responses import CloudFrontResponse

url_bases = urls.url_bases
url_paths = dict.fromkeys(urls.url_paths, CloudFrontResponse.dispatch)
