"""The errors of CloudFront's key groups and public keys, by the names of its service model."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class InvalidArgument(ServiceException):
    code = "InvalidArgument"


class NoSuchPublicKey(ServiceException):
    code = "NoSuchPublicKey"
    message = "The specified public key doesn't exist."


class NoSuchResource(ServiceException):
    code = "NoSuchResource"
    message = "The specified key group doesn't exist."


class PreconditionFailed(ServiceException):
    code = "PreconditionFailed"
    message = "The If-Match version is not the current version of the resource."


class PublicKeyInUse(ServiceException):
    code = "PublicKeyInUse"
    message = "The specified public key is in use: take it out of its key groups first."


class ResourceInUse(ServiceException):
    code = "ResourceInUse"
    message = "Cannot delete this resource because it is in use: a distribution trusts the key group."


class TooManyPublicKeysInKeyGroup(ServiceException):
    code = "TooManyPublicKeysInKeyGroup"
    message = "The number of public keys in this key group is more than the maximum allowed."
