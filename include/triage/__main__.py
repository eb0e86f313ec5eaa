"""Try the incident rules on kept results: the decision, what fired, when.

    python -m include.triage [--rules FILE] [--each] [--json] FILE...

Files may be what AWS answered (GetLabelDetection, GetSegmentDetection, GetTextDetection, GetContentModeration,
DetectLabels and DetectText of a picture, a transcript of Transcribe) or what the lake keeps of an upload
(``_analysis.json``, ``_transcript.json``, ``_signals.json``). Together they are one upload, unless ``--each`` is given.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from include.captions.transcribe import segments_from_transcript
from include.catalog.schemas import RecordError, record_from
from include.catalog.triage import FootageAnalysis, Signals, Transcript, Utterance
from include.catalog.video import Label, ModerationLabel
from include.triage.decide import Verdict, decide
from include.triage.evidence import Evidence, evidence_from_records, utterances_from_records
from include.triage.rules import INCIDENT_RULES, Rules, RulesError
from include.video.labels import findings_from_records
from include.video.rekognition import RECORDS_FROM_PAGE, facts_from_page

PAGES = {
    "Labels": ("labels", "label_detection", "Label"),
    "Segments": ("segments", "segment_detection", ""),
    "TextDetections": ("text", "text_detection", "TextDetection"),
    "ModerationLabels": ("moderation", "content_moderation", "ModerationLabel"),
}
"""What an answer of Rekognition holds: which analysis that is, and what wraps each finding of a film."""
RECORDS: Mapping[str, tuple[str, type]] = {
    "motion_peaks": ("signals", Signals),
    "utterances": ("transcript", Transcript),
    "shots": ("analysis", FootageAnalysis),
}
"""Records of the lake, by a field that no other has."""


class UnknownFile(ValueError):
    """A file in a shape that is not known here."""


def evidence_from_files(paths: Iterable[Path]) -> Evidence:
    """Read all that is known of one upload.

    :raises UnknownFile: for a file that tells nothing, or no JSON.
    """
    pages: dict[str, list[dict[str, Any]]] = {}
    records: dict[str, Any] = {}
    utterances: tuple[Utterance, ...] = ()
    duration_s = None
    for path in paths:
        try:
            content = json.loads(path.read_text("utf-8"))
            kind = next((field for field in (*PAGES, *RECORDS, "results") if field in content), "")
            if kind in PAGES:
                analysis, operation, _ = PAGES[kind]
                pages.setdefault(analysis, []).extend(RECORDS_FROM_PAGE[operation](_as_of_film(content, kind)))
                duration_s = duration_s or facts_from_page(content)["media"]["duration_s"]
            elif kind in RECORDS:
                name, cls = RECORDS[kind]
                records[name] = record_from(cls, content)
            elif kind == "results":
                utterances = utterances_from_records(segments_from_transcript(content))
            else:
                raise UnknownFile("neither an answer of Rekognition or Transcribe nor a record of an upload")
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnknownFile(f"{path}: {error}") from error
    known = evidence_from_records(**records, duration_s=duration_s)
    found = findings_from_records(pages, duration_s=known.duration_s)
    return replace(
        known,
        labels=known.labels + found.labels + tuple(map(_as_label, found.moderation)),
        shots=known.shots + found.shots,
        cues=known.cues + found.cues,
        text=known.text + found.text,
        utterances=known.utterances + utterances,
    )


def lines_of(verdict: Verdict) -> list[str]:
    """Write a verdict for people."""
    moments = ", ".join(f"{moment_s:.1f} s" for moment_s in verdict.moments_s) or "none"
    lines = [f"  {verdict.decision}, score {verdict.score:.2f}, moments: {moments}"]
    for fired in verdict.fired:
        at = "" if fired.start_s is None else f" at {fired.start_s:.1f} s"
        lines.append(f"    {fired.weight:+.2f} {fired.rule}{at}: {fired.evidence}")
    return lines + [f"    excluded by {why}" for why in verdict.excluded]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m include.triage", description="Try the incident rules on kept results.", epilog=_EPILOG
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JSON of AWS, or of the lake")
    parser.add_argument("--rules", type=Path, default=INCIDENT_RULES, help="another file of rules to try")
    parser.add_argument("--each", action="store_true", help="each file is an upload of its own")
    parser.add_argument("--json", action="store_true", help="write JSON, one upload a line")
    given = parser.parse_args(arguments)
    try:
        rules = Rules.load(given.rules)
        uploads = [[path] for path in given.files] if given.each else [given.files]
        for paths in uploads:
            verdict = decide(evidence_from_files(paths), rules)
            names = [path.name for path in paths]
            if given.json:
                told = {"files": names, "rules_version": rules.version, **asdict(verdict)}
                sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
            else:
                sys.stdout.write("\n".join([f"{', '.join(names)}:", *lines_of(verdict), ""]))
    except (RecordError, RulesError, UnknownFile) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _as_of_film(answer: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return the answer about a picture as if it were about the first frame of a film."""
    wrapped = PAGES[field][2]
    if not wrapped:
        return answer
    return {field: [one if wrapped in one else {"Timestamp": 0, wrapped: one} for one in answer[field]]}


def _as_label(found: ModerationLabel) -> Label:
    return Label(
        name=found.name,
        parents=(found.parent,) if found.parent else (),
        confidence_max=found.confidence_max,
        segments=found.segments,
        instances=(),
    )


_EPILOG = "Several files are one upload. docs/incident_rules.md explains the rules."

if __name__ == "__main__":
    sys.exit(main())
