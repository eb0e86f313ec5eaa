"""The query language, and that no query whatever brings it down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources_emulator.query import QueryError, search

DOCUMENTS = [
    {
        "identifier": "blue",
        "title": "Blue Train",
        "subject": ["jazz", "hard bop"],
        "year": "1957",
        "date": "1957-09-15T00:00:00Z",
    },
    {
        "identifier": "red",
        "title": "Red Clay",
        "subject": "jazz",
        "year": "1970",
        "licenseurl": "http://creativecommons.org/licenses/by/4.0/",
    },
    {"identifier": "sea", "title": "Sound of the sea", "creator": "Nature", "mediatype": "etree", "downloads": 12},
    {"identifier": "my-media-a", "title": "a", "subject": ["my-media", "my media"], "mediatype": "audio"},
]


def names(query: str) -> list[str]:
    return [str(document["identifier"]) for document in search(query, DOCUMENTS)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("jazz", ["blue", "red"]),
        ("JAZZ clay", ["red"]),
        ("jazz AND train", ["blue"]),
        ("train OR clay", ["blue", "red"]),
        ("sea OR jazz AND clay", ["red", "sea"]),
        ("jazz NOT clay", ["blue"]),
        ("jazz -clay", ["blue"]),
        ("+jazz !clay", ["blue"]),
        ("NOT jazz", ["sea", "my-media-a"]),
        ("(nature sound)", ["sea"]),
        ("(nature sounds)", []),
        ('"hard bop"', ["blue"]),
        ('"bop hard"', []),
        ("title:(blue OR red)", ["blue", "red"]),
        ("title:jazz", []),
        ("mediatype:(audio OR etree)", ["sea", "my-media-a"]),
        ("licenseurl:*creativecommons*", ["red"]),
        ("licenseurl:*by\\/4.0*", ["red"]),
        ("tra*", ["blue"]),
        ("cl?y", ["red"]),
        ("year:[1960 TO 1979]", ["red"]),
        ("year:[1957 TO 1970]", ["blue", "red"]),
        ("year:{1957 TO 1970}", []),
        ("year:[* TO 1960]", ["blue"]),
        ("downloads:[10 TO 100]", ["sea"]),
        ("date:[1957-09-01 TO 1957-09-15]", ["blue"]),
        ("_exists_:creator", ["sea"]),
        ("my-media", ["my-media-a"]),
        ("(my media)", ["my-media-a"]),
        ("*:*", ["blue", "red", "sea", "my-media-a"]),
        ("jazz^2 clay^0.5", ["red"]),
        ("ANDERSON", []),
    ],
)
def test_a_query_finds(query, expected):
    assert names(query) == expected


@given(st.text(max_size=60))
def test_any_text_is_answered_or_refused_but_never_crashes(text):
    try:
        assert set(names(text)) <= {"blue", "red", "sea", "my-media-a"}
    except QueryError as error:
        assert str(error)


@given(
    st.lists(
        st.sampled_from(
            ["(", ")", "AND", "OR", "NOT", "jazz", '"', "title:", "[1 TO 2]", "*", "?", "[", "-", "^2", "\\", ":"]
        ),
        max_size=30,
    )
)
def test_any_mixture_of_the_languages_own_words_is_answered_or_refused(words):
    try:
        names(" ".join(words))
    except QueryError as error:
        assert str(error)
