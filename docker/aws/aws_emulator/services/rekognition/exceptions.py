"""What Rekognition refuses, by the names of its service model."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ValidationException(ServiceException):
    """A constraint of the service model is broken; AWS answers so, though its model does not list it."""

    code = "ValidationException"


class InvalidParameterException(ServiceException):
    code = "InvalidParameterException"


class InvalidS3ObjectException(ServiceException):
    code = "InvalidS3ObjectException"

    def __init__(self) -> None:
        super().__init__("Unable to get object metadata from S3. Check object key, region and/or access permissions.")


class VideoTooLargeException(ServiceException):
    code = "VideoTooLargeException"


class LimitExceededException(ServiceException):
    code = "LimitExceededException"


class ThrottlingException(ServiceException):
    code = "ThrottlingException"


class IdempotentParameterMismatchException(ServiceException):
    code = "IdempotentParameterMismatchException"

    def __init__(self) -> None:
        super().__init__("The ClientRequestToken was used before, with other parameters.")


class InvalidPaginationTokenException(ServiceException):
    code = "InvalidPaginationTokenException"

    def __init__(self) -> None:
        super().__init__("The NextToken is not one of this job's and this request's.")


class ResourceNotFoundException(ServiceException):
    code = "ResourceNotFoundException"

    def __init__(self) -> None:
        super().__init__("Could not find JobId")
