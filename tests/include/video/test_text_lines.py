"""Text in the picture: what is read a little differently stays one line, what says something else does not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.video.sampling import Sampling
from include.video.text_lines import is_slip, merge_lines
from tests.include.video.findings import line

TWICE_A_SECOND = Sampling(500)


def merged(*records: dict) -> list[tuple[str, float, float]]:
    in_time = sorted(records, key=lambda record: record["start_s"])
    found = [(line.text, line.start_s, line.end_s) for line in merge_lines(in_time, TWICE_A_SECOND)]
    return sorted(found, key=lambda told: (told[1], told[0]))


def test_a_line_stands_from_its_first_sighting_to_the_picture_after_its_last():
    assert merged(*(line("EXIT", moment / 2) for moment in range(2, 7))) == [("EXIT", 1.0, 3.5)]


def test_words_are_left_out():
    assert merged(line("NO", 0.0, kind="word"), line("NO PARKING", 0.0)) == [("NO PARKING", 0.0, 0.5)]


def test_case_and_spaces_make_no_other_line_and_the_surest_reading_is_kept():
    readings = [line("no parking", 0.0, 0.8), line("NO PARKING", 0.5, 0.99), line("NOPARKING", 1.0, 0.7)]
    assert merged(*readings) == [("NO PARKING", 0.0, 1.5)]


def test_a_slip_in_the_same_place_is_the_same_line():
    readings = [line("WELCOME", 0.0, 0.9), line("WELCONE", 0.5, 0.6), line("WELCOME", 1.0, 0.95, left=0.12)]
    (found,) = merge_lines(readings, TWICE_A_SECOND)
    assert (found.text, found.confidence, found.end_s, found.box.left) == ("WELCOME", 0.95, 1.5, 0.12)


def test_a_slip_elsewhere_is_another_line():
    assert len(merged(line("WELCOME", 0.0), line("WELCONE", 0.5, top=0.8))) == 2


def test_a_moving_line_stays_one():
    names = [line("Directed by nobody", moment / 2, top=0.9 - moment / 10) for moment in range(8)]
    assert merged(*names) == [("Directed by nobody", 0.0, 4.0)]


def test_a_counter_is_read_anew_each_time():
    assert [text for text, *_ in merged(line("LAP 01 OF 20", 0.0), line("LAP 02 OF 20", 0.5))] == [
        "LAP 01 OF 20",
        "LAP 02 OF 20",
    ]


def test_two_signs_with_the_same_words_are_one_line():
    both = [sign for moment in (0.0, 0.5) for sign in (line("EXIT", moment), line("EXIT", moment, left=0.7))]
    assert merged(*both) == [("EXIT", 0.0, 1.0)]


def test_lines_that_swap_their_readings_are_not_torn():
    first = [line("PLATFORM", 0.0, top=0.1), line("PLATFORN", 0.0, top=0.5)]
    second = [line("PLATFORM", 0.5, top=0.5), line("PLATFORN", 0.5, top=0.1)]
    assert len(merged(*first, *second)) == 2


def test_what_comes_back_after_a_while_is_a_line_of_its_own():
    assert merged(line("EXIT", 0.0), line("EXIT", 1.0), line("EXIT", 5.0)) == [("EXIT", 0.0, 1.5), ("EXIT", 5.0, 5.5)]


@pytest.mark.parametrize("text", ["", "  "])
def test_what_has_no_letters_is_no_line(text):
    assert merged(line(text, 0.0)) == []


def test_lines_without_a_box_are_merged_by_their_words_alone():
    boxless = [line("EXIT", 0.0) | {"box": None}, line("EXIT", 0.5) | {"box": None}]
    (found,) = merge_lines(boxless, TWICE_A_SECOND)
    assert found.box is None


@given(st.data())
def test_the_order_of_what_is_read_in_one_picture_is_no_matter(data):
    words = st.sampled_from(["EXIT", "exit", "WELCOME", "WELCONE", "LAP 1", "LAP 2"])
    places = st.sampled_from([0.1, 0.12, 0.5])
    picture = st.lists(st.tuples(words, places, places), max_size=4)
    pictures = data.draw(st.lists(picture, min_size=1, max_size=4))
    told = []
    for order in (pictures, [list(data.draw(st.permutations(seen))) for seen in pictures]):
        records = [
            line(text, number / 2, confidence=0.5 + left / 10, left=left, top=top)
            for number, seen in enumerate(order)
            for text, left, top in seen
        ]
        told.append(merged(*records))
    assert told[0] == told[1]


@given(st.text("abc12", min_size=1, max_size=12), st.text("abc12", min_size=1, max_size=12))
def test_a_slip_goes_both_ways_and_leaves_digits_alone(one, other):
    assert is_slip(one, other) == is_slip(other, one)
    if is_slip(one, other):
        assert [digit for digit in one if digit.isdigit()] == [digit for digit in other if digit.isdigit()]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30, unique=True))
def test_lines_of_the_same_words_are_apart_and_cover_every_sighting(half_seconds):
    found = merged(*(line("EXIT", moment / 2) for moment in half_seconds))
    assert all(earlier[2] < later[1] for earlier, later in itertools.pairwise(found))
    assert all(any(start_s <= moment / 2 < end_s for _, start_s, end_s in found) for moment in half_seconds)
