"""MediaConvert's errors, by the names of its service model."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class BadRequestException(ServiceException):
    code = "BadRequestException"


class ConflictException(ServiceException):
    code = "ConflictException"


class NotFoundException(ServiceException):
    code = "NotFoundException"


class TooManyRequestsException(ServiceException):
    code = "TooManyRequestsException"
