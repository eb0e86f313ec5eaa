"""The rules as data: what is read, and what is refused in which words."""

from __future__ import annotations

import hashlib

import pytest
import yaml

from include.triage.conditions import KINDS, Labels, Together
from include.triage.rules import Rules, RulesError, ScreenThresholds

GOOD = """
name: test
date: 2026-03-01
thresholds: {incident: 0.7, review: 0.4}
merge_moments_within_s: 5
rules:
  - {name: jolt, weight: 0.5, kind: motion, min_peak: 0.3}
  - {name: fire, weight: 0.6, kind: labels, names: [Fire], min_confidence: 0.8}
exclusions:
  - {name: game, excludes: all, kind: labels, names: [Video Game], min_confidence: 0.8}
"""


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def changed(**changes) -> bytes:
    return yaml.dump({**yaml.safe_load(GOOD), **changes}, Dumper=Dumper).encode()


def rule(**changes) -> bytes:
    good = {"name": "jolt", "weight": 0.5, "kind": "motion", "min_peak": 0.3}
    return changed(
        rules=[{name: value for name, value in {**good, **changes}.items() if value is not ...}], exclusions=[]
    )


def test_rules_are_read():
    rules = Rules.from_yaml(GOOD.encode())
    assert (rules.incident, rules.review, rules.merge_moments_within_s) == (0.7, 0.4, 5)
    assert rules.rules[1].condition == Labels(names=("Fire",), min_confidence=0.8)
    assert rules.exclusions[0].excludes is None


def test_the_version_names_the_very_text():
    rules = Rules.from_yaml(GOOD.encode())
    assert rules.version == f"test 2026-03-01 {hashlib.sha256(GOOD.encode()).hexdigest()[:8]}"
    assert Rules.from_yaml(GOOD.encode() + b"# a word\n").version != rules.version


def test_the_projects_rules_are_good_and_use_every_kind():
    rules = Rules.load()
    asked = [one.condition for one in (*rules.rules, *rules.exclusions)]
    asked += [part for condition in asked if isinstance(condition, Together) for part in condition.all]
    assert {condition.kind for condition in asked} == set(KINDS)
    assert rules.version.startswith("dash-cam 20")


