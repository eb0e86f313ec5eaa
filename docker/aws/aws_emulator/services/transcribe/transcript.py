"""The transcript document, in the shape that Amazon Transcribe writes.

Sources: recorded outputs (basic, two speakers, silent audio) and the developer guide's examples of channel
identification and of language identification. Numbers are strings there, and an item of punctuation has no times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_emulator.services.transcribe.words import Word, text_of, utterances

Json = dict[str, Any]


def decimal(value: float) -> str:
    """A number as the transcript writes it: at most three places, at least one.

    >>> decimal(8.49), decimal(1), decimal(0.90249)
    ('8.49', '1.0', '0.902')
    """
    return str(round(float(value), 3))


def transcript_document(
    job_name: str,
    account: str,
    channels: Sequence[Sequence[Word]],
    *,
    by_channel: bool = False,
    languages: Sequence[tuple[str, float]] = (),
) -> Json:
    """The document of a job that completed.

    ``channels`` holds the words of each channel that was transcribed by itself: one, unless ``by_channel``.
    ``languages`` are the identified (code, score) pairs, best first; empty if the language was given.
    """
    items: list[Json] = []
    segments: list[Json] = []
    labelled: list[Json] = []
    parts = [
        (part, f"ch_{number}" if by_channel else None)
        for number, words in enumerate(channels)
        for part in utterances(words)
    ]
    for part, channel in sorted(parts, key=lambda entry: entry[0][0].start_s):
        first = len(items)
        items += _items(part, first, channel)
        segments.append(
            {
                "id": len(segments),
                "transcript": text_of(part),
                "start_time": decimal(part[0].start_s),
                "end_time": decimal(part[-1].end_s),
                **({"channel_label": channel} if channel else {}),
                "items": list(range(first, len(items))),
            }
        )
    results: Json = {"transcripts": [{"transcript": " ".join(segment["transcript"] for segment in segments)}]}
    if languages:
        results["language_code"] = languages[0][0]
        results["language_identification"] = [{"score": decimal(score), "code": code} for code, score in languages]
    if by_channel:
        for number in range(len(channels)):
            label = f"ch_{number}"
            own = [{k: v for k, v in item.items() if k != "id"} for item in items if item["channel_label"] == label]
            labelled.append({"channel_label": label, "items": own})
        results["channel_labels"] = {"channels": labelled, "number_of_channels": len(channels)}
    if not items:
        results["speaker_labels"] = None  # so it stands in the recorded output of silent audio
    results |= {"items": items, "audio_segments": segments}
    return {"jobName": job_name, "accountId": account, "status": "COMPLETED", "results": results}


def _items(words: Sequence[Word], first: int, channel: str | None) -> list[Json]:
    label = {"channel_label": channel} if channel else {}
    items: list[Json] = []
    for word in words:
        items.append(
            {
                "id": first + len(items),
                **label,
                "start_time": decimal(word.start_s),
                "end_time": decimal(word.end_s),
                "alternatives": [{"confidence": decimal(word.confidence), "content": word.text}],
                "type": "pronunciation",
            }
        )
        if word.mark:
            items.append(
                {
                    "id": first + len(items),
                    **label,
                    "alternatives": [{"confidence": "0.0", "content": word.mark}],
                    "type": "punctuation",
                }
            )
    return items
