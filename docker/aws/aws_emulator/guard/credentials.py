"""Whose secret belongs to an access key: the emulator's own table, and the keys made through IAM and STS."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from aws_emulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTITION = "aws"


@dataclass(frozen=True, slots=True)
class Secret:
    """The secret of an access key and, for temporary credentials, the session token that must come with it."""

    key: str
    session_token: str | None = None


class Credentials:
    """The access keys that the emulator knows."""

    def __init__(self, static: Mapping[str, str]) -> None:
        self.static = dict(static)

    def secret_of(self, access_key: str, session_token: str | None) -> Secret:
        """The secret that ``access_key`` signs with.

        Raises ``InvalidAccessKeyId`` for an unknown key, ``InvalidToken`` and ``ExpiredToken`` for temporary
        credentials whose token is wrong or old. A static key may bring any token: tools invent one.
        """
        if access_key in self.static:
            return Secret(self.static[access_key])
        secret = self._temporary(access_key) or self._permanent(access_key)
        if secret is None:
            raise Refusal(
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
                AWSAccessKeyId=access_key,
            )
        if secret.session_token is not None and secret.session_token != session_token:
            raise Refusal("InvalidToken", "The provided token is malformed or otherwise invalid.")
        return secret

    @staticmethod
    def _temporary(access_key: str) -> Secret | None:
        for account in list(sts_backends.values()):
            for role in list(account[PARTITION].assumed_roles):
                if role.access_key_id == access_key:
                    if role.expiration < datetime.datetime.now(datetime.UTC).replace(tzinfo=None):
                        raise Refusal("ExpiredToken", "The provided token has expired.")
                    return Secret(role.secret_access_key, role.session_token)
        return None

    @staticmethod
    def _permanent(access_key: str) -> Secret | None:
        for account in list(iam_backends.values()):
            key = account[PARTITION].access_keys.get(access_key)
            if key is not None and key.status == "Active":
                return Secret(key.secret_access_key)
        return None
