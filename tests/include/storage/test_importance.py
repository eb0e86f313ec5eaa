from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from include.storage.importance import (
    IMPORTANCE_RULES,
    LEVELS,
    ImportanceFacts,
    ImportanceRulesError,
    default_importance_rules,
    importance_of,
    load_importance_rules,
)

DULL = {
    "recorded_days_ago": 30.0, "device": "cam-1", "score": 0.0, "review_score": 0.4, "words": 0, "people": 0,
    "rating": None,
}  # fmt: skip
UNKNOWN = dict.fromkeys(DULL) | {"device": "unknown"}
FACTS = st.fixed_dictionaries(
    {
        "recorded_days_ago": st.none() | st.floats(0, 2000),
        "device": st.sampled_from(["cam-1", "bus-7", "unknown"]),
        "score": st.none() | st.floats(0, 1),
        "review_score": st.none() | st.just(0.4),
        "words": st.none() | st.integers(0, 500),
        "people": st.none() | st.integers(0, 20),
        "rating": st.none() | st.integers(1, 5),
    }
)


def importance(**facts):
    return importance_of(ImportanceFacts(**(DULL | facts)))


@pytest.fixture
def rules_with(tmp_path):
    """Loads the project's rules with changes; ``...`` takes a section away."""

    def rules_with(**changes):
        content = yaml.safe_load(IMPORTANCE_RULES.read_text()) | changes
        path = tmp_path / "importance.yaml"
        path.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not ...}))
        return load_importance_rules(path)

    return rules_with


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "low"),
        ({"recorded_days_ago": 1}, "low"),
        ({"recorded_days_ago": 1, "people": 2}, "medium"),
        ({"people": 1, "words": 40}, "medium"),
        ({"score": 0.28}, "medium"),
        ({"score": 0.27}, "low"),
        ({"score": 0.39, "people": 1}, "high"),
        ({"device": "bus-12", "people": 3}, "medium"),
        ({"rating": 5}, "high"),
        ({"rating": 1, "score": 0.39, "people": 1}, "low"),
    ],
)
def test_importance_follows_what_is_known(facts, expected):
    assert importance(**facts).importance == expected


def test_the_verdict_names_its_rules():
    assert importance(people=2, words=30).because == ("people were seen (+1)", "people talked (+1)")


def test_what_nobody_knows_anything_of_is_of_low_importance():
    verdict = importance_of(ImportanceFacts(**UNKNOWN))
    assert (verdict.importance, verdict.because) == ("low", ())


@given(FACTS, st.integers(1, 100))
def test_more_people_make_footage_no_less_important(facts, more):
    crowded = facts | {"people": (facts["people"] or 0) + more}
    before, after = (importance_of(ImportanceFacts(**each)).importance for each in (facts, crowded))
    assert LEVELS.index(after) <= LEVELS.index(before)


@given(FACTS, FACTS.map(lambda facts: facts["score"]))
def test_a_higher_score_makes_footage_no_less_important(facts, score):
    higher = facts | {"score": max(score or 0.0, facts["score"] or 0.0)}
    before, after = (importance_of(ImportanceFacts(**each)).importance for each in (facts, higher))
    assert LEVELS.index(after) <= LEVELS.index(before)


def test_the_rules_promise_something_for_every_importance():
    rules = default_importance_rules()
    assert set(rules.expected_reads_per_month) == set(rules.retention.restore_within_h) == set(LEVELS)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"levels": ...}, "'levels' is missing"),
        ({"levels": {"high": 2, "medium": 2}}, "levels: high must be above medium"),
        ({"levels": {"high": 2}}, "levels: 'medium' is missing"),
        ({"colour": "red"}, "colour: not known; there are date, "),
        ({"keep_months": -1}, "keep_months must be a number from 0, not -1"),
        ({"keep_months": "long"}, "keep_months must be a number, not 'long'"),
        ({"restore_within_h": {"high": 0, "low": 12}}, "restore_within_h: 'medium' is missing"),
        ({"expected_reads_per_month": 3}, "expected_reads_per_month must name high, medium, low"),
        ({"date": "today"}, "date must be a date"),
        ({"rules": {}}, "rules must be a list"),
        ({"rules": [{"name": "a", "points": 1}]}, "rule a: it has no condition; there are recorded_within_days"),
        ({"rules": [{"name": "a", "people_from": 1}]}, "rule a: 'points' is missing"),
        ({"rules": [{"people_from": 1, "points": 1}]}, "rule 1: 'name' is missing"),
        ({"rules": [{"name": "a", "people_from": "x", "points": 1}]}, "rule a: people_from must be a number, not 'x'"),
        ({"rules": [{"name": "a", "people": 1, "points": 1}]}, "rule a: people: not known"),
        ({"rules": [{"name": "a", "people_from": 1, "points": 1}] * 2}, "two rules are called a"),
    ],
)
def test_rules_that_cannot_be_used_are_an_error_that_says_where(rules_with, changes, complaint):
    with pytest.raises(ImportanceRulesError, match=rf"importance\.yaml: .*{complaint}"):
        rules_with(**changes)


@pytest.mark.parametrize("text", ["rules: [", "3", ""])
def test_a_file_that_holds_no_rules_is_named(tmp_path, text):
    path = tmp_path / "importance.yaml"
    path.write_text(text)
    with pytest.raises(ImportanceRulesError, match=r"importance\.yaml"):
        load_importance_rules(path)
