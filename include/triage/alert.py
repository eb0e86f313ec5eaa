"""What people are told of an incident: one message, for chats, mails and programs.

Names of files, speech and text on screen come from strangers. They are shown with the look-alikes of all characters
that some channel gives a meaning to, so that nobody is mentioned, no link appears and nothing is bold that was not
meant to be, whatever a channel makes of Markdown.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.catalog.triage import FiredRule, Triage
from include.video.contact_sheet import timecode

LONGEST_TEXT = 200
"""Characters of what a stranger wrote."""
LONGEST_READ = 4096
"""Of which no more is looked at, however much there is."""
MOST_FIRED = 12
LONGEST_SUBJECT = 99
"""SNS takes less than 100, ASCII, in one line: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""
ALWAYS, LINK, DETAIL, CLIP = range(4)
"""What a line is worth: in a channel that takes only short messages those behind go first."""
_MEANINGFUL = str.maketrans({mark: chr(ord(mark) + 0xFEE0) for mark in "<>&@*_`[]|~\\#"})
_LINK_MAKING = re.compile(r"(?<=\w)\.(?=\w)|:(?=//)")
_LOOK_ALIKES = {".": "․", ":": "："}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a message, in Markdown; of what strangers wrote only after ``harmless``."""

    text: str
    worth: int = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told once to each channel. Its links are secrets, which is why it shows none of them itself."""

    message_id: str
    kind: str
    subject: str
    """Of letters, digits and plain punctuation alone, so that it needs no escaping anywhere."""
    lines: tuple[Line, ...] = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    """The same for programs."""

    def markdown(self, most: int | None = None) -> str:
        r"""Return the message as CommonMark; above ``most`` characters, without the lines that are worth least.

        >>> message = Message(message_id="1", kind="incident", subject="s", facts={},
        ...                   lines=(Line("who", ALWAYS), Line("- why", DETAIL), Line("- because", DETAIL)))
        >>> message.markdown(), message.markdown(10)
        ('who\n- why\n- because', 'who\n- why')
        """
        kept = list(self.lines)
        while most is not None and len("\n".join(line.text for line in kept)) > most:
            least = max(reversed(range(len(kept))), key=lambda number: kept[number].worth)
            if kept[least].worth == ALWAYS:
                break
            del kept[least]
        return "\n".join(line.text for line in kept)

    def json(self) -> str:
        """Return the facts as JSON, with the message as people read it under ``text``."""
        return json.dumps({**self.facts, "text": self.markdown()}, ensure_ascii=False, indent=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Something to look at: a link to it, or why there is none."""

    name: str
    url: str | None = field(default=None, repr=False)
    why_not: str = ""
    start_s: float | None = None
    end_s: float | None = None

    @property
    def line(self) -> str:
        """A link is spelled ``[name](url)``: cards in Teams know no other way, and no URL of ours has a bracket."""
        name = harmless(self.name)
        if self.start_s is not None and self.end_s is not None:
            name += f" {timecode(self.start_s)} to {timecode(self.end_s)}"
        return f"- [{name}]({self.url})" if self.url else f"- {name}: {harmless(self.why_not)}"

    @property
    def facts(self) -> dict[str, Any]:
        told = {"name": harmless(self.name), "url": self.url, "start_s": self.start_s, "end_s": self.end_s}
        return told if self.url else {**told, "why_not": harmless(self.why_not)}


def harmless(text: str, most: int = LONGEST_TEXT) -> str:
    r"""Show what a stranger wrote as it looks, in one line, without any meaning that a chat or a mail could give it.

    >>> harmless("<!channel>\n@everyone *see* http://evil.example/a.mp4\u202e")
    '＜!channel＞ ＠everyone ＊see＊ http：//evil․example/a․mp4'
    >>> harmless("x" * 300, most=5)
    'xxxx…'
    """
    read = text[:LONGEST_READ]
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in read)
    line = " ".join(visible.split())
    if len(line) > most:
        line = f"{line[: most - 1].rstrip()}…"
    line = _LINK_MAKING.sub(lambda found: _LOOK_ALIKES[found[0]], line)
    return line.translate(_MEANINGFUL)


def subject_of(text: str) -> str:
    """Return a subject that SNS takes: printable ASCII without markup, in one line, less than 100 characters.

    >>> subject_of("Incident: cam-1 dríve_1")
    'Incident: cam-1 dr-ve-1'
    """
    return re.sub(r"[^A-Za-z0-9 .:,()-]+", "-", text)[:LONGEST_SUBJECT].strip()


def incident_message(
    item: Mapping[str, Any],
    triage: Triage,
    *,
    message_id: str,
    shows: Sequence[Show],
    expires_at: str | None,
    run_url: str,
) -> Message:
    """Write the message about an incident.

    :param item: of the catalogue
    :param triage: the record of the decision
    :param shows: what there is to look at, the film first, then the clips, the picture last
    :param expires_at: until when the links play, ISO 8601; ``None`` when there are none
    :param run_url: address of the Airflow run
    """
    film, *clips, picture = shows
    fired = sorted(triage.fired, key=lambda rule: -rule.weight)
    captured = item.get("captured_at")
    recorded = f"Recorded {captured}" if captured else f"Uploaded {item['uploaded_at']}, recorded nobody knows when"
    more = len(fired) - MOST_FIRED
    lines = [
        Line(f"**Incident** in {harmless(item['title'])}"),
        Line(""),
        Line(f"- Device {harmless(item['device'])}. {harmless(recorded)}"),
        Line(f"- Score {triage.score:.2f}, decided by {harmless(triage.decided_by)}"),
        *(Line(f"- {_told(rule)}", DETAIL) for rule in fired[:MOST_FIRED]),
        *([Line(f"- and {more} further rules", DETAIL)] if more > 0 else []),
        Line(film.line, LINK),
        *(Line(clip.line, CLIP) for clip in clips),
        Line(picture.line, CLIP),
        *([Line(f"- The links play until {_minute(expires_at)}")] if expires_at else []),
        Line(f"- [What Airflow did]({run_url})", DETAIL),
        Line(f"- {message_id}"),
    ]
    facts = {
        "kind": "incident",
        "incident_id": message_id,
        "asset_id": item["asset_id"],
        "title": harmless(item["title"]),
        "device": harmless(item["device"]),
        "captured_at": captured and harmless(captured),
        "uploaded_at": item["uploaded_at"],
        "decision": triage.decision,
        "decided_by": harmless(triage.decided_by),
        "score": triage.score,
        "rules_version": triage.rules_version,
        "moments_s": triage.moments_s,
        "fired": [
            {
                "rule": rule.rule[:LONGEST_TEXT],
                "weight": rule.weight,
                "evidence": harmless(rule.evidence),
                "start_s": rule.start_s,
                "end_s": rule.end_s,
            }
            for rule in fired[:MOST_FIRED]
        ],
        "fired_in_all": len(fired),
        "film": film.facts,
        "clips": [clip.facts for clip in clips],
        "picture": picture.facts,
        "links_expire_at": expires_at,
        "run_url": run_url,
    }
    subject = subject_of(f"Incident: {item['device']} {item['stem']} ({triage.score:.2f})")
    return Message(message_id=message_id, kind="incident", subject=subject, lines=tuple(lines), facts=facts)


def _told(rule: FiredRule) -> str:
    """Say what rule fired, on what, and when.

    >>> _told(FiredRule(rule="impact", weight=0.5, evidence="a bang", start_s=12.4, end_s=None))
    '00:00:12.40 impact (0.50): a bang'
    """
    at = f"{timecode(rule.start_s)} " if rule.start_s is not None else ""
    return f"{at}{harmless(rule.rule)} ({rule.weight:.2f}): {harmless(rule.evidence)}"


def _minute(moment: str) -> str:
    """Write a moment for people.

    >>> _minute("2026-03-08T14:10:33Z")
    '2026-03-08 14:10 UTC'
    """
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
