"""A film made and told: its file, and what a careful viewer would note about it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sources_emulator.composing.canvas import RATE, Wave
from sources_emulator.composing.piece import RING_S
from sources_emulator.composing.styles import compose
from sources_emulator.filming.encoding import encode
from sources_emulator.filming.film import Film, Footage, Shot
from sources_emulator.filming.palette import LIGHTS
from sources_emulator.filming.scenes import pictures

BLACK = "black"  # the scene in which nothing is to be seen
BAR_BEATS = 4  # at most; music ends with a whole bar and a chord that rings
FADE_S = 0.2


def render_film(film: Film, path: Path) -> None:
    """Write the film's file (of a Pixabay film, the larger one)."""
    render_footage(film.footage, path)


def render_footage(footage: Footage, path: Path) -> None:
    """Write a footage as a file: the same footage gives the same bytes."""
    encode(footage, pictures(footage), sound_of(footage), path)


def sound_of(footage: Footage) -> Wave | None:
    """Samples as long as the pictures: of music the beginning, faded out; None for a silent film."""
    if footage.sound is None:
        return None
    beyond = RING_S + BAR_BEATS * footage.sound.beat_s if footage.sound.tempo_bpm else 0.0
    wave = compose(replace(footage.sound, seconds=footage.seconds + beyond))[:, : round(footage.seconds * RATE)]
    size = min(round(FADE_S * RATE), wave.shape[1])
    wave[:, wave.shape[1] - size :] *= np.linspace(1, 0, size, dtype=np.float32)
    return wave


def truth_of(film: Film) -> dict[str, Any]:
    """What is known of a film, ready for JSON.

    `cuts` has the first frame of every shot that a viewer sees begin: `kind` is "cut" or "fade". A shot of black that a
    fade leads into begins no shot of its own. `black` has the first and last frame of every stretch of black.
    """
    footage = film.footage
    spans = _spans(footage) if footage.frames else []
    return {
        "name": film.name,
        "title": film.title,
        "catalogue": film.catalogue.value,
        "campaign": film.campaign,
        "file_name": film.file_name,
        "format": film.format.value,
        "width": footage.width,
        "height": footage.height,
        "turned": footage.turned,
        "orientation": "portrait" if footage.height > footage.width else "landscape",
        "frames": footage.frames,
        "frames_per_s": footage.frames_per_s,
        "duration_s": round(footage.seconds, 3),
        "silent": footage.sound is None,
        "style": footage.sound.style if footage.sound else None,
        "cuts": [
            {"frame": first, "at_s": round(first / footage.frames_per_s, 3), "kind": kind}
            for first, kind in _cuts(spans)
        ],
        "black": [[first, last] for shot, first, last in spans if shot.scene == BLACK],
        "shots": [
            {
                "first_frame": first,
                "last_frame": last,
                "scene": shot.scene,
                "light": shot.light,
                "night": LIGHTS[shot.light].dark,
                "camera": shot.camera,
                "signs": list(shot.signs),
            }
            for shot, first, last in spans
        ],
        "texts": list(dict.fromkeys(sign for shot, _, _ in spans for sign in shot.signs)),
        "good": film.good,
        "fault": film.fault.value if film.fault else None,
        "flaw": film.flaw,
    }


def _spans(footage: Footage) -> list[tuple[Shot, int, int]]:
    """Every shot with its first and its last frame."""
    spans, first = [], 0
    for shot in footage.shots:
        spans.append((shot, first, first + shot.frames - 1))
        first += shot.frames
    return spans


def _cuts(spans: list[tuple[Shot, int, int]]) -> list[tuple[int, str]]:
    cuts = []
    for (before, _, _), (shot, first, _) in pairwise(spans):
        if shot.scene == BLACK and before.fade_out:
            continue
        cuts.append((first, "fade" if shot.fade_in and before.scene == BLACK else "cut"))
    return cuts
