"""What a source answers, asked again only when its terms allow it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.catalog.keys import answer_key
from include.settings import SETTINGS
from include.sources.http import PoliteClient
from include.sources.source import Request, Source
from media_lake.hooks.s3 import LakeHook

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceAnswers:
    """Asks a source through its client, and keeps what it answers for as long as ``Source.keep_answers_s`` says.

    Kept answers lie in the processed bucket for the whole deployment, with the time at which they came. An error is no
    answer. The API key is no part of a request here, and so neither of the key under which its answer lies.
    """

    source: Source
    client: PoliteClient
    lake: LakeHook
    base_url: str
    utc_now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def fetch_json(self, request: Request) -> dict[str, Any]:
        """Return the answer to a request.

        :raises SourceError: as ``PoliteClient.fetch_json`` does.
        """
        if not self.source.keep_answers_s:
            return self._asked(request)
        key = self._key(request)
        kept = self._kept(key)
        if kept is not None:
            return kept
        answer = self._asked(request)
        record = {"asked_at": self.utc_now().isoformat(timespec="seconds"), "answer": answer}
        self.lake.write_text(SETTINGS.processed_bucket, key, json.dumps(record))
        return answer

    def _asked(self, request: Request) -> dict[str, Any]:
        return self.client.fetch_json(request.path, request.params, check=self.source.check_answer)

    def forget(self, request: Request) -> None:
        """Drop an answer that turned out to be none."""
        if self.source.keep_answers_s:
            self.lake.delete(SETTINGS.processed_bucket, self._key(request))

    def _key(self, request: Request) -> str:
        asked = json.dumps([self.base_url, request.path, request.params])
        return answer_key(self.source.name, hashlib.sha256(asked.encode()).hexdigest())

    def _kept(self, key: str) -> dict[str, Any] | None:
        text = self.lake.read_text(SETTINGS.processed_bucket, key)
        if text is None:
            return None
        try:
            record = json.loads(text)
            age = self.utc_now() - datetime.fromisoformat(record["asked_at"])
            answer: dict[str, Any] = record["answer"]
        except (ValueError, TypeError, KeyError):
            log.warning("%s is no kept answer: asking %s again", key, self.source.name)
            return None
        if abs(age) >= timedelta(seconds=self.source.keep_answers_s):  # one from the future: a clock was wrong
            return None
        log.info("%s answered this %s ago: not asked again", self.source.name, age)
        return answer
