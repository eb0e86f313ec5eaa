"""How sure a word about a clip has to be before it is said at all."""

from __future__ import annotations

from dataclasses import replace

from include.catalog.video import Verdict

LEAST_CONFIDENCE = 0.5
"""Below it as much speaks against a finding as for it."""


def settled(verdict: Verdict) -> Verdict:
    """Return the verdict if it is sure enough, else one that says nothing but what would have been likeliest.

    >>> guess = Verdict(value="pan", unit="static | pan", method="corners followed", confidence=0.26)
    >>> settled(guess).value, settled(guess).method
    (None, 'corners followed: too unsure, pan is likeliest (0.26)')
    """
    if verdict.confidence is None or verdict.confidence >= LEAST_CONFIDENCE:
        return verdict
    why_not = f"too unsure, {verdict.value} is likeliest ({verdict.confidence:.2f})"
    return replace(verdict, value=None, method=f"{verdict.method}: {why_not}", confidence=None)
