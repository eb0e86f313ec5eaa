"""The errors of Amazon Transcribe, by the names of its service model."""

from __future__ import annotations

from moto.core.exceptions import ServiceException

NO_JOB = "The requested job couldn't be found. Check the job name and try your request again."
NO_VOCABULARY = "The requested vocabulary couldn't be found. Check the vocabulary name and try your request again."


class BadRequestException(ServiceException):
    code = "BadRequestException"


class ConflictException(ServiceException):
    code = "ConflictException"


class LimitExceededException(ServiceException):
    code = "LimitExceededException"


class NotFoundException(ServiceException):
    code = "NotFoundException"
