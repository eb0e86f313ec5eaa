"""CloudFront's control API on the wire: moto's, and the operations of key groups that moto lacks."""

from __future__ import annotations

from moto.cloudfront.responses import CloudFrontResponse as MotoCloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult

from aws_emulator.services.cloudfront.models import CloudFrontBackend, cloudfront_backends


class CloudFrontResponse(MotoCloudFrontResponse):
    """Answers the requests of one client call."""

    @property
    def backend(self) -> CloudFrontBackend:
        return cloudfront_backends[self.current_account][self.partition]

    def update_key_group(self) -> ActionResult:
        group = self.backend.update_key_group(
            self._get_param("Id"),
            self._get_param("KeyGroupConfig.Name"),
            self._get_param("KeyGroupConfig.Items", []),
            self._get_param("IfMatch"),
        )
        return ActionResult({"KeyGroup": group, "ETag": group.etag})

    def delete_key_group(self) -> EmptyResult:
        self.backend.delete_key_group(self._get_param("Id"), self._get_param("IfMatch"))
        return EmptyResult()
