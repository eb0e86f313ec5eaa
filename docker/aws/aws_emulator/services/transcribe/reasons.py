"""Why a transcription job fails, in the words of Amazon Transcribe.

The first sentences are the values that the API reference lists for ``FailureReason`` and those that users recorded;
what stands behind them in brackets is ours: what was found in this very file.
"""

from __future__ import annotations

from aws_emulator.jobs.errors import JobFailed

FAILED = "FAILED"  # the code of a failure that Transcribe words itself
UNSUPPORTED_FORMAT = "Unsupported media format."
OTHER_FORMAT = "The media format provided does not match the detected media format."
INVALID_RATE = "Invalid sample rate for audio file."
OTHER_RATE = "The sample rate provided does not match the detected sample rate."
TOO_MANY_BYTES = "Invalid file size: file size too large."
TOO_MANY_CHANNELS = "Invalid number of channels: number of channels too large."
TOO_SHORT = (
    "The input media file length is too small. Minimum audio duration is 0.500000 seconds. "
    "Check the length of the file and try your request again."
)
TOO_LONG = (  # no recording of this one is known: worded like the one above
    "The input media file length is too large. Maximum audio duration is 14400.000000 seconds. "
    "Check the length of the file and try your request again."
)
INVALID_DATA = "The data in your input media file isn't valid. Check the media file and try your request again."
NO_SPEECH_TO_IDENTIFY = (
    "Your audio file must have a speech segment long enough in duration to perform automatic language identification. "
    "Provide an audio file with someone speaking for a longer period of time and try your request again."
)
NO_OBJECT = (
    "The URI that you provided doesn't point to an S3 object. Make sure that the object exists and try your request "
    "again."
)
UNREADABLE = (
    "The S3 URI that you provided can't be accessed. "
    "Make sure that you have read permission and try your request again."
)
UNWRITABLE = (
    "The specified S3 bucket can't be accessed. Make sure that you have write permission and try your request again."
)


def failed(reason: str, found: str = "") -> JobFailed:
    """The failure of a job for ``reason``; ``found`` says what was seen in this file.

    >>> str(failed(UNSUPPORTED_FORMAT, "matroska"))
    'FAILED: Unsupported media format. (matroska)'
    """
    return JobFailed(FAILED, f"{reason} ({found.rstrip('.')})" if found else reason)
