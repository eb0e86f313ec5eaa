"""What it costs to hear what is in a file: ours against decoding alone and against librosa as it is usually written.

All in one run over one generated piece of three minutes (44.1 kHz stereo MP3) and one of two hours:

- **decode**: PyAV decodes every frame and throws it away; nothing that listens can be faster
- **ours**: `include.audio.analyse`, the whole record
- **plain librosa**: the same features as tutorials write them: the file loaded twice (at its own rate for pyloudnorm,
  at 22,050 Hz for librosa), `rms`, `beat_track`, `chroma_cqt` with Krumhansl's profiles, `hpss`

Warm: rounds in one process, each way once a round from another start, after one round that does not count. Cold: a
process of its own that imports, runs once and then once more.

Right: generated pieces of known tempo and key, and with `--media FOLDER` real files, which are not part of the
repository: a folder with a `MANIFEST.csv` of path, duration and facts. A tempo is named when it is among our
candidates, or is what plain librosa says or half or double of it, within 4 %. The exit status is 1 when plain librosa
names more tempi or keys than we do.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.timing import (
    cpu_seconds,
    machine_line,
    markdown_table,
    measure,
    peak_memory_mib,
    warm_rounds,
)
from include.audio.errors import AudioError, NotAudio

MODULE = "benchmarks.audio_analysis"
WAYS = ("decode", "ours", "plain librosa")
PIECE_S = 180
LONG_S = 7200
TEMPO_BPM, KEY, MODE = 112.0, "F#", "minor"
TEMPO_TOLERANCE = 0.04
"""How far a tempo may be off, as a share: what MIREX counts as right."""
LABELLED_S = 20
LABELLED = (
    (72.0, "C", "major", True, 0.5),
    (84.0, "A", "minor", False, 0.5),
    (97.0, "G", "major", True, 0.67),
    (112.0, "F#", "minor", True, 0.5),
    (126.0, "D#", "major", False, 0.5),
    (140.0, "E", "minor", True, 0.5),
    (158.0, "A#", "major", True, 0.5),
    (174.0, "D", "minor", True, 0.5),
)
"""Generated pieces: tempo in BPM, key, mode, whether there are drums, where the off-beat falls."""


# -- the ways


def decode(path: Path) -> dict[str, Any]:
    """Decode every frame."""
    import av

    samples = 0
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for frame in container.decode(stream):
            samples += frame.samples
        return {"duration_s": samples / stream.rate}


def ours(path: Path) -> dict[str, Any]:
    """Write the record of the file."""
    from include.audio.analyse import analyse_audio

    features = analyse_audio(
        path, asset_id="", original_name=path.name, attribution_required=False, attribution_text=""
    )
    return {name: getattr(features, name) for name in features.__slots__}


def plain_librosa(path: Path) -> dict[str, Any]:
    """Find duration, loudness, RMS, tempo, key and the share of percussion the usual way."""
    import librosa
    import numpy as np
    import pyloudnorm

    from include.audio.music import KEY_PROFILES, PITCH_CLASSES

    own_rate, rate_hz = librosa.load(path, sr=None, mono=False)
    planes = np.atleast_2d(own_rate)
    meter = pyloudnorm.Meter(rate_hz)  # which refuses what is shorter than its block
    too_short = planes.shape[1] <= meter.block_size * rate_hz
    loudness_lufs = None if too_short else float(meter.integrated_loudness(planes.T))
    mono, mono_rate_hz = librosa.load(path)
    rms = librosa.feature.rms(y=mono)
    tempo_bpm, _ = librosa.beat.beat_track(y=mono, sr=mono_rate_hz)
    chroma = librosa.feature.chroma_cqt(y=mono, sr=mono_rate_hz).mean(axis=1)
    profiles = KEY_PROFILES["Krumhansl & Kessler 1982"]
    fits = {
        (tonic, mode): np.corrcoef(np.roll(profile, number), chroma)[0, 1]
        for mode, profile in profiles.items()
        for number, tonic in enumerate(PITCH_CLASSES)
    }
    key, mode = max(fits, key=fits.__getitem__)
    harmonic, percussive = librosa.effects.hpss(mono)
    return {
        "duration_s": mono.size / mono_rate_hz,
        "loudness_lufs": loudness_lufs,
        "rms_dbfs": float(20 * np.log10(np.sqrt((rms**2).mean()) + 1e-12)),
        "tempo_bpm": float(np.atleast_1d(tempo_bpm)[0]),
        "key": key,
        "mode": mode,
        "percussive_share": float((percussive**2).sum() / ((harmonic**2).sum() + (percussive**2).sum() + 1e-12)),
    }


RUN: dict[str, Callable[[Path], dict[str, Any]]] = {"decode": decode, "ours": ours, "plain librosa": plain_librosa}


# -- what runs in a process of its own


def render(folder: Path) -> dict[str, Any]:
    """Compose the two files; a process of its own, so that the memory it takes is not counted for the others."""
    import numpy as np

    from benchmarks.synthesis import Piece, play, write_audio

    sound = play(Piece(TEMPO_BPM, KEY, MODE, seed=1), PIECE_S)
    write_audio(folder / "three_minutes.mp3", iter([sound]))
    frames = write_audio(folder / "frames.mp3", iter([sound]), bare=True).read_bytes()  # such frames can be joined
    with (folder / "two_hours.mp3").open("wb") as file:
        for _ in range(LONG_S // PIECE_S):
            file.write(frames)
    return {"peak": float(np.abs(sound).max())}


def first_and_second(way: str, path: Path) -> dict[str, float]:
    """Measure the first call of a process, imports included, the second, and the most memory it took."""
    begun = time.perf_counter()
    RUN[way](path)
    first_s = time.perf_counter() - begun
    first_cpu_s = cpu_seconds()
    begun = time.perf_counter()
    if way == "ours" and "two_hours" not in path.name:
        RUN[way](path)
    return {
        "first_s": first_s,
        "first_cpu_s": first_cpu_s,
        "second_s": time.perf_counter() - begun,
        "peak_mib": peak_memory_mib(),
    }


# -- what is right


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of a recording; None where nobody says."""

    tempo_bpm: float | None = None
    key: str | None = None
    mode: str | None = None


