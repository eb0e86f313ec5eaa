"""A transcription job's work: fetch, decode, recognise, write the transcript and its subtitles."""

from __future__ import annotations

import json
from typing import Any

from aws_emulator.jobs.errors import AccessDenied, ObjectMissing, TooLarge
from aws_emulator.jobs.task import Task
from aws_emulator.services.transcribe import audio, reasons
from aws_emulator.services.transcribe.locations import subtitle_key
from aws_emulator.services.transcribe.order import Order
from aws_emulator.services.transcribe.reasons import failed
from aws_emulator.services.transcribe.recognisers import Recogniser, recogniser_for
from aws_emulator.services.transcribe.subtitles import CONTENT_TYPES, subtitles
from aws_emulator.services.transcribe.transcript import transcript_document
from aws_emulator.services.transcribe.words import Word

DECODED = 10  # percent of a job's work


def run(task: Task) -> dict[str, Any]:
    """Do a job; ``task.request`` is an ``Order`` as JSON. Returns what GetTranscriptionJob fills in.

    Raises ``JobFailed`` with Transcribe's FailureReason.
    """
    order = Order.from_json(task.request)
    recogniser = recogniser_for(task.settings.speech_model, task.settings.threads)
    if order.language is not None:
        recogniser.refuse_language(order.language)
    sound = _decode(task, order)
    task.report(DECODED, "IDENTIFYING" if order.language is None else "TRANSCRIBING")
    identified = recogniser.identify(sound.channels[0], order.options) if order.language is None else []
    language = order.language or identified[0][0]
    channels = [
        _hear(task, recogniser, sound, number, language, len(sound.channels)) for number in range(len(sound.channels))
    ]
    kept = _write(task, order, channels, identified)
    return {
        "kept": kept,
        "media_format": sound.media_format,
        "sample_rate_hz": sound.sample_rate_hz,
        "duration_s": sound.duration_s,
        "language": language,
        "language_score": identified[0][1] if identified else None,
        "words": sum(len(words) for words in channels),
    }


def _decode(task: Task, order: Order) -> audio.Sound:
    media = order.media
    try:
        size_bytes = task.stat(media.bucket, media.key).size_bytes
        if not size_bytes:
            raise failed(reasons.INVALID_DATA, "the file is empty")
        path = task.fetch(media.bucket, media.key, most_bytes=audio.LARGEST_BYTES)
    except ObjectMissing as error:
        raise failed(reasons.NO_OBJECT) from error
    except AccessDenied as error:
        raise failed(reasons.UNREADABLE) from error
    except TooLarge as error:
        raise failed(reasons.TOO_MANY_BYTES, str(error)) from error
    task.report(0, "DECODING")
    sound = audio.decode(
        path,
        task.folder,
        claimed_format=order.media_format,
        claimed_rate_hz=order.sample_rate_hz,
        by_channel=order.by_channel,
    )
    path.unlink()  # the rest of the job needs the sound alone
    return sound


def _hear(
    task: Task, recogniser: Recogniser, sound: audio.Sound, number: int, language: str, channels: int
) -> list[Word]:
    words: list[Word] = []
    for heard_s, said in recogniser.hear(sound.channels[number], language):
        words += said
        share = (number + min(1.0, heard_s / sound.duration_s)) / channels
        task.report(DECODED + int((99 - DECODED) * share), "TRANSCRIBING")
    return words


def _write(task: Task, order: Order, channels: list[list[Word]], identified: list[tuple[str, float]]) -> dict[str, str]:
    """Write transcript and subtitles to the user's bucket, or keep them for the service: form -> path."""
    document = transcript_document(
        order.job_name, order.account, channels, by_channel=order.by_channel, languages=identified
    )
    spoken = sorted((word for words in channels for word in words), key=lambda word: word.start_s)
    written = {form: subtitles(spoken, form, order.start_index).encode() for form in order.subtitles}
    written["json"] = json.dumps(document).encode()
    if order.output is None:
        return {form: task.keep(f"transcript.{form}", content) for form, content in written.items()}
    bucket, key = order.output.bucket, order.output.key
    try:
        for form, content in written.items():  # the transcript last: who waits for it finds the rest
            name = key if form == "json" else subtitle_key(key, form)
            task.put(bucket, name, content, content_type=CONTENT_TYPES[form])
    except (ObjectMissing, AccessDenied) as error:
        raise failed(reasons.UNWRITABLE) from error
    return {}
