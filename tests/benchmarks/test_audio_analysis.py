from __future__ import annotations

import pytest

import benchmarks.__main__
from benchmarks.audio_analysis import Labels, Score, decode, ours, warm_table
from benchmarks.synthesis import Piece, play, write_audio


def test_the_piece_that_is_measured_sounds_as_it_was_composed(tmp_path):
    path = write_audio(tmp_path / "piece.mp3", iter([play(Piece(112.0, "F#", "minor", seed=1), 24)]))

    heard = ours(path)

    assert heard["tempo_bpm"] == pytest.approx(112, rel=0.01)
    assert (heard["key"], heard["mode"], heard["voice"]) == ("F#", "minor", "instrumental")
    assert heard["duration_s"] == pytest.approx(24, abs=0.05)


def test_bare_frames_can_be_joined_to_a_file_as_long_as_one_likes(tmp_path):
    frames = write_audio(tmp_path / "bare.mp3", iter([play(Piece(90.0, "C", "major"), 5)]), bare=True).read_bytes()
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(frames * 4)

    assert decode(joined)["duration_s"] == pytest.approx(20, abs=0.3)


def test_ratios_are_to_decoding_and_to_plain_librosa():
    seconds = {"decode": 0.5, "ours": 2.0, "plain librosa": 20.0}
    table = warm_table({way: {"wall_s": value, "cpu_s": value} for way, value in seconds.items()})

    assert "| ours | 2.00 | 2.00 | 4.0 | 1/10.0 |" in table


KNOWN = Labels(120.0, "F", "minor")


def heard(tempo_bpm, candidates, key="F", mode="minor"):
    return {"tempo_bpm": tempo_bpm, "tempo_candidates_bpm": candidates, "key": key, "mode": mode}


@pytest.mark.parametrize(
    ("ours_heard", "plain_heard", "is_good"),
    [
        (heard(60.0, [60.0, 120.0]), heard(120.0, []), True),
        (heard(None, []), heard(240.0, []), False),
        (heard(120.0, [], mode="major"), heard(120.0, []), False),
        (heard(None, []), heard(0.0, [], key="C"), True),
    ],
)
def test_the_benchmark_is_lost_when_plain_librosa_names_more(ours_heard, plain_heard, is_good):
    score = Score()
    score.add(KNOWN, ours_heard, plain_heard)
    assert score.is_good is is_good


def test_what_nobody_labelled_is_not_counted():
    score = Score()
    score.add(Labels(), heard(120.0, []), heard(60.0, []))
    assert (score.tempi, score.keys, score.is_good) == (0, 0, True)


def test_what_is_heard_in_a_file_is_scored(tmp_path):
    path = write_audio(tmp_path / "piece.mp3", iter([play(Piece(97.0, "G", "major", seed=2), 20)]))
    score = Score()
    score.add(Labels(97.0, "G", "major"), ours(path), heard(97.0, [], key="C", mode="major"))
    assert (score.tempi, score.ours_tempi, score.ours_keys) == (1, 1, 1)
    assert "| key | 1 | 1 |" in score.table("a piece")


def test_a_media_folder_goes_to_the_benchmark_that_listens(tmp_path, monkeypatch):
    (tmp_path / "MANIFEST.csv").write_text("path\n")
    given = {}

    def noted(name, status):
        monkeypatch.setattr(f"benchmarks.{name}.main", lambda arguments: given.update({name: arguments}) or status)

    noted("audio_analysis", 1)
    noted("dag_parsing", 0)
    assert benchmarks.__main__.main(["--media", str(tmp_path), "audio_analysis", "dag_parsing"]) == 1
    assert given == {"audio_analysis": ["--media", str(tmp_path)], "dag_parsing": []}


def test_a_media_folder_without_a_manifest_is_refused(tmp_path, capsys):
    assert benchmarks.__main__.main(["--media", str(tmp_path)]) == 2
    assert "holds no MANIFEST.csv" in capsys.readouterr().err
