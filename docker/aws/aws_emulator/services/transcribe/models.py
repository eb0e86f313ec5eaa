"""State of Amazon Transcribe, one backend for each account and region."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends

from aws_emulator.announcements import send_event
from aws_emulator.jobs.errors import QueueFull
from aws_emulator.jobs.queue import JOBS, Job
from aws_emulator.services.transcribe import reasons, storage
from aws_emulator.services.transcribe.checks import refuse_start
from aws_emulator.services.transcribe.exceptions import (
    NO_JOB,
    NO_VOCABULARY,
    BadRequestException,
    ConflictException,
    LimitExceededException,
    NotFoundException,
)
from aws_emulator.services.transcribe.job import ACTIVE, KEPT_FOR, TranscriptionJob, now
from aws_emulator.services.transcribe.listing import page_of
from aws_emulator.services.transcribe.locations import Location, location_of, object_url, output_key
from aws_emulator.services.transcribe.order import Order
from aws_emulator.services.transcribe.vocabularies import (
    MOST_VOCABULARIES,
    Vocabulary,
    VocabularyBroken,
    phrases_in,
    refuse_large,
)

ENTRY = "aws_emulator.services.transcribe.engine:run"
MOST_ACTIVE = 250  # https://docs.aws.amazon.com/general/latest/gr/transcribe.html
LIMIT_S = 24 * 3600.0  # four hours of two channels at three times real time
LIMIT_BYTES = 8 * 1024**3  # Whisper's large model; pocketsphinx needs a twentieth
Json = dict[str, Any]


class TranscribeBackend(BaseBackend):
    """Jobs and vocabularies of one account in one region. It is also the listener of its jobs."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()
        self._jobs: dict[str, TranscriptionJob] = {}
        self._vocabularies: dict[str, Vocabulary] = {}

    def reset(self) -> None:
        with self._lock:
            for job in self._jobs.values():
                JOBS.cancel(job.job_id)
        super().reset()

    # jobs

    def start_transcription_job(self, params: Json, own_host: str) -> TranscriptionJob:
        """Accept a job. Raises what AWS raises at once; what only the file tells comes as FAILED later."""
        refuse_start(params)
        name = params["TranscriptionJobName"]
        with self._lock:
            self._forget_expired()
            if name in self._jobs:
                raise ConflictException("The requested job name already exists. Use a different job name.")
            self._refuse_vocabularies(params)
            media = self._media(params["Media"]["MediaFileUri"], own_host)
            job_id = f"transcribe-{uuid.uuid4()}"
            job = TranscriptionJob(
                name=name,
                job_id=job_id,
                params=params,
                media=media,
                output=self._output(params, job_id),
                status=self._first_status(params),
                tags={tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()},
            )
            if job.status == "IN_PROGRESS":
                job.started = now()
            try:
                JOBS.submit(self._work(job), self)
            except QueueFull as error:
                raise LimitExceededException(f"Too many jobs wait in the local AWS: {error}") from error
            self._jobs[name] = job
            return job

    def _first_status(self, params: Json) -> str:
        if sum(job.status == "IN_PROGRESS" for job in self._jobs.values()) < MOST_ACTIVE:
            return "IN_PROGRESS"
        if (params.get("JobExecutionSettings") or {}).get("AllowDeferredExecution"):
            return "QUEUED"
        raise LimitExceededException(
            f"You have too many jobs in progress: {MOST_ACTIVE} may run at the same time. Wait until one is done, or "
            "set JobExecutionSettings.AllowDeferredExecution, and try your request again."
        )

    def _media(self, uri: str, own_host: str) -> Location:
        media = location_of(uri, own_host)
        if media is None:
            raise BadRequestException(reasons.NO_OBJECT)
        self._object(media)
        return media

    def _object(self, location: Location) -> Any:
        """What S3 has at ``location``. Raises ``BadRequestException`` in AWS's words if it has nothing there."""
        try:
            found = s3_backends[self.account_id][self.partition].get_object(location.bucket, location.key)
        except ServiceException as error:  # no such bucket
            raise BadRequestException(reasons.UNREADABLE) from error
        if found is None:
            raise BadRequestException(reasons.NO_OBJECT)
        return found

    def _output(self, params: Json, job_id: str) -> Location:
        bucket, name = params.get("OutputBucketName"), params["TranscriptionJobName"]
        if not bucket:
            return storage.service_location(self.region_name, f"{self.account_id}/{name}/{job_id}/asrOutput.json")
        try:
            s3_backends[self.account_id][self.partition].get_bucket(bucket)
        except ServiceException as error:
            raise BadRequestException(reasons.UNWRITABLE) from error
        return Location(bucket, output_key(name, params.get("OutputKey")))

    def _refuse_vocabularies(self, params: Json) -> None:
        ids = params.get("LanguageIdSettings") or {}
        asked = [((params.get("Settings") or {}).get("VocabularyName"), params.get("LanguageCode"))]
        asked += [(own.get("VocabularyName"), language) for language, own in ids.items()]
        for name, language in asked:
            if not name:
                continue
            vocabulary = self.vocabulary(name)
            if vocabulary.state != "READY":
                raise BadRequestException(f"The vocabulary {name} isn't ready: it is {vocabulary.state}.")
            if language and vocabulary.language != language:
                raise BadRequestException(
                    f"The vocabulary {name} is in {vocabulary.language}, the job in {language}: use one in the same."
                )

    def _work(self, job: TranscriptionJob) -> Job:
        params = job.params
        order = Order(
            job_name=job.name,
            account=self.account_id,
            media=job.media,
            output=None if job.in_service_bucket else job.output,
            media_format=params.get("MediaFormat"),
            sample_rate_hz=params.get("MediaSampleRateHertz"),
            language=params.get("LanguageCode"),
            options=tuple(params.get("LanguageOptions") or ()),
            by_channel=bool((params.get("Settings") or {}).get("ChannelIdentification")),
            subtitles=tuple(job.subtitle_forms),
            start_index=job.start_index,
        )
        return Job(
            job.job_id,
            "transcribe",
            self.account_id,
            self.region_name,
            ENTRY,
            order.to_json(),
            limit_s=LIMIT_S,
            limit_bytes=LIMIT_BYTES,
        )

    def transcription_job(self, name: str) -> TranscriptionJob:
        with self._lock:
            self._forget_expired()
            if name not in self._jobs:
                raise BadRequestException(NO_JOB)
            return self._jobs[name]

    def addresses(self, job: TranscriptionJob, endpoint_url: str) -> dict[str, str]:
        """The addresses of what a completed job wrote; those in the service's bucket are signed anew each time."""
        if job.status != "COMPLETED":
            return {}
        if job.in_service_bucket:
            return {
                form: storage.presigned_url(endpoint_url, self.region_name, place)
                for form, place in job.outputs().items()
            }
        return {form: object_url(endpoint_url, place) for form, place in job.outputs().items()}

    def list_transcription_jobs(
        self, status: str | None, contains: str | None, size: int | None, token: str | None
    ) -> tuple[Sequence[TranscriptionJob], str | None]:
        with self._lock:
            self._forget_expired()
            chosen = [
                job
                for job in self._jobs.values()
                if status in (None, job.status) and (contains or "").lower() in job.name.lower()
            ]
        return page_of(chosen, size, token)

    def delete_transcription_job(self, name: str) -> None:
        """Forget a job, and cancel it if it runs. The transcript in a user's bucket stays."""
        with self._lock:
            job = self.transcription_job(name)
            del self._jobs[name]
        JOBS.cancel(job.job_id)
        self._clear_away(job)

    def _forget_expired(self) -> None:
        for name, job in list(self._jobs.items()):
            if job.status not in ACTIVE and now() - job.created > KEPT_FOR:
                del self._jobs[name]
                self._clear_away(job)

    @staticmethod
    def _clear_away(job: TranscriptionJob) -> None:
        if job.in_service_bucket:
            for place in job.outputs().values():
                storage.forget(place)

    # the listener of the jobs: called by the queue's threads

    def on_started(self, job_id: str) -> None:
        with self._lock:
            job = self._by_id(job_id)
            if job is not None and job.status == "QUEUED":
                job.status, job.started = "IN_PROGRESS", now()

    def on_progress(self, job_id: str, percent: int, phase: str, details: Json) -> None:
        """Transcribe tells nobody how far a job is."""

    def on_complete(self, job_id: str, result: Json) -> None:
        with self._lock:
            job = self._by_id(job_id)
            if job is None:
                return
            for form, kept in result.get("kept", {}).items():
                storage.keep(job.outputs()[form], self.region_name, Path(kept).read_bytes())
                Path(kept).unlink()
            job.status, job.completed, job.found = "COMPLETED", now(), result
        self._announce(job)

    def on_failed(self, job_id: str, code: str, message: str) -> None:
        with self._lock:
            job = self._by_id(job_id)
            if job is None:
                return
            job.status, job.completed = "FAILED", now()
            job.failure_reason = message if code == reasons.FAILED else f"Internal failure: {message}"
        self._announce(job)

    def _by_id(self, job_id: str) -> TranscriptionJob | None:
        return next((job for job in self._jobs.values() if job.job_id == job_id), None)

    def _announce(self, job: TranscriptionJob) -> None:
        detail = {"TranscriptionJobName": job.name, "TranscriptionJobStatus": job.status}
        if job.failure_reason is not None:
            detail["FailureReason"] = job.failure_reason
        send_event(self.account_id, self.region_name, "aws.transcribe", "Transcribe Job State Change", detail)

    # vocabularies

    def put_vocabulary(self, params: Json, own_host: str, *, new: bool) -> Vocabulary:
        """Make a vocabulary, or replace it. What its file holds decides whether it becomes READY or FAILED."""
        name = params["VocabularyName"]
        given = [source for source in ("Phrases", "VocabularyFileUri") if params.get(source)]
        if len(given) != 1:
            raise BadRequestException("Either Phrases or VocabularyFileUri field should be provided.")
        phrases, failure = list(params.get("Phrases") or ()), None
        if "VocabularyFileUri" in given:
            place = location_of(params["VocabularyFileUri"], own_host)
            if place is None:
                raise BadRequestException(reasons.UNREADABLE)
            try:
                file = self._object(place)
                refuse_large(file.size)  # before it is read
                phrases = phrases_in(file.value)
            except VocabularyBroken as error:
                failure = str(error)
        with self._lock:
            known = self._vocabularies.get(name)
            if new and known:
                raise ConflictException(
                    "The requested vocabulary name already exists. Use a different vocabulary name."
                )
            if not new and known is None:
                raise NotFoundException(NO_VOCABULARY)
            if new and len(self._vocabularies) >= MOST_VOCABULARIES:
                raise LimitExceededException(
                    "You have too many vocabularies. Delete a vocabulary and try your request again."
                )
            tags = known.tags if known else {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
            vocabulary = Vocabulary(
                name=name,
                language=params["LanguageCode"],
                phrases=phrases,
                modified=now(),
                failure_reason=failure,
                role=params.get("DataAccessRoleArn"),
                encryption=params.get("EncryptionConfiguration"),
                tags=tags,
            )
            self._vocabularies[name] = vocabulary
        storage.keep(self._vocabulary_file(name), self.region_name, "\n".join(phrases).encode())
        detail = {"VocabularyName": name, "VocabularyState": vocabulary.state}
        send_event(self.account_id, self.region_name, "aws.transcribe", "Vocabulary State Change", detail)
        return vocabulary

    def vocabulary(self, name: str) -> Vocabulary:
        with self._lock:
            if name not in self._vocabularies:
                raise BadRequestException(NO_VOCABULARY)
            return self._vocabularies[name]

    def vocabulary_url(self, vocabulary: Vocabulary, endpoint_url: str) -> str:
        """Where its phrases can be read for 15 minutes."""
        return storage.presigned_url(endpoint_url, self.region_name, self._vocabulary_file(vocabulary.name))

    def list_vocabularies(
        self, state: str | None, contains: str | None, size: int | None, token: str | None
    ) -> tuple[Sequence[Vocabulary], str | None]:
        with self._lock:
            chosen = [
                one
                for one in self._vocabularies.values()
                if state in (None, one.state) and (contains or "").lower() in one.name.lower()
            ]
        return page_of(chosen, size, token)

    def delete_vocabulary(self, name: str) -> None:
        with self._lock:
            self.vocabulary(name)
            del self._vocabularies[name]
        storage.forget(self._vocabulary_file(name))

    def _vocabulary_file(self, name: str) -> Location:
        return storage.service_location(self.region_name, f"{self.account_id}/vocabularies/{name}.txt")

    # tags

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags of the resource that ``arn`` names, to read or to change. Raises ``NotFoundException``."""
        *_, region, account, resource = arn.split(":", 5)
        kind, _, name = resource.partition("/")
        kinds: dict[str, dict[str, Any]] = {"transcription-job": self._jobs, "vocabulary": self._vocabularies}
        with self._lock:
            if (region, account) != (self.region_name, self.account_id) or name not in kinds.get(kind, {}):
                raise NotFoundException(
                    f"The resource {arn} couldn't be found. Check its ARN and try your request again."
                )
            return kinds[kind][name].tags


transcribe_backends = BackendDict(TranscribeBackend, "transcribe")
