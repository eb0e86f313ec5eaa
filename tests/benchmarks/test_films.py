from __future__ import annotations

import json

import pytest

from benchmarks import cheap_look, films, production_cues
from tests.include.video.films import flat, write_film


def test_films_are_taken_from_the_manifest_without_those_that_are_refused(tmp_path):
    film = write_film(tmp_path / "film.mp4", [flat((90, 90, 90), (64, 48))] * 3)
    (tmp_path / "broken.mp4").write_bytes(film.read_bytes()[:100])
    rows = ["path,kind", "film.mp4,video/odd", "broken.mp4,video/odd", "gone.mp4,video/odd", "film.mp4,audio/music"]
    (tmp_path / "MANIFEST.csv").write_text("\n".join(rows))
    assert list(films.real_films(tmp_path)) == [film]


@pytest.mark.parametrize("benchmark", [cheap_look, production_cues])
def test_both_ways_are_measured_in_rounds(tmp_path, capsys, benchmark):
    film = write_film(tmp_path / "film.mp4", [flat((90, 90, 90), (64, 48))] * 5)
    assert benchmark.main(["--warm", str(film), "--rounds", "1"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert {way: min(figures.values()) > 0 for way, figures in measured.items()} == {"decode": True, "ours": True}
