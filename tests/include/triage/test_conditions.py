"""Each kind of condition: when it is met, and when it is not."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from include.catalog.triage import FootageAnalysis
from include.catalog.video import Engine
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
    quote,
)
from include.triage.evidence import NO_SOUND, SCREENED_OUT, Evidence, evidence_from_records, utterances_from_records
from tests.include.triage.evidences import cue, label, line, said, shots, signals

ANALYSIS = FootageAnalysis(
    asset_id="a",
    original_name="a.mp4",
    duration_s=20.0,
    labels=(),
    shots=(),
    cues=(),
    text=(),
    text_left_out=0,
    engine=Engine(service="rekognition", model_version=None),
    skipped={"text": "AccessDenied"},
    analyser_version="1",
)


def met(condition, evidence):
    return [(hit.start_s, hit.end_s) for hit in condition.hits(evidence)]


def test_a_label_is_met_wherever_it_is_seen():
    seen = Evidence(labels=(label("Fire", (1, 2), (8, 9)), label("Car", (0, 60))))
    assert met(Labels(names=("fire",), min_confidence=0.8), seen) == [(1, 2), (8, 9)]


def test_a_label_is_met_by_its_parents_too():
    seen = Evidence(labels=(label("Ambulance", (1, 2), parents=("Vehicle",)),))
    assert met(Labels(names=("Vehicle",), min_confidence=0.5), seen) == [(1, 2)]


def test_a_part_of_a_labels_name_is_another_label():
    assert not met(Labels(names=("Car",), min_confidence=0), Evidence(labels=(label("Car Wash", (1, 2)),)))


@pytest.mark.parametrize(("things", "expected"), [(2, []), (3, [(4, 4)])])
def test_so_many_things_must_be_seen_at_once(things, expected):
    seen = Evidence(labels=(label("Person", (4, 9), things=things),))
    assert met(Labels(names=("Person",), min_confidence=0.5, min_instances=3), seen) == expected


@pytest.mark.parametrize("text", ["ACCIDENT AHEAD", "accident   ahead!", "»AccidentAhead«", "Caution: accident-ahead"])
def test_a_phrase_is_read_whatever_its_case_spaces_and_punctuation(text):
    assert met(Text(phrases=("Accident ahead",), min_confidence=0.5), Evidence(text=(line(text),))) == [(1.0, 2.0)]


@pytest.mark.parametrize("text", ["ACCIDENTS AHEAD", "AHEAD ACCIDENT", "NO ACCIDENT", "PREACCIDENT AHEAD", "…", ""])
def test_other_words_are_not_the_phrase(text):
    assert not met(Text(phrases=("accident ahead",), min_confidence=0), Evidence(text=(line(text),)))


def test_text_that_is_read_unsurely_is_not_read():
    blurred = Evidence(text=(line("ACCIDENT", confidence=0.79),))
    assert not met(Text(phrases=("accident",), min_confidence=0.8), blurred)


def test_a_phrase_is_said_from_its_first_word_to_its_last():
    heard = Evidence(utterances=(said("oh no call an ambulance now", 10.0),))
    assert met(Speech(phrases=("call an ambulance",), min_confidence=0.5), heard) == [(11.0, 12.4)]


def test_a_phrase_does_not_go_on_in_the_next_utterance():
    heard = Evidence(utterances=(said("call an"), said("ambulance", 5.0)))
    assert not met(Speech(phrases=("call an ambulance",), min_confidence=0), heard)


@pytest.mark.parametrize("confidence", [0.4, None], ids=["unsure", "redacted"])
def test_words_that_were_heard_unsurely_say_nothing(confidence):
    heard = Evidence(utterances=(said("help me", confidence=confidence),))
    assert not met(Speech(phrases=("help me",), min_confidence=0.5 if confidence else 0), heard)


def test_negative_speech_is_met_by_how_it_was_said():
    heard = Evidence(utterances=(said("fine", negative=0.1), said("awful", 5.0, negative=0.95), said("unrated", 9.0)))
    assert met(NegativeSpeech(min_negative=0.9), heard) == [(5.0, 5.4)]


def test_a_cue_must_last():
    seen = Evidence(cues=(cue("BlackFrames", 3, 3.2), cue("BlackFrames", 5, 6), cue("ColorBars", 8, 9)))
    assert met(Cues(names=("BlackFrames",), min_confidence=0.5, min_duration_s=0.5), seen) == [(5, 6)]


def test_cuts_are_met_once_where_they_follow_each_other():
    seen = Evidence(shots=shots(10, 11, 12, 30, 50, 50.5, 51))
    assert met(Cuts(min_cuts=3, within_s=2), seen) == [(10, 12), (50, 51)]
    assert not met(Cuts(min_cuts=1, within_s=2), Evidence(shots=shots()))


def test_the_first_shot_begins_without_a_cut():
    assert not met(Cuts(min_cuts=2, within_s=5), Evidence(shots=shots(1)))


def test_peaks_are_met_from_their_minimum_on():
    measured = Evidence(signals=signals(motion=[(5, 0.3), (9, 0.29)], loudness=[(7, 12)]))
    assert met(Motion(min_peak=0.3), measured) == [(5, 5)]
    assert met(Loudness(min_peak_lu=12), measured) == [(7, 7)]
    assert not met(Loudness(min_peak_lu=12.1), measured)
    assert not met(Motion(min_peak=0), Evidence())


HALF = Evidence(
    labels=(label("Fire", (1, 2), confidence=0.5),),
    text=(line("ACCIDENT", confidence=0.5),),
    utterances=(said("help me", confidence=0.5, negative=0.5),),
    cues=(cue("BlackFrames", 3, 3.5, 0.5),),
    shots=shots(3, 5),
    signals=signals([(1, 0.5)], [(1, 0.5)]),
)


@pytest.mark.parametrize(
    "condition",
    [
        Labels(names=("Fire",), min_confidence=0.5),
        Text(phrases=("accident",), min_confidence=0.5),
        Speech(phrases=("help me",), min_confidence=0.5),
        NegativeSpeech(min_negative=0.5, min_confidence=0.5),
        Cues(names=("BlackFrames",), min_confidence=0.5, min_duration_s=0.5),
        Cuts(min_cuts=2, within_s=2, min_confidence=0.9),
        Motion(min_peak=0.5),
        Loudness(min_peak_lu=0.5),
    ],
    ids=lambda condition: condition.kind,
)
def test_a_minimum_itself_is_enough(condition):
    assert met(condition, HALF)


def test_of_a_phrase_each_word_must_be_heard_surely():
    sure, unsure = said("help me"), said("help me", confidence=0.3)
    mixed = Evidence(utterances=(replace(sure, words=(sure.words[0], unsure.words[1])),))
    assert not met(Speech(phrases=("help me",), min_confidence=0.5), mixed)


def test_how_something_was_said_counts_only_when_it_was_heard():
    heard = Evidence(utterances=(said("awful", confidence=0.4, negative=0.95),))
    assert not met(NegativeSpeech(min_negative=0.9, min_confidence=0.5), heard)


def test_unsure_cuts_are_none():
    assert not met(Cuts(min_cuts=2, within_s=2, min_confidence=0.91), HALF)


def test_cuts_belong_to_one_hit_each():
    assert met(Cuts(min_cuts=2, within_s=9), Evidence(shots=shots(1, 2, 3, 4))) == [(1, 2), (3, 4)]


@pytest.mark.parametrize(("phrase", "text"), [("STRASSE", "Große Straße"), ("help me", "help, help me")])
def test_a_phrase_is_found_in_any_spelling_and_after_a_false_start(phrase, text):
    assert met(Text(phrases=(phrase,), min_confidence=0), Evidence(text=(line(text),)))


def test_nothing_is_met_by_a_confidence_that_is_no_number():
    nan = float("nan")
    unknown = Evidence(labels=(label("Fire", (1, 2), confidence=nan),), text=(line("ACCIDENT", confidence=nan),))
    assert not met(Labels(names=("Fire",), min_confidence=0), unknown)
    assert not met(Text(phrases=("accident",), min_confidence=0), unknown)


IMPACT = Together(within_s=2, all=(Motion(min_peak=0.1), Loudness(min_peak_lu=10)))


@pytest.mark.parametrize(("bang_s", "expected"), [(12, [(10, 12)]), (8, [(8, 10)]), (12.01, []), (7.99, [])])
def test_conditions_are_met_together_within_their_time(bang_s, expected):
    assert met(IMPACT, Evidence(signals=signals([(10, 0.5)], [(bang_s, 20)]))) == expected


def test_times_that_are_no_round_numbers_in_binary_lie_together_all_the_same():
    both = replace(IMPACT, within_s=0.1)
    assert met(both, Evidence(signals=signals([(0.7, 0.5)], [(0.8, 20)]))) == [(0.7, 0.8)]  # 0.7 + 0.1 < 0.8


def test_conditions_that_are_met_apart_are_not_met_together():
    assert not met(IMPACT, Evidence(signals=signals([(10, 0.5)])))
    assert not met(IMPACT, Evidence(signals=signals([(10, 0.5)], [(10, 9.9)])))


def test_what_lasts_is_there_all_the_time():
    both = Together(within_s=1, all=(Motion(min_peak=0.1), Labels(names=("Person",), min_confidence=0.5)))
    seen = Evidence(labels=(label("Person", (0, 60)),), signals=signals([(30, 0.5)]))
    assert met(both, seen) == [(30, 30)]


def test_what_is_over_is_not_there_any_more():
    both = Together(within_s=1, all=(Motion(min_peak=0.1), Cues(names=("BlackFrames",), min_confidence=0.5)))
    dark = (cue("BlackFrames", 0, 20), cue("BlackFrames", 25, 28.9), cue("BlackFrames", 29, 29.01))
    assert met(both, Evidence(cues=dark[:2], signals=signals([(30, 0.5)]))) == []
    assert met(both, Evidence(cues=dark, signals=signals([(30, 0.5)]))) == [(29, 30)]


def test_what_is_met_together_is_as_strong_as_the_weaker_and_told_by_the_strongest_of_each():
    dark = (cue("BlackFrames", 9, 12, 0.6), cue("BlackFrames", 10, 11, 0.9), cue("BlackFrames", 11, 12, 0.5))
    both = Together(within_s=2, all=(Motion(min_peak=0.1), Cues(names=("BlackFrames",), min_confidence=0.5)))
    (hit,) = both.hits(Evidence(cues=dark, signals=signals([(10, 3.0)])))
    assert hit.strength == 0.9
    assert "(0.90)" in hit.evidence


def test_ten_thousand_things_at_once_are_decided_on_in_no_time():
    both = Together(within_s=1, all=(Motion(min_peak=0.1), Cues(names=("BlackFrames",), min_confidence=0.5)))
    many = 20_000
    dark = (cue("BlackFrames", 0, many), *(cue("BlackFrames", n, n + 0.5) for n in range(many)))
    began_s = time.process_time()
    assert met(both, Evidence(cues=dark, signals=signals([(n, 0.5) for n in range(many)])))
    assert time.process_time() - began_s < 10  # 0.6 s; with the square of their number it took 30 s


def test_what_happens_together_for_long_is_one_hit():
    crash = signals([(10, 0.5), (11, 0.9)], [(10.5, 20), (11.5, 30)])
    (hit,) = IMPACT.hits(Evidence(signals=crash))
    assert hit.start_s == 10
    assert "0.90" in hit.evidence
    assert "30.0 LU" in hit.evidence or "20.0 LU" in hit.evidence


@pytest.mark.parametrize(("reason", "expected"), [("AccessDenied", [(None, None)]), (NO_SOUND, []), (SCREENED_OUT, [])])
def test_what_was_refused_is_missing_and_what_cannot_be_had_is_not(reason, expected):
    assert met(Missing(analyses=("text", "labels")), Evidence(skipped={"labels": reason})) == expected


def test_a_text_on_which_a_pattern_would_backtrack_for_years_is_read():
    hostile = Evidence(text=tuple(line("a " * 4000) for _ in range(5)))
    assert not met(Text(phrases=("a" * 99 + "b",), min_confidence=0), hostile)


def test_strangers_words_stay_in_one_short_line():
    assert quote("a\n\u202eb" + "c" * 100) == f'"a b{"c" * 56}…"'


def test_a_speech_without_end_is_cut_after_a_word():
    words = [{"text": "word" * 5, "start_s": float(n), "end_s": n + 0.5, "confidence": 0.9} for n in range(500)]
    record = {"text": " ".join(word["text"] for word in words) + ".", "start_s": 0.0, "end_s": 499.5}
    parts = utterances_from_records([record | {"confidence": 0.9, "speaker": None, "words": words}])
    assert len(parts) == 3
    assert all(len(part.text.encode()) <= 5000 for part in parts)
    assert [word.start_s for part in parts for word in part.words] == [word["start_s"] for word in words]


def test_what_was_not_measured_is_known_to_be_missing():
    assert set(evidence_from_records().skipped) == {"motion", "loudness"}
    assert evidence_from_records(signals=signals()).skipped == {}


def test_a_text_of_many_bytes_is_cut_though_it_has_few_characters():
    words = [{"text": "日" * 10, "start_s": float(n), "end_s": n + 0.5, "confidence": 0.9} for n in range(200)]
    record = {"text": " ".join(word["text"] for word in words), "start_s": 0.0, "end_s": 199.5}
    record |= {"confidence": 0.9, "speaker": None, "words": words}
    said_in_all = utterances_from_records([record])
    assert [len(utterance.text.encode()) <= 5000 for utterance in said_in_all] == [True, True]
    assert sum(len(utterance.words) for utterance in said_in_all) == 200


def test_what_is_not_known_is_missing_with_its_reason():
    heard_alone = replace(signals(), has_video=False)
    assert evidence_from_records(signals=heard_alone).skipped == {"motion": "the upload has no picture"}
    seen_alone = replace(signals(), has_audio=False)
    assert evidence_from_records(signals=seen_alone).skipped == {"loudness": NO_SOUND}
    assert evidence_from_records().skipped == dict.fromkeys(("motion", "loudness"), "nobody measured it")
    known = evidence_from_records(analysis=ANALYSIS, signals=signals(), skipped={"transcript": NO_SOUND})
    assert known.skipped == {"text": "AccessDenied", "transcript": NO_SOUND}


def test_the_length_is_that_of_the_catalogue_else_of_the_analysis_else_of_the_signals():
    records = {"analysis": ANALYSIS, "signals": signals(duration_s=30.0)}
    assert evidence_from_records(**records, duration_s=10.0).duration_s == 10
    assert evidence_from_records(**records).duration_s == 20
    assert evidence_from_records(signals=signals(duration_s=30.0)).duration_s == 30
