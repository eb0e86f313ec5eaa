"""Decide about an upload: a pure function of its evidence and the rules.

The score is the sum of the weights of the rules that were met, each counted once however often it was met, from 0 to 1.
It does not depend on the order in which rules or evidence come. An exclusion takes away what speaks for an incident,
never what speaks against one, so that adding one cannot raise the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from include.catalog.triage import Decision, FiredRule
from include.triage.conditions import Condition, Hit
from include.triage.evidence import Evidence
from include.triage.rules import Exclusion, Rule, Rules

MOST_HITS = 5
"""How often one rule is told about, the strongest hits first: a label may come and go a hundred times."""
MOST_MOMENTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is decided, and why."""

    decision: Decision
    score: float
    fired: tuple[FiredRule, ...]
    """The rules that count, the heaviest first; one that was met several times stands there several times."""
    moments_s: tuple[float, ...]
    """When it happened: hits close together are one moment. The heaviest first."""
    excluded: tuple[str, ...]
    """What took rules away that were met, and when."""


def decide(evidence: Evidence, rules: Rules) -> Verdict:
    """Decide by the rules.

    >>> from include.catalog.triage import Peak, Signals
    >>> from include.triage.rules import default_rules
    >>> decide(Evidence(duration_s=6.0), default_rules()).decision
    'normal'
    >>> crash = Signals(duration_s=60, has_video=True, has_audio=True, loudness_lufs=-30, analyser_version="1",
    ...     motion_peaks=(Peak(at_s=30, value=3.0),), loudness_peaks=(Peak(at_s=30.5, value=30.0),))
    >>> verdict = decide(Evidence(signals=crash, duration_s=60), default_rules())
    >>> verdict.decision, verdict.moments_s
    ('incident', (30.0,))
    """
    stopped = {
        exclusion: hits[0] for exclusion in rules.exclusions if (hits := _strongest(exclusion.condition, evidence))
    }
    found = [(rule, hits) for rule in rules.rules if (hits := _strongest(rule.condition, evidence))]
    away = [(exclusion, rule) for exclusion in stopped for rule, _ in found if _takes_away(exclusion, rule)]
    gone = {rule.name for _, rule in away}
    met = [(rule, hits) for rule, hits in found if rule.name not in gone]
    score = round(min(1.0, max(0.0, math.fsum(rule.weight for rule, _ in met))), 4)
    decision: Decision = "normal"
    if score >= rules.incident:
        decision = "incident"
    elif score >= rules.review:
        decision = "review"
    fired = [
        FiredRule(rule=rule.name, weight=rule.weight, evidence=hit.evidence, start_s=hit.start_s, end_s=hit.end_s)
        for rule, hits in met
        for hit in hits
    ]
    told = {f"{exclusion.name}: {stopped[exclusion].evidence}{_at(stopped[exclusion])}" for exclusion, _ in away}
    return Verdict(
        decision=decision,
        score=score,
        fired=tuple(sorted(fired, key=_weightiest)),
        moments_s=tuple(moments(fired, within_s=rules.merge_moments_within_s)),
        excluded=tuple(sorted(told)),
    )


def moments(fired: Iterable[FiredRule], *, within_s: float) -> list[float]:
    """Return when it happened, the heaviest moment first.

    Rules of negative weight, and what has no time, make no moment. The heaviest hit takes those within ``within_s``
    before and after it; its moment weighs as much as the rules in it together, each counted once.

    >>> jolt = FiredRule(rule="jolt", weight=0.4, evidence="", start_s=30.0, end_s=30.0)
    >>> moments([jolt, replace(jolt, rule="bang", weight=0.3, start_s=31.0),
    ...          replace(jolt, rule="cry", weight=0.5, start_s=90.0)], within_s=5)
    [30.0, 90.0]
    """
    left = sorted((hit for hit in fired if hit.weight > 0 and hit.start_s is not None), key=_weightiest)
    found: list[tuple[float, float]] = []
    while left:
        at_s = left[0].start_s or 0.0
        together = {hit.rule: hit.weight for hit in left if abs((hit.start_s or 0.0) - at_s) <= within_s}
        found.append((-math.fsum(together.values()), at_s))
        left = [hit for hit in left if abs((hit.start_s or 0.0) - at_s) > within_s]
    return [at_s for _, at_s in sorted(found)[:MOST_MOMENTS]]


def _strongest(condition: Condition, evidence: Evidence) -> list[Hit]:
    hits = {_within(hit, evidence.duration_s) for hit in condition.hits(evidence)}
    return sorted(hits, key=lambda hit: (-hit.strength, hit.start_s or 0.0, hit.end_s or 0.0, hit.evidence))[:MOST_HITS]


def _within(hit: Hit, duration_s: float | None) -> Hit:
    """Return a hit inside the film, to the millisecond; services report what lies a frame beyond its end."""
    if hit.start_s is None:
        return hit
    last_s = math.inf if duration_s is None else duration_s
    start_s = min(round(float(max(hit.start_s, 0.0)), 3), last_s)
    end_s = min(round(float(max(hit.end_s or 0.0, start_s)), 3), last_s)
    return replace(hit, start_s=start_s, end_s=end_s)


def _takes_away(exclusion: Exclusion, rule: Rule) -> bool:
    return rule.weight > 0 and (exclusion.excludes is None or rule.name in exclusion.excludes)


def _weightiest(fired: FiredRule) -> tuple[float, float, float, str, str]:
    return -fired.weight, fired.start_s or 0.0, fired.end_s or 0.0, fired.rule, fired.evidence


def _at(hit: Hit) -> str:
    return "" if hit.start_s is None else f" at {hit.start_s:.1f} s"
