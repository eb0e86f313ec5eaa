from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.triage import FiredRule, Triage
from include.triage.alert import CLIP, DETAIL, LINK, Line, Message, Show, harmless, incident_message, subject_of

HOSTILE = (
    "<!channel> <@U024BE7LH> @everyone @here [click](http://evil.example/a) <https://evil.example|ok> *bold* _it_ "
    "`code` &lt;b&gt; <script>alert(1)</script> ~~gone~~ ![x](http://evil.example/p.png) www.evil.example \x00\x1b[31m"
    "\r\n# Heading\u2028\u202efdp.exe\u200b"
)
LINK_URL = (
    "https://media.example/video/footage/cam-1/20260301/drive_web.mp4?Expires=1&Signature=a~b-c_d__&Key-Pair-Id=K1"
)


def item(**stated: Any) -> dict[str, Any]:
    return {
        "asset_id": "72dd7859ed3d483250bbd410",
        "title": "cam-1 drive.mp4",
        "device": "cam-1",
        "day": "20260301",
        "stem": "drive",
        "captured_at": "2026-03-01T14:03:22Z",
        "uploaded_at": "2026-03-01T15:00:00Z",
    } | stated


def triage(**stated: Any) -> Triage:
    impact = FiredRule(rule="impact", weight=0.5, evidence="a bang, 18 LU above the rest", start_s=12.4, end_s=12.8)
    basis: dict[str, Any] = {
        "asset_id": "72dd7859ed3d483250bbd410",
        "original_name": "drive.mp4",
        "decision": "incident",
        "score": 0.912,
        "rules_version": "rules 2026-03-01 0123abcd",
        "fired": (impact,),
        "moments_s": (12.4,),
        "decided_by": "rules",
        "screened_out": False,
        "importance": None,
        "alert_id": None,
        "playback_url_expires_at": None,
        "storage": None,
        "skipped": {},
    }
    return Triage(**basis | stated)


SHOWS = (
    Show(name="Film", url=LINK_URL),
    Show(name="Clip 1", url=LINK_URL, start_s=4.4, end_s=19.4),
    Show(name="Picture", url=LINK_URL),
)


def message(about: dict[str, Any] | None = None, decided: Triage | None = None, shows: Any = SHOWS) -> Message:
    return incident_message(
        about or item(),
        decided or triage(),
        message_id="inc-72dd7859ed3d483250bbd410",
        shows=shows,
        expires_at="2026-03-08T15:00:00Z",
        run_url="http://127.0.0.1:8080/dags/triage_footage/runs/manual__1",
    )


def test_a_message_tells_what_when_how_sure_and_where_to_look():
    text = message().markdown()
    for told in (
        "cam-1 drive․mp4",
        "2026-03-01T14:03:22Z",
        "Score 0.91, decided by rules",
        "00:00:12.40 impact (0.50): a bang, 18 LU above the rest",
        f"[Film]({LINK_URL})",
        f"[Clip 1 00:00:04.40 to 00:00:19.40]({LINK_URL})",
        f"[Picture]({LINK_URL})",
        "until 2026-03-08 15:00 UTC",
        "/dags/triage_footage/runs/manual__1",
        "inc-72dd7859ed3d483250bbd410",
    ):
        assert told in text


def test_what_was_not_made_says_why():
    shows = (Show(name="Film", why_not="MediaConvert: codec <!channel> unknown"), *SHOWS[1:])
    text = message(shows=shows).markdown()
    assert "- Film: MediaConvert: codec ＜!channel＞ unknown" in text
    assert f"[Clip 1 00:00:04.40 to 00:00:19.40]({LINK_URL})" in text


def test_a_recording_time_that_nobody_knows_is_said_to_be_unknown():
    assert "Uploaded 2026-03-01T15:00:00Z, recorded nobody knows when" in message(item(captured_at=None)).markdown()


def test_what_strangers_wrote_has_no_meaning_in_any_channel():
    fired = (FiredRule(rule="text", weight=1.0, evidence=f"read {HOSTILE}", start_s=None, end_s=None),)
    told = message(item(title=HOSTILE, captured_at=HOSTILE), triage(fired=fired, decided_by=HOSTILE))
    own = message(item(title="x", captured_at="x"), triage(fired=(), decided_by="x")).markdown()
    for text in (told.markdown(), told.json()):
        assert "evil.example" not in text
        assert "://evil" not in text
        assert "<!" not in text
        assert "<@" not in text
        assert "@" not in text
        assert "<script" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert all(told.markdown().count(mark) == own.count(mark) for mark in "<>[]*`")
    assert len(told.markdown().splitlines()) == len(own.splitlines()) + 1  # the rule that fired


@given(st.text(max_size=300))
def test_whatever_the_text_it_is_one_bounded_line_without_markup_or_control_characters(text):
    shown = harmless(text)
    assert len(shown) <= 200
    assert len(shown.splitlines()) <= 1
    assert not set("<>&@*_`[]|~\\#") & set(shown)
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in shown)


@given(st.text(max_size=300))
def test_a_subject_is_what_sns_takes(text):
    subject = subject_of(f"Incident: {text}")
    assert len(subject) < 100
    assert subject.isascii()
    assert subject.isprintable()


def test_a_message_for_programs_holds_the_facts_and_stays_far_below_what_sns_takes():
    fired = tuple(
        FiredRule(rule="🚗" * 3000, weight=1.0, evidence="💥" * 300_000, start_s=1.0, end_s=2.0) for _ in range(500)
    )
    told = message(item(title="🚗" * 100_000), triage(fired=fired, moments_s=tuple(float(n) for n in range(500))))
    facts = json.loads(told.json())
    assert len(json.dumps({"default": told.json()}).encode()) < 256 * 1024 / 2
    assert facts["fired_in_all"] == 500
    assert len(facts["fired"]) == 12
    assert facts["film"]["url"] == LINK_URL
    assert facts["score"] == 0.912
    assert "and 488 further rules" in facts["text"]


@pytest.mark.parametrize("most", [2000, 900, 700, 400])
def test_a_short_message_loses_the_clips_first_and_the_reasons_next_and_the_film_last(most):
    text = message().markdown(most)
    assert len(text) <= max(most, len(message().markdown(1)))
    assert "**Incident**" in text
    assert "Score" in text
    assert ("[Film]" in text) >= ("impact" in text) >= ("[Clip 1" in text)


def test_lines_of_equal_worth_go_from_the_end():
    lines = (Line("who"), Line("film", LINK), Line("why", DETAIL), Line("because", DETAIL), Line("clip", CLIP))
    short = Message(message_id="1", kind="incident", subject="s", lines=lines, facts={})
    assert [short.markdown(most).split() for most in (30, 20, 12, 11, 3)] == [
        ["who", "film", "why", "because", "clip"],
        ["who", "film", "why", "because"],
        ["who", "film", "why"],
        ["who", "film"],
        ["who"],
    ]


def test_links_are_secrets_which_no_trace_shows():
    told = message()
    assert "Signature" not in repr(told)
    assert "Signature" not in repr(SHOWS[0])
