"""Requests against the constraints of AWS's service models."""

from __future__ import annotations

import unicodedata

import pytest
from botocore.loaders import Loader
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_emulator.services import SERVICES
from aws_emulator.validation import check_members, compiled

GOOD = {"TranscriptionJobName": "talk-1", "Media": {"MediaFileUri": "s3://bucket/key"}, "LanguageCode": "en-US"}
MODELLED = ("comprehend", "mediaconvert", "rekognition", "transcribe")


class Refused(Exception):
    pass


def check(**changes) -> None:
    params = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    check_members("transcribe", "StartTranscriptionJob", params, Refused)


def test_a_request_within_its_constraints_passes():
    check()
    check(Settings={"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}, MediaSampleRateHertz=8000, JobTags=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"TranscriptionJobName": None}, "Value null at 'transcriptionJobName' failed .*: Member must not be null"),
        (
            {"TranscriptionJobName": "a b"},
            r"Value 'a b' at 'transcriptionJobName' .*: Member must satisfy regular expression pattern: \^\[0-9a-zA-Z",
        ),
        ({"TranscriptionJobName": "a" * 201}, "Member must have length less than or equal to 200"),
        ({"TranscriptionJobName": ""}, "Member must have length greater than or equal to 1"),
        ({"LanguageCode": "xx-XX"}, r"at 'languageCode' .*: Member must satisfy enum value set: \[af-ZA, "),
        (
            {"MediaSampleRateHertz": 7999},
            "at 'mediaSampleRateHertz' .*: Member must have value greater than or equal to 8000",
        ),
        ({"MediaSampleRateHertz": 48001}, "Member must have value less than or equal to 48000"),
        ({"Media": {"MediaFileUri": "file:///x"}}, "Value 'file:///x' at 'media.mediaFileUri' failed"),
        ({"Media": "s3://bucket/key"}, "at 'media' .*: Member must be of type structure"),
        ({"MediaSampleRateHertz": "many"}, "at 'mediaSampleRateHertz' .*: Member must be of type integer"),
        ({"MediaSampleRateHertz": True}, "Member must be of type integer"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": ""}]}, "Value null at 'tags.2.member.value'"),
        ({"Tags": []}, "at 'tags' .*: Member must have length greater than or equal to 1"),
        ({"KMSEncryptionContext": {"": "x"}}, "at 'kMSEncryptionContext.key' .*: Member must have length greater"),
        ({"Settings": {"MaxSpeakerLabels": 1}}, "at 'settings.maxSpeakerLabels' .*: Member must have value greater"),
    ],
)
def test_what_breaks_a_constraint_is_refused_in_the_words_of_aws(changes, message):
    with pytest.raises(Refused, match=f"validation errors? detected: .*{message}"):
        check(**changes)


def test_violations_are_counted():
    with pytest.raises(Refused, match=r"^2 validation errors detected: .*; Value 'xx'"):
        check(TranscriptionJobName="a b", LanguageCode="xx")
    with pytest.raises(Refused, match=r"^1 validation error detected: "):
        check(LanguageCode="xx")


def test_an_operation_without_input_has_no_constraints():
    check_members("iam", "GetAccountSummary", {}, Refused)


@pytest.mark.parametrize("service", sorted({*MODELLED, *(service.name for service in SERVICES)}))
def test_every_pattern_of_the_models_can_be_read(service):
    shapes = Loader().load_service_model(service, "service-2")["shapes"]
    patterns = {shape["pattern"] for shape in shapes.values() if "pattern" in shape}
    assert patterns
    for pattern in patterns:
        assert compiled(pattern)


@settings(deadline=None)  # the first look goes through all of Unicode
@given(st.text(max_size=50))
def test_unicode_properties_mean_what_they_say(text):
    letters = compiled(r"^[\p{L}_]*$").fullmatch(text) is not None
    assert letters == all(unicodedata.category(char).startswith("L") or char == "_" for char in text)
    outside = compiled(r"\P{L}*").fullmatch(text) is not None
    assert outside == (not any(unicodedata.category(char).startswith("L") for char in text))