def test_what_the_cheap_look_leaves_out_meets_no_rule_of_motion_or_loudness_alone():
    screen = Rules.load().screen
    asked = [one.condition for one in Rules.load().rules if one.condition.kind in ("motion", "loudness")]
    assert asked
    for condition in asked:
        least = getattr(condition, "min_peak", None)
        assert screen.motion <= least if least else screen.loudness_lu <= condition.min_peak_lu


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rule(min_peak="x"), "rules.yaml: rule 'jolt': min_peak: must be a number of 0 or more, not 'x'"),
        (rule(min_peak=True), "rule 'jolt': min_peak: must be a number"),
        (rule(min_peak=float("nan")), "rule 'jolt': min_peak: must be a number"),
        (rule(min_peak=...), "rule 'jolt': min_peak: is missing"),
        (rule(weight=1.5), "rule 'jolt': weight: must be a number from -1 to 1, not 1.5"),
        (rule(weight=...), "rule 'jolt': weight: is missing"),
        (rule(minpeak=1), r"rule 'jolt': 'minpeak': no such field; there are name, weight, kind, min_peak"),
        (rule(kind="smell"), "rule 'jolt': kind: must be one of labels, text, .*, not 'smell'"),
        (rule(kind=["motion"]), "rule 'jolt': kind: must be one of"),
        (rule(name="a b"), "rule 1: name: must be a name of 1 to 60 letters.*, not 'a b'"),
        (rule(name=...), "rule 1: name: must be a name.*, not None"),
        (changed(rules=["jolt"]), "rule 1: must be fields with values, not 'jolt'"),
        (changed(rules={}), "rules: must be a list of at most 500 entries, not {}"),
        (rule(kind="labels", min_peak=..., names=[], min_confidence=0.5), "names: must be a list of 1 to 500"),
        (rule(kind="labels", min_peak=..., names=["x" * 101], min_confidence=0.5), "of at most 100 characters"),
        (rule(kind="text", min_peak=..., phrases=["..."], min_confidence=0.5), "each with a letter or digit"),
        (rule(kind="speech", min_peak=..., phrases=["help"], min_confidence=80), "a number from 0 to 1, not 80"),
        (rule(kind="missing", min_peak=..., analyses=["smell"]), "analyses: must be a list of labels, segments"),
        (rule(kind="together", min_peak=..., within_s=2, all=[{"kind": "motion"}]), "all: must be a list of 2 to 5"),
        (
            rule(kind="together", min_peak=..., within_s=2, all=[{"kind": "motion", "min_peak": 1}, {"kind": "cuts"}]),
            "rule 'jolt': all: 2: min_cuts: is missing",
        ),
        (
            rule(kind="together", min_peak=..., within_s=2, all=[{"kind": "together"}] * 2),
            "must hold conditions of other kinds",
        ),
        (changed(rules=[{"name": "jolt", "weight": 0, "kind": "motion", "min_peak": 1}] * 2), "twice there: jolt"),
        (changed(thresholds={"incident": 0.4, "review": 0.4}), "review must be above 0 and below incident"),
        (changed(thresholds={"incident": 0.4}), "thresholds: review: is missing"),
        (changed(thresholds=3), "thresholds: must be fields with values, not 3"),
        (changed(date="yesterday"), "date: must be a date"),
        (changed(weights=[]), "'weights': no such field; there are name, date, thresholds"),
        (changed(screen={"smell": 1}), "screen: 'smell': no such field; there are motion, loudness_lu"),
        (changed(screen=[1]), "screen: must be fields with values"),
        (changed(screen={"motion": "fast"}), "screen: motion: must be a number of 0 or more, not 'fast'"),
        (changed(screen={"motion": float("nan")}), "screen: motion: must be a number of 0 or more, not nan"),
        (changed(screen={"motion": True}), "screen: motion: must be a number of 0 or more, not True"),
        (changed(screen={"loudness_lu": 0}), "screen: loudness_lu: must be a number above 0, not 0"),
        (changed(screen={"motion": 10**400}), "screen: motion: must be a number of 0 or more, not 1000"),
        (changed(rules=[], exclusions=[]), "rules: must be a list of at least one rule"),
        (rule(min_peak=10**400), "rule 'jolt': min_peak: must be a number of 0 or more, not 1000"),
        (rule(kind="cuts", min_peak=..., min_cuts=10**400, within_s=3), "min_cuts: must be a whole number"),
        (rule(name=""), "rule 1: name: must be a name of 1 to 60"),
        (changed(thresholds={"incident": 0.4, "review": 0}), "review must be above 0"),
        (changed(**{f"field{number}": 1 for number in range(999)}), "'field101', [.]{3}: no such field"),
        (GOOD.replace("2026-03-01", "2026-13-01").encode(), "rules.yaml: is no YAML: month must be in 1..12"),
        (GOOD.replace("2026-03-01", "2026-03-01 10:00:00").encode(), "date: must be a date"),
        (GOOD.replace("0.5", "!!bool maybe").encode(), "rules.yaml: is no YAML"),
        (GOOD.replace("0.5", "9" * 5000).encode(), "rules.yaml: is no YAML"),
        (GOOD.encode() + b"? [a]\n: b\n", "rules.yaml: is no YAML: a field has no name"),
        (b"a: " + b"[" * 3000, "rules.yaml: is no YAML: it is nested too deep"),
        (changed(exclusions=[{"name": "g", "excludes": ["x"], "kind": "motion", "min_peak": 1}]), "no such rule: x"),
        (changed(exclusions=[{"name": "g", "excludes": 3, "kind": "motion", "min_peak": 1}]), "'all' or a list of"),
        (b"- a\n- b\n", "must be fields with values"),
        (b"", "must be fields with values, not None"),
        (b"a: [", "rules.yaml: is no YAML"),
        (b"\xff\xfe\x00", "rules.yaml: is no YAML"),
        (GOOD.encode() + b"name: again\n", "'name' stands there twice"),
        (b"a: &a [1]\nb: *a\n", "references .* are not read"),
    ],
)  # fmt: skip
def test_bad_rules_are_refused_with_file_rule_field_and_what_is_allowed(text, words):
    with pytest.raises(RulesError, match=words):
        Rules.from_yaml(text, "rules.yaml")


def test_the_thresholds_of_the_screen_stand_there_too_or_keep_their_defaults():
    assert Rules.from_yaml(GOOD.encode()).screen == ScreenThresholds(motion=0.12, loudness_lu=10)
    assert Rules.from_yaml(changed(screen={"motion": 0.2})).screen == ScreenThresholds(motion=0.2, loudness_lu=10)


def test_a_weight_may_speak_against_an_incident():
    assert Rules.from_yaml(rule(weight=-1)).rules[0].weight == -1


def test_rules_that_are_not_there_are_named(tmp_path):
    with pytest.raises(RulesError, match=r"none.yaml: cannot be read: No such file"):
        Rules.load(tmp_path / "none.yaml")


def test_a_condition_within_another_keeps_its_defaults():
    text = rule(kind="together", min_peak=..., within_s=2, all=[
        {"kind": "motion", "min_peak": 1}, {"kind": "labels", "names": ["Person"], "min_confidence": 0.5}])  # fmt: skip
    condition = Rules.from_yaml(text).rules[0].condition
    assert isinstance(condition, Together)
    assert condition.all[1] == Labels(names=("Person",), min_confidence=0.5, min_instances=0)
