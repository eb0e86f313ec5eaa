"""Amazon Comprehend on the wire. What is not a method here is not offered."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from aws_emulator.services.comprehend.exceptions import InvalidRequestException
from aws_emulator.services.comprehend.models import ComprehendBackend, comprehend_backends
from aws_emulator.services.response import EngineResponse
from aws_emulator.validation import check_members


class ComprehendResponse(EngineResponse):
    """Answers the requests of one client call."""

    def __init__(self) -> None:
        super().__init__("comprehend")

    @property
    def backend(self) -> ComprehendBackend:
        return comprehend_backends[self.current_account][self.region]

    def _checked(self) -> dict[str, Any]:
        params = dict(self._get_params())
        check_members("comprehend", self._get_action(), params, InvalidRequestException)
        return params

    def detect_sentiment(self) -> ActionResult:
        params = self._checked()
        return ActionResult(self.backend.detect_sentiment(params["Text"], params["LanguageCode"]))

    def batch_detect_sentiment(self) -> ActionResult:
        params = self._checked()
        return ActionResult(self.backend.batch_detect_sentiment(params["TextList"], params["LanguageCode"]))
