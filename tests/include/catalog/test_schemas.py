"""Records as JSON Schema: what a dataclass declares is what the schema demands."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any, Literal, Optional

import pytest
from jsonschema import Draft202012Validator

from include.catalog import records
from include.catalog.schemas import RecordError, check, schema_of


@dataclass(frozen=True)
class Box:
    """Where something stands in the frame."""

    left_share: float
    top_share: float


@dataclass(frozen=True)
class Sighting:
    """Something that was seen.

    A second paragraph is for readers of the code.
    """

    name: str
    count: int
    sure: bool
    at: datetime
    """Time of the frame, from the camera's clock."""
    span_s: tuple[float, float]
    boxes: tuple[Box, ...]
    scores: dict[str, float]
    anything: Any
    tint: Literal["warm", "cold"] | None = None
    note: Optional[str] = field(default=None, metadata={"description": "Free text."})  # noqa: UP045 - both spellings


SIGHTING = {
    "name": "dog",
    "count": 2,
    "sure": True,
    "at": "2026-03-01T06:30:00Z",
    "span_s": [0.0, 1.5],
    "boxes": [{"left_share": 0.25, "top_share": 0}],
    "scores": {"dog": 0.9},
    "anything": [1, "a", None],
    "tint": "warm",
    "note": None,
}


def test_a_schema_is_itself_valid_and_names_the_record():
    schema = schema_of(Sighting)
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == "Sighting"
    assert schema["description"] == "Something that was seen."


def test_a_record_as_declared_passes():
    check(SIGHTING, Sighting)


def test_tuples_pass_as_the_lists_that_json_makes_of_them():
    check(SIGHTING | {"span_s": (0.0, 1.5)}, Sighting)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": 7}, r"name: 7 is not of type 'string'"),
        ({"count": 2.5}, r"count: 2\.5 is not of type 'integer'"),
        ({"count": True}, r"count: True is not of type 'integer'"),
        ({"sure": "yes"}, r"sure: 'yes' is not of type 'boolean'"),
        ({"span_s": [1.0]}, r"span_s: \[1\.0\] is too short"),
        ({"boxes": [{"left_share": "x", "top_share": 0}]}, r"boxes\[0\]\.left_share: 'x' is not of type 'number'"),
        ({"boxes": [{"left_share": 0.1}]}, r"boxes\[0\]: 'top_share' is a required property"),
        ({"scores": {"dog": "high"}}, r"scores\.dog: 'high' is not of type 'number'"),
        ({"tint": "green"}, r"tint: 'green' is not valid"),
        ({"extra": 1}, r"\(record\): Additional properties"),
        ({"scores": {"dog": float("nan")}}, r"scores\.dog: nan is no JSON number"),
        ({"span_s": [0.0, float("inf")]}, r"span_s\[1\]: inf is no JSON number"),
    ],
)
def test_a_fault_is_named_with_its_path(change, told):
    with pytest.raises(RecordError, match=told):
        check(SIGHTING | change, Sighting)


def test_a_field_left_out_is_a_fault_even_when_it_has_a_default():
    without = {name: value for name, value in SIGHTING.items() if name != "note"}
    with pytest.raises(RecordError, match="'note' is a required property"):
        check(without, Sighting)


def test_many_faults_are_counted_rather_than_all_told():
    with pytest.raises(RecordError, match="and 5 more"):
        check({}, Sighting)


def test_descriptions_come_from_the_string_after_a_field_and_from_its_metadata():
    properties = schema_of(Sighting)["properties"]
    assert properties["at"]["description"] == "Time of the frame, from the camera's clock."
    assert properties["note"]["description"] == "Free text."
    assert "description" not in properties["name"]


def test_a_nested_record_is_defined_once_and_referred_to():
    schema = schema_of(Sighting)
    assert schema["properties"]["boxes"]["items"] == {"$ref": "#/$defs/Box"}
    assert schema["$defs"]["Box"]["description"] == "Where something stands in the frame."


def test_a_type_that_json_cannot_hold_is_refused_by_name():
    @dataclass
    class Wrong:
        where: PurePath

    with pytest.raises(TypeError, match=r"Wrong\.where: .*PurePath"):
        schema_of(Wrong)


def test_what_is_no_dataclass_has_no_schema():
    with pytest.raises(TypeError, match="no dataclass"):
        schema_of(int)


def test_what_the_platform_writes_passes_its_own_schema():
    failure = records.Failure(stage="land", error="ChecksumMismatch", message="md5 differs", retryable=True)
    outcome = records.AssetOutcome(
        asset_id="72dd7859", source_id="a/b.ogg", title="B", state="failed", original_name="b.ogg", failure=failure
    )
    summary = records.RunSummary(
        dag_id="curate_audio", run_id="manual", run="20260301_063000", media_type="audio", source="internet-archive",
        campaign="jazz", asked=5, landed=0, analysed=0, failed=1, duplicates=0, rejected=0, exhausted=True,
        assets=(outcome,),
    )  # fmt: skip
    check(asdict(summary), records.RunSummary)
    check(json.loads(records.record_to_json(summary)), records.RunSummary)
