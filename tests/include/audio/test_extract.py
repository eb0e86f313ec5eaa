"""The sound of a film as a file that Transcribe reads."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from include.audio.errors import AudioError, NoAudioStream
from include.audio.extract import RATE_HZ, extract_audio
from tests.include.triage.drives import noise, pictures, steady, write_drive


def heard_in(path: Path) -> np.ndarray:
    """The samples of a FLAC file, and that it is what Transcribe wants."""
    with av.open(str(path)) as sound:
        (stream,) = sound.streams
        assert (sound.format.name, stream.rate, stream.channels) == ("flac", RATE_HZ, 1)
        return np.concatenate([frame.to_ndarray()[0] for frame in sound.decode(stream)]) / 32768


def loudest_s(samples: np.ndarray) -> float:
    """The middle of the loudest tenth of a second."""
    power = np.square(samples[: len(samples) // 1600 * 1600]).reshape(-1, 1600).sum(axis=1)
    return float(np.argmax(power) * 0.1 + 0.05)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi"])
def test_the_sound_comes_out_of_every_container(tmp_path, suffix):
    film = write_drive(tmp_path / f"film.{suffix}", pictures(steady, 3), noise(3, bang_s=1.5))
    length_s = extract_audio(film, tmp_path / "audio.flac")
    samples = heard_in(tmp_path / "audio.flac")
    assert length_s == pytest.approx(3, abs=0.1)
    assert len(samples) == round(length_s * RATE_HZ)
    assert loudest_s(samples) == pytest.approx(1.55, abs=0.15)


def test_sound_that_begins_later_than_the_picture_is_silent_until_then(tmp_path):
    film = write_drive(tmp_path / "film.mkv", pictures(steady, 4), noise(2, bang_s=0.5), heard_from_s=1.5)
    assert extract_audio(film, tmp_path / "audio.flac") == pytest.approx(3.5, abs=0.1)
    samples = heard_in(tmp_path / "audio.flac")
    assert np.abs(samples[: round(1.4 * RATE_HZ)]).max() < 0.001
    assert loudest_s(samples) == pytest.approx(2.05, abs=0.15)


def test_stereo_at_another_rate_is_mixed_down(tmp_path):
    with av.open(str(tmp_path / "tone.wav"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=44_100, layout="stereo")
        tone = (np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100) * 12_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate = 44_100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert extract_audio(tmp_path / "tone.wav", tmp_path / "audio.flac") == pytest.approx(1, abs=0.01)
    spectrum = np.abs(np.fft.rfft(heard_in(tmp_path / "audio.flac")[:RATE_HZ]))
    assert int(np.argmax(spectrum)) == pytest.approx(440, abs=2)


def test_a_film_without_sound_is_refused(tmp_path):
    film = write_drive(tmp_path / "film.mp4", pictures(steady, 0.4))
    with pytest.raises(NoAudioStream):
        extract_audio(film, tmp_path / "audio.flac")


def test_what_is_no_film_is_refused(tmp_path):
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(AudioError):
        extract_audio(tmp_path / "film.mp4", tmp_path / "audio.flac")
