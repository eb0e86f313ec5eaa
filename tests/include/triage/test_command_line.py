"""The command that tries the rules on kept results, on answers in the shapes of the services."""

from __future__ import annotations

import json

import pytest

from include.catalog.records import record_to_json
from include.triage.__main__ import main
from tests.include.triage.evidences import signals

LABELS = {
    "VideoMetadata": {"DurationMillis": 6800},
    "Labels": [{"Timestamp": 500, "Label": {"Name": "Fire", "Confidence": 93.0, "Instances": [], "Parents": []}}],
}
PICTURE = {"Labels": [{"Name": "Car", "Confidence": 99.1, "Instances": [], "Parents": [{"Name": "Vehicle"}]}]}
PICTURE_TEXT = {"TextDetections": [{"DetectedText": "IT'S MONDAY", "Type": "LINE", "Id": 0, "Confidence": 99.9}]}
STRETCHES = {
    "VideoMetadata": {"DurationMillis": 6800},
    "Labels": [
        {"Timestamp": 0, "StartTimestampMillis": 0, "EndTimestampMillis": 4000, "DurationMillis": 4000,
         "Label": {"Name": name, "Confidence": 99.0, "Instances": [], "Parents": []}}
        for name in ("Car", "Kangaroo", "Bicycle")
    ],
}  # fmt: skip
MODERATION = {
    "ModerationLabels": [
        {"Timestamp": 0, "ModerationLabel": {"Confidence": 97.4, "ParentName": "Violence", "Name": "Weapon Violence"}}
    ]
}
SEGMENTS = {
    "VideoMetadata": [{"DurationMillis": 9000}],
    "Segments": [
        {"Type": "SHOT", "StartTimestampMillis": 0, "EndTimestampMillis": 9000, "ShotSegment": {"Confidence": 87.0}}
    ],
}
SILENT = {"results": {"transcripts": [{"transcript": ""}], "speaker_labels": None, "items": []}}


def transcript(*words: str) -> dict:
    items = [
        {
            "type": "pronunciation",
            "start_time": str(number),
            "end_time": str(number + 0.5),
            "alternatives": [{"confidence": "0.98", "content": word}],
        }
        for number, word in enumerate(words)
    ]
    return {"results": {"transcripts": [{"transcript": " ".join(words)}], "items": items}}


@pytest.fixture
def tried(tmp_path, capsys):
    """Runs the command on documents and returns what it decided."""

    def tried(*documents: dict, options: tuple[str, ...] = ()) -> list[dict]:
        paths = []
        for number, document in enumerate(documents):
            path = tmp_path / f"{number}.json"
            path.write_text(json.dumps(document))
            paths.append(str(path))
        assert main([*paths, "--json", *options]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return tried


@pytest.mark.parametrize(
    ("document", "decision", "score"),
    [
        (LABELS, "review", 0.5),
        (STRETCHES, "normal", 0),
        (PICTURE, "normal", 0),
        (PICTURE_TEXT, "normal", 0),
        (MODERATION, "review", 0.5),
        (SEGMENTS, "normal", 0),
        (SILENT, "normal", 0),
        (transcript("Welcome", "to", "Amazon", "Transcribe"), "normal", 0),
        (transcript("oh", "my", "gosh,", "really"), "normal", 0.2),
        (transcript("somebody", "call", "an", "ambulance"), "review", 0.5),
    ],
    ids=[
        "labels", "labels by segments", "picture", "text of a picture", "moderation", "segments", "silent", "talk",
        "shock", "call",
    ],
)  # fmt: skip
def test_an_answer_alone_is_decided_on(tried, document, decision, score):
    (told,) = tried(document)
    assert (told["decision"], told["score"]) == (decision, score)


def test_answers_together_are_one_upload(tried):
    (told,) = tried(LABELS, SEGMENTS, transcript("call", "an", "ambulance"))
    assert (told["decision"], told["score"], told["moments_s"]) == ("incident", 1, [0])
    assert told["rules_version"].startswith("dash-cam ")


def test_each_answer_can_be_an_upload_of_its_own(tried):
    assert [told["decision"] for told in tried(LABELS, SILENT, options=("--each",))] == ["review", "normal"]


def test_records_of_the_lake_are_read(tried):
    (told,) = tried(json.loads(record_to_json(signals([(30, 0.4)], [(30.5, 18)]))))
    assert (told["decision"], told["moments_s"]) == ("incident", [30])


def test_people_read_what_fired_and_when(tmp_path, capsys):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(LABELS))
    assert main([str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "labels.json:",
        "  review, score 0.50, moments: 0.5 s",
        '    +0.50 fire_or_smoke at 0.5 s: "Fire" 0.93',
    ]


@pytest.mark.parametrize("text", ["{}", "[]", "<html>", '{"Labels": 3}', '{"motion_peaks": []}'])
def test_a_file_that_tells_nothing_is_named(tmp_path, capsys, text):
    path = tmp_path / "odd.json"
    path.write_text(text)
    assert main([str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"{path}: ")


def test_bad_rules_are_named(tmp_path, capsys):
    (tmp_path / "rules.yaml").write_text("name: x")
    (tmp_path / "silent.json").write_text(json.dumps(SILENT))
    assert main([str(tmp_path / "silent.json"), "--rules", str(tmp_path / "rules.yaml")]) == 1
    assert capsys.readouterr().err == "rules.yaml: thresholds: is missing\n"