def labels_from_facts(facts: str) -> Labels:
    """Read tempo and key out of a manifest's words.

    >>> labels_from_facts("name states bossa nova, 119 BPM, key G")
    Labels(tempo_bpm=119.0, key='G', mode=None)
    >>> labels_from_facts("pack states: tempo 90 BPM; key Bb minor")
    Labels(tempo_bpm=90.0, key='A#', mode='minor')
    >>> labels_from_facts("single flute note; no beat")
    Labels(tempo_bpm=None, key=None, mode=None)
    """
    from include.audio.music import PITCH_CLASSES

    tempo = re.search(r"(\d+(?:\.\d+)?) BPM", facts)
    key = re.search(r"\bkey (?:of )?([A-G])([#b]?)(?: (major|minor))?(?![a-z])", facts)
    named = mode = None
    if key:
        named = PITCH_CLASSES[(PITCH_CLASSES.index(key[1]) + {"#": 1, "b": -1, "": 0}[key[2]]) % 12]
        mode = key[3]
    return Labels(float(tempo[1]) if tempo else None, named, mode)


def tempo_is_named(known_bpm: float, named_bpm: Sequence[float]) -> bool:
    """Say whether one of the tempi is the known one, within ``TEMPO_TOLERANCE``.

    >>> tempo_is_named(120, [60.0, 121.0]), tempo_is_named(120, [60.0])
    (True, False)
    """
    return any(abs(bpm / known_bpm - 1) <= TEMPO_TOLERANCE for bpm in named_bpm)


def key_is_right(known: Labels, heard: dict[str, Any]) -> bool:
    """Say whether the tonic is right, and the mode where it is known."""
    return heard["key"] == known.key and known.mode in (None, heard["mode"])


