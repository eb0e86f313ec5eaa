"""A service with an engine of ours on the wire, parsed and serialised by botocore's service model."""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import BaseResponse


class SerializationException(ServiceException):
    """The body is not what the protocol says: no JSON object, a list for a structure, half a character."""

    code = "SerializationException"


class EngineResponse(BaseResponse):
    """What every engine's ``responses.py`` derives from: one method for each operation, in snake case."""

    def __init__(self, service_name: str) -> None:
        super().__init__(service_name=service_name)
        self.automated_parameter_parsing = True

    def setup_class(self, request: Any, *arguments: Any, **options: Any) -> None:
        """Read a request that need not be a text."""
        try:
            super().setup_class(request, *arguments, **options)
        except UnicodeDecodeError as error:
            raise _unparsed(error) from error

    def parse_parameters(self, request: Any) -> None:
        """Parse the request. moto's parser trusts it, so what breaks the parser is refused here."""
        try:
            super().parse_parameters(request)
            dict(self.params)
            json.dumps(self.params, ensure_ascii=False, default=str).encode()  # a lone surrogate cannot be answered
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise _unparsed(error) from error


def _unparsed(error: Exception) -> SerializationException:
    return SerializationException(f"The request cannot be parsed: {error}.")
