from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.licences import licence_from_url
from include.sources.source import (
    SourceAnswerError,
    Track,
    track_from_json,
    track_to_json,
)

BY = "https://creativecommons.org/licenses/by/4.0/"


@pytest.fixture
def track() -> Track:
    licence = licence_from_url(BY)
    assert licence is not None
    return Track(
        source="internet-archive",
        source_id="rain-album/01 Rain.flac",
        item_id="rain-album",
        source_url="https://archive.org/details/rain-album",
        download_url="https://archive.org/download/rain-album/01%20Rain.flac",
        title="Rain – 雨",
        creator=None,
        licence_raw=BY,
        licence=licence,
        original_name="01 Rain.flac",
        size_bytes=1234,
        md5=None,
        duration_s=61.5,
        media_type="audio",
        sha1="0123456789abcdef0123456789abcdef01234567",
    )


def test_a_track_survives_the_way_through_json(track):
    assert track_from_json(json.loads(json.dumps(track_to_json(track)))) == track


@pytest.mark.parametrize("name", [field.name for field in fields(Track)])
def test_a_track_without_one_of_its_fields_is_refused_by_name(track, name):
    value = track_to_json(track)
    del value[name]
    with pytest.raises(SourceAnswerError, match=rf"Track: missing or unknown: {name}"):
        track_from_json(value)


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("title", None),
        ("size_bytes", "1234"),
        ("size_bytes", True),
        ("duration_s", "61"),
        ("duration_s", False),
        ("media_type", "image"),
        ("licence", "CC-BY-4.0"),
        ("md5", 5),
        ("sha1", 5),
    ],
)
def test_a_track_with_a_field_of_another_type_is_refused_by_name(track, name, odd):
    with pytest.raises(SourceAnswerError, match=rf"Track\.{name}: unexpected"):
        track_from_json(track_to_json(track) | {name: odd})


def test_a_track_whose_licence_lacks_a_permission_is_refused(track):
    value = track_to_json(track)
    del value["licence"]["allows_derivatives"]
    with pytest.raises(SourceAnswerError, match="Licence: missing or unknown: allows_derivatives"):
        track_from_json(value)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda members: st.one_of(st.lists(members, max_size=3), st.dictionaries(st.text(max_size=5), members, max_size=3)),
)


@given(json_values)
def test_garbage_is_no_track_and_no_other_error(garbage):
    with pytest.raises(SourceAnswerError):
        track_from_json(garbage)
