"""From sightings to findings: nothing is lost, nothing is gathered, and the order of what is seen is no matter."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.video import labels as module
from include.video.labels import MOST_INSTANCES, Findings, findings_from_records
from include.video.sampling import Presence, Sampling, sampling_from_records
from tests.include.video.findings import label, line, moderation, shot

CAR_EVERY_HALF_SECOND = [label("Car", moment / 2) for moment in range(8)]

moments_s = st.integers(0, 400).map(lambda tenths: tenths / 10)
stretches = st.tuples(moments_s, st.sampled_from([0.0, 0.0, 0.4, 3.0])).map(
    lambda span: (span[0], round(span[0] + span[1], 3))
)


def seen(spans: list[tuple[float, float]]) -> list[dict]:
    return [label("Car", start_s) | {"end_s": end_s} for start_s, end_s in spans]


def spans_of(findings: Findings) -> list[tuple[float, float]]:
    return [(span.start_s, span.end_s) for span in findings.labels[0].segments]


@given(st.lists(stretches, min_size=1, max_size=60), st.randoms())
def test_stretches_are_apart_in_order_and_cover_every_sighting_however_these_come(spans, chance):
    found = spans_of(findings_from_records({"labels": seen(spans)}))
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(found))
    assert all(start_s < end_s for start_s, end_s in found)
    assert all(any(start_s <= span[0] and span[1] <= end_s for start_s, end_s in found) for span in spans)
    chance.shuffle(spans)
    assert spans_of(findings_from_records({"labels": seen(spans)})) == found


@given(st.lists(moments_s, min_size=1, max_size=60, unique=True))
def test_two_sightings_are_one_stretch_unless_it_was_away_for_a_second_and_two_pictures(moments):
    records = [label("Car", moment) for moment in moments]
    patience_s = sampling_from_records([records]).patience_ms / 1000
    found = spans_of(findings_from_records({"labels": records}))
    together = [
        any(start_s <= one <= end_s and start_s <= other <= end_s for start_s, end_s in found)
        for one, other in itertools.pairwise(sorted(moments))
    ]
    gaps = [round(other - one, 3) for one, other in itertools.pairwise(sorted(moments))]
    assert together == [gap <= patience_s for gap in gaps]


def test_a_lone_sighting_stands_for_the_time_to_the_next_picture():
    records = [*CAR_EVERY_HALF_SECOND, label("Tree", 1.5)]
    found = {label.name: label.segments for label in findings_from_records({"labels": records}).labels}
    assert [(span.start_s, span.end_s) for span in found["Tree"]] == [(1.5, 2.0)]


@pytest.mark.parametrize("interval_s", [0.2, 1.0, 4.0])
def test_films_that_are_looked_at_more_or_less_often_are_merged_alike(interval_s):
    records = [label("Car", number * interval_s) for number in (0, 1, 2, 3, 5, 12)]
    apart = 12 * interval_s
    found = spans_of(findings_from_records({"labels": records}))
    assert found == [(0.0, pytest.approx(6 * interval_s)), (pytest.approx(apart), pytest.approx(apart + interval_s))]


def test_sightings_far_apart_do_not_tell_how_often_the_film_was_looked_at():
    assert spans_of(findings_from_records({"labels": [label("Car", 3.0), label("Car", 9.5)]})) == [
        (3.0, 3.5),
        (9.5, 10.0),
    ]


def test_labels_tell_how_often_a_film_was_looked_at_for_its_rare_text_as_well():
    every_two_seconds = [label("Sky", 2.0 * number) for number in range(10)]
    warned = [moderation("Violence", 4.0), moderation("Violence", 6.0)]
    found = findings_from_records({"labels": every_two_seconds, "moderation": warned})
    assert [(span.start_s, span.end_s) for span in found.moderation[0].segments] == [(4.0, 8.0)]


def test_nothing_lasts_beyond_the_end_of_the_clip():
    found = findings_from_records({"labels": CAR_EVERY_HALF_SECOND}, duration_s=3.6)
    assert spans_of(found) == [(0.0, 3.6)]
    late = findings_from_records({"labels": [label("Car", 3.7)]}, duration_s=3.6)
    assert spans_of(late) == [(3.7, 3.7)]


def test_the_instances_are_those_of_the_moment_with_most_of_them():
    records = [label("Car", 0.0, 0.99, 0.1), label("Car", 0.5, 0.8, 0.3, 0.1), label("Car", 1.0, 0.7, 0.2, 0.4)]
    for order in itertools.permutations(records):
        (car,) = findings_from_records({"labels": list(order)}).labels
        assert [(found.at_s, found.box.left) for found in car.instances] == [(0.5, 0.1), (0.5, 0.3)]
        assert car.confidence_max == 0.99


def test_a_crowd_keeps_its_surest_boxes():
    crowd = label("Person", 0.0)
    crowd["instances"] = [
        {"confidence": number / 100, "box": {"left": 0.1, "top": 0.1, "width": 0.1, "height": 0.1}}
        for number in range(100)
    ]
    (person,) = findings_from_records({"labels": [crowd]}).labels
    assert len(person.instances) == MOST_INSTANCES
    assert person.instances[0].confidence == 0.99


def test_a_thing_without_a_box_is_nowhere_to_be_shown():
    record = label("Car", 0.0) | {"instances": [{"confidence": 0.9, "box": None}]}
    assert findings_from_records({"labels": [record]}).labels[0].instances == ()


def test_labels_in_stretches_are_taken_as_the_service_made_them():
    car = label("Car", 0.225, parents=("Vehicle",)) | {"end_s": 3.578}
    (found,) = findings_from_records({"labels": [car]}).labels
    assert [(span.start_s, span.end_s) for span in found.segments] == [(0.225, 3.578)]
    assert found.parents == ("Vehicle",)


def test_what_is_seen_longest_comes_first():
    records = [label("Bird", 0.0), *CAR_EVERY_HALF_SECOND]
    assert [found.name for found in findings_from_records({"labels": records}).labels] == ["Car", "Bird"]


def test_moderation_keeps_a_name_apart_by_its_place_in_the_taxonomy():
    records = [moderation("Violence", 0.0), moderation("Weapon Violence", 0.0, "Violence", 2)]
    found = findings_from_records({"moderation": records}).moderation
    assert {(one.name, one.parent, one.level) for one in found} == {
        ("Violence", None, 1),
        ("Weapon Violence", "Violence", 2),
    }


def test_shots_and_cues_are_sorted_by_their_time():
    cue = {"kind": "cue", "cue": "BlackFrames", "start_s": 0.0, "end_s": 1.0, "confidence": None}
    found = findings_from_records({"segments": [shot(4.0, 9.0), cue, shot(0.0, 3.96)]})
    assert [one.start_s for one in found.shots] == [0.0, 4.0]
    assert [one.cue for one in found.cues] == ["BlackFrames"]


def framed(kind: str, first: int, last: int, **more: str) -> dict:
    """A stretch of a film with 25 frames a second, as Rekognition tells it: by its first and its last frame."""
    named = {"kind": kind, "start_frame": first, "end_frame": last, "confidence": 0.9, **more}
    return {**named, "start_s": first / 25, "end_s": last / 25}


cuts = st.lists(st.integers(1, 20_000), min_size=2, max_size=60, unique=True).map(sorted)


@given(cuts, st.none() | st.just(0.02))
def test_shots_follow_each_other_without_a_hole_and_fill_the_film(frames, longer_s):
    shots = [framed("shot", first, after - 1) for first, after in itertools.pairwise(frames)]
    duration_s = None if longer_s is None else frames[-1] / 25 + longer_s
    found = findings_from_records({"segments": shots}, duration_s=duration_s).shots
    assert [one.start_s for one in found] == [frame / 25 for frame in frames[:-1]]
    assert [one.end_s for one in found][:-1] == [one.start_s for one in found][1:]
    one_frame = 0.04 if max(after - first for first, after in itertools.pairwise(frames)) > 1 else 0.0
    last_s = found[-1].end_s
    assert last_s == (round(duration_s, 3) if duration_s else pytest.approx((frames[-1] - 1) / 25 + one_frame))


def test_the_last_shot_of_a_film_that_breaks_off_ends_with_its_pictures():
    (one,) = findings_from_records({"segments": [framed("shot", 0, 97)]}, duration_s=8.8).shots
    assert one.end_s == 3.92


def test_a_cue_lasts_for_its_last_frame_and_no_longer():
    black, later = framed("cue", 0, 24, cue="BlackFrames"), framed("cue", 100, 149, cue="EndCredits")
    found = findings_from_records({"segments": [later, black]}, duration_s=6.1).cues
    assert [(one.cue, one.end_s) for one in found] == [("BlackFrames", 1.0), ("EndCredits", 6.1)]


def test_a_cue_may_share_its_last_frame_with_the_next_as_the_service_tells_it():
    black, content = framed("cue", 0, 299, cue="BlackFrames"), framed("cue", 299, 449, cue="Content")
    found = findings_from_records({"segments": [black, content]}, duration_s=18.02).cues
    assert [(one.start_s, one.end_s) for one in found] == [(0.0, 11.96), (11.96, 18.02)]


def test_analyses_that_were_not_made_found_nothing():
    assert findings_from_records({}) == Findings()


def test_records_that_can_be_read_once_only_are_refused():
    with pytest.raises(TypeError, match="labels can be read once only"):
        findings_from_records({"labels": iter(CAR_EVERY_HALF_SECOND)})


class Sighting(dict):
    """A record that counts how many of its kind there are in memory."""

    alive = most_alive = 0

    def __init__(self, record: dict) -> None:
        super().__init__(record)
        Sighting.alive += 1
        Sighting.most_alive = max(Sighting.alive, Sighting.most_alive)

    def __del__(self) -> None:
        Sighting.alive -= 1


class Hours:
    """Hours of film, looked at twice a second, whose sightings are made as they are asked for."""

    def __init__(self, moments: int, things: int, make) -> None:
        self.moments, self.things, self.make = moments, things, make

    def __iter__(self):
        for moment in range(self.moments):
            for number in range(self.things):
                yield Sighting(self.make(f"thing {number}", moment / 2))


def test_of_twenty_thousand_sightings_hardly_more_are_in_memory_than_of_one_picture():
    Sighting.most_alive = 0
    found = findings_from_records({"labels": Hours(950, 20, label), "text": Hours(250, 4, line)})
    assert [len(found.labels), len(found.text)] == [20, 4]
    assert all(len(label.segments) == 1 for label in found.labels)
    assert Sighting.most_alive < 10
    assert Sighting.alive == 0


def test_what_is_kept_of_a_finding_are_its_stretches_and_not_its_sightings():
    presence = Presence(Sampling(500))
    for record in Hours(10_000, 1, label):
        presence.add(record)
    assert len(presence) == 1


def test_of_a_clock_in_the_picture_the_lines_that_stand_longest_are_kept_and_the_others_counted(monkeypatch):
    monkeypatch.setattr(module, "MOST_LINES", 2)
    clock = [line(f"12:00:{second:02}", float(second)) for second in range(5)]
    title = [line("The end", moment / 2, top=0.0) for moment in range(10)]
    records = sorted([*clock, *title], key=lambda record: record["start_s"])
    found = findings_from_records({"text": records})
    assert [one.text for one in found.text] == ["The end", "12:00:00"]
    assert found.lines_left_out == 4


def test_a_sighting_between_pictures_is_of_no_length_at_the_end():
    assert Sampling(500, 1000).end_ms(1000, 1000) == 1000