@dataclass
class Score:
    """How many known tempi and keys each way has right."""

    tempi: int = 0
    keys: int = 0
    ours_stated: int = 0
    plain_stated: int = 0
    ours_tempi: int = 0
    plain_tempi: int = 0
    ours_keys: int = 0
    plain_keys: int = 0

    def add(self, known: Labels, heard: dict[str, Any], plain: dict[str, Any]) -> None:
        """Count one recording."""
        if known.tempo_bpm:
            stated = [heard["tempo_bpm"]] if heard["tempo_bpm"] else []
            beats = [plain["tempo_bpm"]] if plain["tempo_bpm"] else []
            self.tempi += 1
            self.ours_stated += tempo_is_named(known.tempo_bpm, stated)
            self.plain_stated += tempo_is_named(known.tempo_bpm, beats)
            self.ours_tempi += tempo_is_named(known.tempo_bpm, [*stated, *heard["tempo_candidates_bpm"]])
            self.plain_tempi += tempo_is_named(known.tempo_bpm, [bpm * part for bpm in beats for part in (0.5, 1, 2)])
        if known.key:
            self.keys += 1
            self.ours_keys += key_is_right(known, heard)
            self.plain_keys += key_is_right(known, plain)

    @property
    def is_good(self) -> bool:
        """No fewer tempi named and no fewer keys right than plain librosa."""
        return self.ours_tempi >= self.plain_tempi and self.ours_keys >= self.plain_keys

    def table(self, title: str) -> str:
        """Write the counts."""
        rows = [
            ["tempo stated", self.tempi, self.ours_stated, self.plain_stated],
            ["tempo named, half and double allowed", self.tempi, self.ours_tempi, self.plain_tempi],
            ["key", self.keys, self.ours_keys, self.plain_keys],
        ]
        return markdown_table([title, "known", "right: ours", "right: plain librosa"], rows)


def score_of_generated(folder: Path) -> Score:
    """Listen to the generated pieces, both ways."""
    from benchmarks.synthesis import Piece, play, write_audio

    score = Score()
    for number, (tempo_bpm, key, mode, drums, swing) in enumerate(LABELLED):
        sound = play(Piece(tempo_bpm, key, mode, seed=number, drums=drums, swing=swing), LABELLED_S)
        path = write_audio(folder / f"labelled_{number}.mp3", iter([sound]))
        score.add(Labels(tempo_bpm, key, mode), ours(path), plain_librosa(path))
    return score


# -- the tables


def warm_table(warm: dict[str, dict[str, float]]) -> str:
    """Write the warm medians with their ratios to decoding and to plain librosa."""
    rows = []
    for way in WAYS:
        wall_s, cpu_s = warm[way]["wall_s"], warm[way]["cpu_s"]
        to_decode, to_plain = wall_s / warm["decode"]["wall_s"], wall_s / warm["plain librosa"]["wall_s"]
        rows.append([way, f"{wall_s:.2f}", f"{cpu_s:.2f}", f"{to_decode:.1f}", f"1/{1 / to_plain:.1f}"])
    return markdown_table(["3 minutes, warm", "wall s", "CPU s", "times decoding", "part of plain librosa"], rows)


def cold_table(folder: Path) -> str:
    """Write what the first call in a process costs, and the memory it takes."""
    short, long = folder / "three_minutes.mp3", folder / "two_hours.mp3"
    rows = []
    for way, path, label in (
        ("decode", short, "decode, 3 minutes"),
        ("ours", short, "ours, 3 minutes"),
        ("plain librosa", short, "plain librosa, 3 minutes"),
        ("ours", long, "ours, 2 hours"),
    ):
        result = measure(MODULE, ["--way", way, str(path)])
        rows.append([label, f"{result['first_s']:.1f}", f"{result['first_cpu_s']:.1f}", f"{result['peak_mib']:.0f}"])
    return markdown_table(["first call of a process", "wall s", "CPU s", "peak MiB"], rows)


