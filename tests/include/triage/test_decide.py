"""The decision: what its score is made of, when it happened, and what may never happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.catalog.triage import FiredRule
from include.triage.conditions import (
    Cues,
    Cuts,
    Labels,
    Loudness,
    Missing,
    Motion,
    NegativeSpeech,
    Speech,
    Text,
    Together,
)
from include.triage.decide import MOST_HITS, MOST_MOMENTS, decide, moments
from include.triage.evidence import SCREENED_OUT, Evidence
from include.triage.rules import Exclusion, Rule, Rules, default_rules
from tests.include.triage.evidences import cue, label, line, said, shots, signals

GAME = Exclusion(name="game", excludes=None, condition=Labels(names=("Video Game",), min_confidence=0.8))


def rules(*given_rules: tuple[str, float, object], exclusions=(), incident=0.7, review=0.4) -> Rules:
    return Rules(
        name="test",
        date=date(2026, 3, 1),
        digest="0",
        incident=incident,
        review=review,
        merge_moments_within_s=5,
        rules=tuple(Rule(name=name, weight=weight, condition=condition) for name, weight, condition in given_rules),
        exclusions=tuple(exclusions),
    )


JOLT = ("jolt", 0.4, Motion(min_peak=0.3))
BANG = ("bang", 0.3, Loudness(min_peak_lu=10))
CRASH = Evidence(duration_s=60, signals=signals([(30, 0.5)], [(31, 20)]))


def test_weights_are_added_up():
    verdict = decide(CRASH, rules(JOLT, BANG))
    assert (verdict.decision, verdict.score) == ("incident", 0.7)
    assert [fired.rule for fired in verdict.fired] == ["jolt", "bang"]
    assert verdict.moments_s == (30,)


@pytest.mark.parametrize(
    ("weight", "decision"), [(0.7, "incident"), (0.69, "review"), (0.4, "review"), (0.39, "normal"), (0.0, "normal")]
)
def test_a_threshold_itself_belongs_to_what_is_above(weight, decision):
    assert decide(CRASH, rules(("jolt", weight, Motion(min_peak=0.3)))).decision == decision


def test_a_rule_counts_once_however_often_it_is_met_and_is_told_of_a_few_times():
    many = Evidence(duration_s=600, signals=signals([(10.0 * n, 0.3 + n / 100) for n in range(50)]))
    verdict = decide(many, rules(JOLT))
    assert verdict.score == 0.4
    assert [fired.start_s for fired in verdict.fired] == [450, 460, 470, 480, 490]
    assert len(verdict.fired) == MOST_HITS


def test_what_stood_out_and_could_not_be_looked_at_is_shown_to_a_person():
    refused = Evidence(signals=signals(), skipped={"labels": "AccessDeniedException"})
    assert decide(refused, default_rules()).decision == "review"
    screened_out = Evidence(signals=signals(), skipped={"labels": SCREENED_OUT})
    assert decide(screened_out, default_rules()).decision == "normal"


def test_a_score_is_at_most_1():
    verdict = decide(CRASH, rules(("jolt", 0.8, Motion(min_peak=0.3)), ("bang", 0.8, Loudness(min_peak_lu=10))))
    assert verdict.score == 1


def test_what_speaks_against_an_incident_is_never_excluded():
    seen = replace(CRASH, labels=(label("Video Game", (3, 60)), label("Parking Lot", (0, 60))))
    parked = ("parked", -0.5, Labels(names=("Parking Lot",), min_confidence=0.5))
    verdict = decide(seen, rules(JOLT, parked, exclusions=[GAME]))
    assert [fired.rule for fired in verdict.fired] == ["parked"]
    assert verdict.score == 0


def test_a_negative_weight_speaks_against_an_incident():
    parked = ("parked", -0.5, Labels(names=("Parking Lot",), min_confidence=0.5))
    seen = replace(CRASH, labels=(label("Parking Lot", (0, 60)),))
    verdict = decide(seen, rules(JOLT, BANG, parked))
    assert (verdict.decision, verdict.score) == ("normal", 0.2)
    assert decide(seen, rules(parked)).score == 0
    assert verdict.moments_s == (30,)


def test_an_exclusion_takes_every_rule_away_and_says_why():
    verdict = decide(replace(CRASH, labels=(label("Video Game", (3, 60)),)), rules(JOLT, BANG, exclusions=[GAME]))
    assert (verdict.decision, verdict.score, verdict.fired, verdict.moments_s) == ("normal", 0, (), ())
    assert verdict.excluded == ('game: "Video Game" 0.90 at 3.0 s',)


def test_an_exclusion_takes_only_the_rules_that_it_names():
    seen = replace(CRASH, labels=(label("Video Game", (3, 60)),))
    verdict = decide(seen, rules(JOLT, BANG, exclusions=[replace(GAME, excludes=frozenset({"jolt"}))]))
    assert [fired.rule for fired in verdict.fired] == ["bang"]


def test_an_exclusion_that_takes_nothing_away_is_not_told():
    seen = Evidence(duration_s=60, labels=(label("Video Game", (3, 60)),))
    assert decide(seen, rules(JOLT, BANG, exclusions=[GAME])).excluded == ()


def test_what_lies_beyond_the_end_happens_at_the_end():
    late = Evidence(duration_s=10, signals=signals([(10.04, 0.5)]))
    assert decide(late, rules(JOLT)).moments_s == (10,)
    early = Evidence(duration_s=10, cues=(cue("BlackFrames", -0.04, -0.01),))
    (fired,) = decide(early, rules(("dark", 0.5, Cues(names=("BlackFrames",), min_confidence=0)))).fired
    assert (fired.start_s, fired.end_s) == (0, 0)


def test_what_concerns_the_whole_upload_has_no_moment():
    denied = Evidence(duration_s=10, skipped={"labels": "denied"})
    verdict = decide(denied, rules(("unseen", 0.5, Missing(analyses=("labels",)))))
    assert (verdict.decision, verdict.moments_s) == ("review", ())
    assert verdict.fired[0].evidence == 'not looked at: labels ("denied")'


def test_the_heaviest_moment_comes_first_and_takes_what_is_near():
    fired = [
        FiredRule(rule=rule, weight=weight, evidence="", start_s=start_s, end_s=start_s)
        for rule, weight, start_s in [("a", 0.2, 10), ("b", 0.3, 14), ("c", 0.4, 40), ("b", 0.3, 15), ("d", -1, 41)]
    ]
    assert moments(fired, within_s=5) == [14, 40]
    assert moments(fired, within_s=0) == [40, 14, 15, 10]
    often = [replace(fired[0], rule="often", weight=0.25, start_s=float(start_s)) for start_s in (10, 11, 12)]
    assert moments([*often, replace(fired[0], weight=0.4, start_s=90.0)], within_s=5) == [90, 10]


def test_only_so_many_moments_are_told():
    everywhere = [FiredRule(rule=f"r{n}", weight=0.1, evidence="", start_s=n, end_s=n) for n in range(100)]
    assert len(moments(everywhere, within_s=0)) == MOST_MOMENTS


DAY = default_rules()
CROSSING = replace(label("Person", (3, 40), things=4), instances=label("Person", (3, 4), things=4).instances)


@pytest.mark.parametrize(
    ("evidence", "decision"),
    [
        (Evidence(duration_s=60), "normal"),
        (Evidence(duration_s=60, signals=signals([(30, 0.4)], [(30.5, 18)])), "incident"),
        (Evidence(duration_s=60, signals=signals([(30, 0.4)])), "normal"),
        (Evidence(duration_s=60, signals=signals([(30, 0.4)]), text=(line("ROAD CLOSED"),)), "review"),
        (Evidence(duration_s=60, signals=signals([(30, 0.4)]), labels=(CROSSING,)), "review"),
        (Evidence(duration_s=60, signals=signals([(30, 0.4)]), skipped={"labels": "AccessDenied"}), "review"),
        (
            Evidence(duration_s=60, labels=(label("Fire", (3, 9)),), utterances=(said("please call an ambulance"),)),
            "incident",
        ),
        (Evidence(duration_s=60, labels=(label("Fire", (3, 9), confidence=0.79),)), "normal"),
        (Evidence(duration_s=60, signals=signals([(30, 0.4)], [(30.5, 18)]), text=(line("Test drive 3"),)), "incident"),
        (
            Evidence(duration_s=60, labels=(label("Car Crash", (3, 9)),), text=(line("Driving simulator"),)),
            "normal",
        ),
    ],
    ids=[
        "nothing",
        "crash",
        "braking",
        "braking at a closed road",
        "braking before somebody, and more people earlier",
        "braking unseen",
        "fire and a call",
        "fire?",
        "crash before a dealer's sign",
        "drill",
    ],
)
def test_the_projects_rules_decide(evidence, decision):
    assert decide(evidence, DAY).decision == decision


# ------------------------------------------------------------------------------------------------ whatever comes

times = st.floats(0, 70, allow_nan=False).map(lambda moment: round(moment, 3))
shares = st.floats(0, 1).map(lambda share: round(share, 4))
peaks = st.lists(st.tuples(times, st.floats(0, 40)), max_size=6)
weights = st.floats(-1, 1)
NAMES = ("Fire", "Person", "Video Game")
PHRASES = ("help me", "accident", "test drive")

evidences = st.builds(
    Evidence,
    duration_s=st.sampled_from([None, 60.0]),
    labels=st.lists(
        st.builds(
            lambda name, start_s, sure, things: label(name, (start_s, start_s + 2), confidence=sure, things=things),
            st.sampled_from(NAMES), times, shares, st.integers(0, 3),
        ), max_size=5).map(tuple),
    text=st.lists(
        st.builds(lambda text, at_s, sure: line(text, at_s, confidence=sure), st.sampled_from(PHRASES), times, shares),
        max_size=4).map(tuple),
    utterances=st.lists(
        st.builds(
            lambda text, at_s, sure, negative: said(text, at_s, confidence=sure, negative=negative),
            st.sampled_from(PHRASES), times, st.none() | shares, st.none() | shares,
        ), max_size=4).map(tuple),
    shots=st.lists(times, max_size=8).map(lambda cuts: shots(*cuts)),
    cues=st.lists(
        st.builds(lambda at_s, sure: cue("BlackFrames", at_s, at_s + 1, sure), times, st.none() | shares), max_size=3
    ).map(tuple),
    signals=st.none() | st.builds(signals, peaks, peaks),
    skipped=st.dictionaries(st.sampled_from(["labels", "text"]), st.just("denied")),
)  # fmt: skip
simple = st.one_of(
    st.builds(
        Labels, names=st.just(NAMES[:1]) | st.just(NAMES), min_confidence=shares, min_instances=st.integers(0, 2)
    ),
    st.builds(Text, phrases=st.just(PHRASES), min_confidence=shares),
    st.builds(Speech, phrases=st.just(PHRASES), min_confidence=shares),
    st.builds(NegativeSpeech, min_negative=shares),
    st.builds(Cues, names=st.just(("BlackFrames",)), min_confidence=shares),
    st.builds(Cuts, min_cuts=st.integers(1, 4), within_s=st.floats(0, 30)),
    st.builds(Motion, min_peak=st.floats(0, 40)),
    st.builds(Loudness, min_peak_lu=st.floats(0, 40)),
    st.just(Missing(analyses=("labels", "text"))),
)
conditions = simple | st.builds(Together, within_s=st.floats(0, 20), all=st.tuples(simple, simple))
rule_sets = st.builds(
    lambda found, exclusions: rules(
        *((f"rule{number}", weight, condition) for number, (weight, condition) in enumerate(found)),
        exclusions=[
            Exclusion(name=f"out{number}", excludes=None if every else frozenset({"rule0"}), condition=condition)
            for number, (every, condition) in enumerate(exclusions)
        ],
    ),
    st.lists(st.tuples(weights, conditions), min_size=1, max_size=6),
    st.lists(st.tuples(st.booleans(), simple), max_size=2),
)
sure = settings(deadline=None, max_examples=60)


@sure
@given(evidence=evidences, by=rule_sets, chance=st.randoms(use_true_random=False))
def test_neither_rules_nor_evidence_have_an_order(evidence, by, chance):
    def shuffled(values):
        return tuple(chance.sample(values, len(values)))

    other = replace(
        evidence,
        **{name: shuffled(getattr(evidence, name)) for name in ("labels", "text", "utterances", "shots", "cues")},
        skipped=dict(reversed(evidence.skipped.items())),
    )
    if other.signals:
        mixed = {name: shuffled(getattr(other.signals, name)) for name in ("motion_peaks", "loudness_peaks")}
        other = replace(other, signals=replace(other.signals, **mixed))
    by_other = replace(by, rules=shuffled(by.rules), exclusions=shuffled(by.exclusions))
    assert decide(other, by_other) == decide(evidence, by)


@sure
@given(evidence=evidences, by=rule_sets, more=st.floats(0, 1), at=st.integers(0, 5))
def test_more_weight_never_lowers_the_score(evidence, by, more, at):
    changed = list(by.rules)
    at %= len(changed)
    weight = min(1.0, changed[at].weight + more)
    kept = [exclusion for exclusion in by.exclusions if changed[at].weight > 0 or weight <= 0]  # it counts as before
    by = replace(by, exclusions=tuple(kept))
    changed[at] = replace(changed[at], weight=weight)
    assert decide(evidence, replace(by, rules=tuple(changed))).score >= decide(evidence, by).score


@sure
@given(evidence=evidences, by=rule_sets, condition=simple, every=st.booleans())
def test_one_more_exclusion_never_raises_the_score(evidence, by, condition, every):
    further = Exclusion(name="further", excludes=None if every else frozenset({"rule0"}), condition=condition)
    excluded = decide(evidence, replace(by, exclusions=(*by.exclusions, further)))
    assert excluded.score <= decide(evidence, by).score


@sure
@given(evidence=evidences, by=rule_sets)
def test_a_verdict_is_of_one_piece(evidence, by):
    verdict = decide(evidence, by)
    assert 0 <= verdict.score <= 1
    assert verdict.decision == ("incident" if verdict.score >= 0.7 else "review" if verdict.score >= 0.4 else "normal")
    assert verdict == decide(evidence, by)
    last_s = evidence.duration_s if evidence.duration_s is not None else 1e9
    assert all(0 <= moment_s <= last_s for moment_s in verdict.moments_s)
    for fired in verdict.fired:
        assert fired.start_s is None or 0 <= fired.start_s <= fired.end_s <= last_s
    starts = {fired.start_s for fired in verdict.fired if fired.weight > 0}
    assert set(verdict.moments_s) <= starts
    apart = sorted(verdict.moments_s)
    assert all(later - sooner > by.merge_moments_within_s for sooner, later in pairwise(apart))


@sure
@given(evidence=evidences, least=shares, kind=st.sampled_from([Labels, Text, Speech, Cues]))
def test_nothing_fires_below_its_minimum_confidence(evidence, least, kind):
    asked = {"names": (*NAMES, "BlackFrames")} if kind in (Labels, Cues) else {"phrases": PHRASES}
    for hit in kind(**asked, min_confidence=least).hits(evidence):
        assert hit.strength >= least
    unsure = replace(
        evidence,
        labels=tuple(one for one in evidence.labels if one.confidence_max < least),
        text=tuple(one for one in evidence.text if one.confidence < least),
        utterances=tuple(one for one in evidence.utterances if one.confidence is None or one.confidence < least),
        cues=tuple(one for one in evidence.cues if one.confidence is None or one.confidence < least),
    )
    assert not list(kind(**asked, min_confidence=least).hits(unsure))
