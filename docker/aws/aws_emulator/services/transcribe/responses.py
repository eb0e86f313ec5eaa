"""Amazon Transcribe on the wire: one method for each operation."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from moto.core.responses import ActionResult, EmptyResult

from aws_emulator.services.response import EngineResponse
from aws_emulator.services.transcribe.checks import refuse_malformed
from aws_emulator.services.transcribe.exceptions import BadRequestException
from aws_emulator.services.transcribe.models import TranscribeBackend, transcribe_backends

MOST_TAGS = 50


class TranscribeResponse(EngineResponse):
    """What is not a method here is not offered: medical jobs, call analytics, filters, language models."""

    def __init__(self) -> None:
        super().__init__("transcribe")

    @property
    def backend(self) -> TranscribeBackend:
        return transcribe_backends[self.current_account][self.region]

    def _checked(self) -> dict[str, Any]:
        """The parameters of the request, once they satisfy the service model."""
        params = dict(self._get_params())
        refuse_malformed(self._get_action(), params)
        return params

    @property
    def _own_host(self) -> str:
        return self.headers.get("Host", "")

    @property
    def _endpoint_url(self) -> str:
        """How the client reaches this AWS: the addresses it gets are the client's own."""
        return f"{urlsplit(self.uri).scheme or 'http'}://{self._own_host}"

    def start_transcription_job(self) -> ActionResult:
        job = self.backend.start_transcription_job(dict(self._get_params()), self._own_host)
        return ActionResult({"TranscriptionJob": job.started_json()})

    def get_transcription_job(self) -> ActionResult:
        job = self.backend.transcription_job(self._checked()["TranscriptionJobName"])
        return ActionResult({"TranscriptionJob": job.full_json(self.backend.addresses(job, self._endpoint_url))})

    def list_transcription_jobs(self) -> ActionResult:
        params = self._checked()
        jobs, token = self.backend.list_transcription_jobs(
            params.get("Status"), params.get("JobNameContains"), params.get("MaxResults"), params.get("NextToken")
        )
        return _page(
            {"Status": params.get("Status")}, "TranscriptionJobSummaries", [job.summary() for job in jobs], token
        )

    def delete_transcription_job(self) -> EmptyResult:
        self.backend.delete_transcription_job(self._checked()["TranscriptionJobName"])
        return EmptyResult()

    def create_vocabulary(self) -> ActionResult:
        return self._put_vocabulary(new=True)

    def update_vocabulary(self) -> ActionResult:
        return self._put_vocabulary(new=False)

    def _put_vocabulary(self, *, new: bool) -> ActionResult:
        vocabulary = self.backend.put_vocabulary(self._checked(), self._own_host, new=new)
        return ActionResult(vocabulary.summary() | {"VocabularyState": "PENDING"})  # AWS answers before it has looked

    def get_vocabulary(self) -> ActionResult:
        vocabulary = self.backend.vocabulary(self._checked()["VocabularyName"])
        told = vocabulary.summary()
        if vocabulary.failure_reason:
            told["FailureReason"] = vocabulary.failure_reason
        else:
            told["DownloadUri"] = self.backend.vocabulary_url(vocabulary, self._endpoint_url)
        if vocabulary.role:
            told["DataAccessRoleArn"] = vocabulary.role
        if vocabulary.encryption:
            told["EncryptionConfiguration"] = vocabulary.encryption
        return ActionResult(told)

    def list_vocabularies(self) -> ActionResult:
        params = self._checked()
        vocabularies, token = self.backend.list_vocabularies(
            params.get("StateEquals"), params.get("NameContains"), params.get("MaxResults"), params.get("NextToken")
        )
        return _page(
            {"Status": params.get("StateEquals")}, "Vocabularies", [one.summary() for one in vocabularies], token
        )

    def delete_vocabulary(self) -> EmptyResult:
        self.backend.delete_vocabulary(self._checked()["VocabularyName"])
        return EmptyResult()

    def tag_resource(self) -> EmptyResult:
        params = self._checked()
        tags = self.backend.tags_of(params["ResourceArn"])
        added = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
        if len(tags | added) > MOST_TAGS:
            raise BadRequestException(f"A resource can have {MOST_TAGS} tags at most.")
        tags |= added
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        params = self._checked()
        tags = self.backend.tags_of(params["ResourceArn"])
        for key in params["TagKeys"]:
            tags.pop(key, None)
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        arn = self._checked()["ResourceArn"]
        tags = [{"Key": key, "Value": value} for key, value in self.backend.tags_of(arn).items()]
        return ActionResult({"ResourceArn": arn, "Tags": tags})


def _page(echoed: dict[str, Any], name: str, entries: list[dict[str, Any]], token: str | None) -> ActionResult:
    told = {key: value for key, value in echoed.items() if value is not None} | {name: entries}
    return ActionResult(told | ({"NextToken": token} if token else {}))
