"""The errors of Amazon Comprehend, by the names of its service model."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class InvalidRequestException(ServiceException):
    code = "InvalidRequestException"


class UnsupportedLanguageException(ServiceException):
    code = "UnsupportedLanguageException"


class TextSizeLimitExceededException(ServiceException):
    code = "TextSizeLimitExceededException"


class BatchSizeLimitExceededException(ServiceException):
    code = "BatchSizeLimitExceededException"
