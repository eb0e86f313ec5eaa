"""Shots and technical cues of films whose cuts, fades, black and bars stand at known frames."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from aws_emulator.services.rekognition.timecode import smpte
from tests.docker.aws.rekognition.scenes import BLACK, SIZE, colour_bars, faded, film, page, texture

NTSC = Fraction(30000, 1001)


def test_cuts_are_found_at_their_frames(tmp_path, shots):
    pictures = [texture(1)] * 20 + [texture(2)] * 30 + [texture(3)] * 15
    assert shots(film(tmp_path / "cuts.mp4", pictures)) == [(0, 19), (20, 49), (50, 64)]


def test_a_pan_is_no_cut(tmp_path, shots):
    wide = cv2.resize(texture(1), (SIZE[0] * 3, SIZE[1]))
    pictures = [wide[:, step : step + SIZE[0]] for step in range(0, 600, 10)]
    assert shots(film(tmp_path / "pan.mp4", pictures)) == [(0, 59)]


def test_a_fade_out_and_in_is_one_boundary_where_the_next_picture_begins_to_show(tmp_path, shots):
    out = [faded(texture(1), light) for light in np.linspace(1, 0, 20)]
    into = [faded(texture(2), light) for light in np.linspace(0, 1, 20)]
    pictures = [texture(1)] * 15 + out + [BLACK] * 10 + into + [texture(2)] * 15
    (_, last), (first, _) = shots(film(tmp_path / "fade.mp4", pictures))
    assert last + 1 == first
    assert 45 <= first <= 47  # black to 45


def test_a_cut_to_black_and_back_is_a_boundary_at_its_frame(tmp_path, shots):
    pictures = [BLACK] * 12 + [texture(1)] * 20 + [BLACK] * 12 + [texture(2)] * 20
    assert [first for first, _ in shots(film(tmp_path / "black.mp4", pictures))] == [0, 12, 32, 44]


def test_black_that_fades_belongs_to_its_shot_at_the_beginning_and_the_end(tmp_path, shots):
    into = [faded(texture(1), light) for light in np.linspace(0, 1, 20)]
    pictures = [BLACK] * 10 + into + [texture(1)] * 10 + into[::-1] + [BLACK] * 10
    assert shots(film(tmp_path / "one.mp4", pictures)) == [(0, 69)]


def test_black_frames_are_found_exactly_and_content_is_the_rest(tmp_path, cues):
    video = film(tmp_path / "black.mp4", [texture(1)] * 10 + [BLACK] * 8 + [texture(2)] * 10)
    assert cues(video) == [("Content", 0, 9), ("BlackFrames", 10, 17), ("Content", 18, 27)]


def test_the_black_frame_filter_says_what_is_black(tmp_path, cues):
    grey = np.full_like(BLACK, 60)
    spot = BLACK.copy()
    spot[:40, :40] = 255  # 2.8 % of the picture
    video = film(tmp_path / "grey.mp4", [texture(1)] * 5 + [grey] * 6 + [texture(2)] * 5 + [spot] * 6)
    assert cues(video) == [("Content", 0, 21)]
    assert ("BlackFrames", 5, 10) in cues(video, BlackFrame={"MaxPixelThreshold": 0.3})
    assert ("BlackFrames", 16, 21) in cues(video, BlackFrame={"MinCoveragePercentage": 95})
    assert ("BlackFrames", 5, 10) not in cues(video, BlackFrame={"MinCoveragePercentage": 95})


def test_colour_bars_are_found_and_a_timecode_over_them_does_not_hide_them(tmp_path, cues):
    burnt_in = cv2.putText(colour_bars(), "00:00:01:00", (60, 80), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    video = film(tmp_path / "bars.mp4", [colour_bars()] * 15 + [burnt_in] * 10 + [texture(1)] * 10)
    assert cues(video) == [("ColorBars", 0, 24), ("Content", 25, 34)]


def test_end_credits_are_reported_where_text_on_black_runs_to_the_end(tmp_path, cues):
    names = page("DIRECTOR MARY HILL", "CAMERA JOHN STONE", "SOUND ANNA WOOD", "EDITOR PAUL FIELD")
    video = film(tmp_path / "credits.mp4", [texture(1)] * 10 + [names] * 30 + [BLACK] * 5, rate=10)
    ((_, first, last),) = [cue for cue in cues(video) if cue[0] == "EndCredits"]
    assert 10 <= first <= 15
    assert last == 39


def test_a_title_in_between_is_no_end_credits(tmp_path, cues):
    title = page("PART TWO", "THE RETURN", "OF THE RIVER")
    video = film(tmp_path / "title.mp4", [texture(1)] * 10 + [title] * 25 + [texture(2)] * 15, rate=10)
    assert cues(video) == [("Content", 0, 49)]


def test_kinds_come_in_the_order_in_which_they_were_asked_for(tmp_path, analyse):
    video = film(tmp_path / "clip.mp4", [texture(1)] * 15 + [texture(2)] * 15)
    found = analyse(video, "SegmentDetection", SegmentTypes=["TECHNICAL_CUE", "SHOT", "SHOT"])
    assert [segment["Type"] for segment in found] == ["TECHNICAL_CUE", "SHOT", "SHOT"]
    assert [segment["ShotSegment"]["Index"] for segment in found[1:]] == [0, 1]


def test_an_unsure_shot_is_left_out_by_its_filter(tmp_path, analyse):
    pictures = [texture(1)] * 15 + [cv2.addWeighted(texture(1), 0.6, texture(2), 0.4, 0)] * 15
    video = film(tmp_path / "slight.mp4", pictures)
    sure = analyse(video, "SegmentDetection", SegmentTypes=["SHOT"])[0]["ShotSegment"]["Confidence"]
    assert 50 <= sure < 100
    filters = {"ShotFilter": {"MinSegmentConfidence": sure + 0.01}}
    assert analyse(video, "SegmentDetection", SegmentTypes=["SHOT"], Filters=filters) == []


def test_a_segment_says_when_in_milliseconds_frames_and_timecodes(tmp_path, analyse):
    video = film(tmp_path / "ntsc.mp4", [texture(1)] * 31 + [texture(2)] * 29, rate=NTSC)
    _, second = analyse(video, "SegmentDetection", SegmentTypes=["SHOT"])
    assert second["StartFrameNumber"] == 31
    assert second["StartTimestampMillis"] == 1034  # 31 x 1001 / 30000 s is 1034.4 ms, rounded down
    assert (second["StartTimecodeSMPTE"], second["EndTimecodeSMPTE"]) == ("00:00:01;01", "00:00:01;29")
    assert (second["DurationFrames"], second["DurationSMPTE"]) == (28, "00:00:00;28")
    assert second["DurationMillis"] == second["EndTimestampMillis"] - second["StartTimestampMillis"]


def test_times_follow_the_pictures_where_the_rate_is_uneven(tmp_path, analyse):
    pictures = [texture(1)] * 12 + [texture(2)] * 12
    times = [*range(12), *(20 + 3 * number for number in range(12))]
    _, second = analyse(film(tmp_path / "uneven.mp4", pictures, times=times), "SegmentDetection", SegmentTypes=["SHOT"])
    assert (second["StartFrameNumber"], second["StartTimestampMillis"]) == (12, 800)


def test_drop_frame_timecode_keeps_up_with_the_clock():
    assert smpte(round(3600 * 30000 / 1001), float(NTSC)) == "01:00:00;00"


def test_drop_frame_timecode_names_every_frame_once_and_skips_only_two_a_minute():
    names = [smpte(frame, float(NTSC)) for frame in range(20_000)]
    assert len(set(names)) == len(names)
    assert names == sorted(names)
    assert "00:01:00;00" not in names
    assert "00:01:00;01" not in names
    assert "00:10:00;00" in names