def accuracy_tables(media: Path, score: Score) -> Iterator[str]:
    """Yield tables of how right we are on real files, plain librosa beside; what is labelled counts in ``score``."""
    known = [row for row in csv.DictReader((media / "MANIFEST.csv").open()) if row["kind"].startswith("audio/")]
    sounds = [row for row in known if row["duration_s"] and "/odd" not in row["kind"]]
    durations, loudness, tempi, voices = [], [], [], []
    for row in sounds:
        path = media / row["path"]
        try:
            record = ours(path)
        except AudioError as error:
            voices.append((row["kind"].removeprefix("audio/"), error.code))
            continue
        durations.append(abs(record["duration_s"] - float(row["duration_s"])))
        theirs = ffmpeg_loudness(path)
        if record["loudness_lufs"] is not None and theirs is not None:
            loudness.append(abs(record["loudness_lufs"] - theirs))
        if row["kind"] == "audio/music":
            plain = plain_librosa(path)
            score.add(labels_from_facts(row["known_facts"]), record, plain)
            tempi.append(
                [
                    path.stem,
                    record["tempo_bpm"],
                    ", ".join(map(str, record["tempo_candidates_bpm"])),
                    f"{plain['tempo_bpm']:.1f}",
                    f"{record['key']} {record['mode']}",
                    f"{plain['key']} {plain['mode']}",
                ]
            )
        voices.append((row["kind"].removeprefix("audio/"), record["voice"]))
    yield markdown_table(
        ["real files", "number", "largest difference"],
        [
            ["duration against the manifest", len(durations), f"{1000 * max(durations):.0f} ms"],
            ["loudness against ffmpeg ebur128", len(loudness), f"{max(loudness):.2f} LU"],
        ],
    )
    kinds, verdicts = sorted({kind for kind, _ in voices}), ("voice", "instrumental", "mixed", "silent", NotAudio.code)
    yield markdown_table(
        ["heard as", *verdicts], [[kind, *(voices.count((kind, verdict)) for verdict in verdicts)] for kind in kinds]
    )
    yield markdown_table(["music", "BPM ours", "candidates", "BPM plain", "key ours", "key plain"], tempi)
    yield score.table("real files")


def ffmpeg_loudness(path: Path) -> float | None:
    """Return the integrated loudness that ffmpeg's own meter prints, None below its gate."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(path), "-map", "0:a:0"]
    command += ["-af", "ebur128=framelog=quiet", "-f", "null", "-"]
    summary = subprocess.run(command, capture_output=True, text=True, check=True).stderr.rpartition("Summary:")[2]
    found = re.search(r"\bI:\s+(-?[\d.]+) LUFS", summary)
    return float(found[1]) if found and float(found[1]) > -70 else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the hidden arguments are what the processes of its own are asked for."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {MODULE}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds, of which the median counts")
    parser.add_argument("--media", type=Path, metavar="FOLDER", help="real files with a MANIFEST.csv")
    parser.add_argument("--way", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--warm", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--render", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.way:
        print(json.dumps(first_and_second(given.way[0], Path(given.way[1]))))
    elif given.warm:
        print(json.dumps(warm_rounds(RUN, Path(given.warm), given.rounds)))
    elif given.render:
        print(json.dumps(render(given.render)))
    else:
        print(f"## Audio analysis\n\n{machine_line()}\n")
        with tempfile.TemporaryDirectory(prefix="audio-benchmark-") as temporary:
            folder = Path(temporary)
            measure(MODULE, ["--render", str(folder)])
            warm = measure(MODULE, ["--warm", str(folder / "three_minutes.mp3"), "--rounds", str(given.rounds)])
            print(warm_table(warm), end="\n\n", flush=True)
            print(cold_table(folder), flush=True)
            heard = ours(folder / "three_minutes.mp3")
            generated = score_of_generated(folder)
        print(f"\nThe piece is at {TEMPO_BPM:g} BPM in {KEY} {MODE}; ", end="")
        print(f"ours heard {heard['tempo_bpm']} BPM, {heard['key']} {heard['mode']}.")
        print(f"\n{generated.table(f'{len(LABELLED)} generated pieces')}", flush=True)
        real = Score()
        if given.media:
            for table in accuracy_tables(given.media, real):
                print(f"\n{table}", flush=True)
        if not (generated.is_good and real.is_good):
            print("plain librosa names more tempi or keys than we do: see the tables", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
