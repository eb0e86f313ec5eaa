"""A contact sheet: one picture a shot, in rows, with its number and its time, for people who would rather look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from include.catalog.video import Shot

if TYPE_CHECKING:
    import numpy as np

    from include.video.frames import View

MOST_TILES = 60
TILES_WITHOUT_SHOTS = 9
TILE_SIDE = 320
MOST_COLUMNS = 6
GAP, CAPTION, HEADER = 12, 26, 34
"""Pixels between the tiles, below each, and above all."""
JPEG_QUALITY = 85
ROUNDED_S = 0.002
"""How far the time of a picture may be from that of a cut beside which it stands: shots' times are in milliseconds."""
PAPER, INK, FAINT = (24, 24, 24), (235, 235, 235), (150, 150, 150)
SHORTEST_TILE_SHARE = 0.1
"""A tile is at least so high, measured by its longer side; a picture of one line would not be seen."""


@dataclass(slots=True)
class Tile:
    """The place of a shot, and the picture that shows it best so far."""

    number: int
    shot: Shot
    view: View | None = None

    @property
    def middle_s(self) -> float:
        return (self.shot.start_s + self.shot.end_s) / 2

    @property
    def is_shown(self) -> bool:
        """Whether the picture is of the shot itself."""
        return self.view is not None and self._inside(self.view)

    def offer(self, view: View) -> None:
        """Take a picture if it shows the shot better: one of the shot itself, and of these the nearest its middle."""
        if self.view is None or self._distance(view) < self._distance(self.view):
            self.view = replace(view, later=None)

    def _inside(self, view: View) -> bool:
        end_s = max(self.shot.end_s - ROUNDED_S, self.shot.start_s + ROUNDED_S)
        return self.shot.start_s - ROUNDED_S <= view.time_s < end_s

    def _distance(self, view: View) -> tuple[bool, float]:
        return not self._inside(view), abs(view.time_s - self.middle_s)


@dataclass(slots=True)
class ContactSheet:
    """Chooses pictures as they come: the middle of each shot, or without shots a few evenly spread ones.

    Of more than ``MOST_TILES`` shots so many are chosen, evenly spread.
    """

    shots: Sequence[Shot]
    tiles: list[Tile] = field(init=False)
    _kept: list[View] = field(init=False, default_factory=list)
    _stride: int = field(init=False, default=1)
    _seen: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        chosen = spread(len(self.shots), MOST_TILES)
        self.tiles = [Tile(index + 1, self.shots[index]) for index in chosen]

    @property
    def moments(self) -> list[float]:
        """The times in seconds of which a picture each is wanted."""
        return [tile.middle_s for tile in self.tiles]

    def offer(self, view: View) -> None:
        """Look at a picture, and keep it if it is needed."""
        for tile in self.tiles:
            tile.offer(view)
        if not self.shots:
            if self._seen % self._stride == 0:
                self._kept.append(replace(view, later=None))
            self._seen += 1
            if len(self._kept) > 4 * TILES_WITHOUT_SHOTS:
                self._kept, self._stride = self._kept[::2], self._stride * 2

    def write(self, path: Path) -> bool:
        """Draw the sheet as a JPEG, the same bytes for the same pictures; ``False``, and no file, without a picture.

        :raises OSError: when the file cannot be written.
        """
        tiles = [(f"#{tile.number}", tile.shot, tile.view) for tile in self.tiles if tile.view]
        headline = _counted(len(self.tiles), len(self.shots))
        if not self.shots:
            views = [self._kept[index] for index in spread(len(self._kept), TILES_WITHOUT_SHOTS)]
            tiles = [("", Shot(start_s=view.time_s, end_s=view.time_s, confidence=None), view) for view in views]
            headline = "no shots known: pictures evenly spread"
        if not tiles:
            return False
        captions = [f"{number}  {timecode(shot.start_s)}{_length(shot)}".strip() for number, shot, _ in tiles]
        sheet = draw([view.picture for *_, view in tiles if view], captions, headline)
        path.write_bytes(jpeg_from_picture(sheet))
        return True


def spread(count: int, most: int) -> list[int]:
    """Choose at most ``most`` of ``count`` numbers from 0 on, evenly, the first and the last among them.

    >>> spread(3, 5), spread(10, 4), spread(214, 3)
    ([0, 1, 2], [0, 3, 6, 9], [0, 106, 213])
    """
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]


def jpeg_from_picture(picture: np.ndarray) -> bytes:
    """Encode a picture (sRGB, uint8, of shape (height, width, 3)), the same bytes for the same picture."""
    import cv2

    _, encoded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()


def timecode(time_s: float) -> str:
    """Write a time as hours, minutes, seconds and hundredths.

    >>> timecode(3725.349), timecode(59.999)
    ('01:02:05.34', '00:00:59.99')
    """
    hundredths = int(time_s * 100 + 1e-6)
    seconds, hundredths = divmod(hundredths, 100)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{hundredths:02d}"


def draw(pictures: Sequence[np.ndarray], captions: Sequence[str], headline: str) -> np.ndarray:
    """Lay pictures of one size out in rows under a headline, each with its caption: sRGB, uint8."""
    import cv2
    import numpy as np

    columns = columns_for(len(pictures))
    width, height = _tile_size(pictures[0])
    cell_width = max(width, TILE_SIDE * 3 // 4) + GAP  # a caption needs its room
    rows = math.ceil(len(pictures) / columns)
    sheet = np.full((HEADER + rows * (height + CAPTION + GAP) + GAP, columns * cell_width + GAP, 3), PAPER, np.uint8)
    _write(sheet, headline, (GAP, HEADER - 12), FAINT)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(number, columns)
        left = GAP + column * cell_width
        top = HEADER + row * (height + CAPTION + GAP)
        smooth = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_CUBIC
        at = left + (cell_width - GAP - width) // 2
        sheet[top : top + height, at : at + width] = cv2.resize(picture, (width, height), interpolation=smooth)
        _write(sheet, caption, (left, top + height + 18), INK)
    return sheet


def columns_for(count: int) -> int:
    """Choose how many tiles stand in a row.

    >>> [columns_for(count) for count in (1, 3, 4, 9, 16, 60)]
    [1, 3, 2, 3, 4, 6]
    """
    return count if count <= 3 else min(MOST_COLUMNS, math.ceil(math.sqrt(count)))


def _tile_size(picture: np.ndarray) -> tuple[int, int]:
    """Width and height of a tile: its longer side is ``TILE_SIDE``."""
    height, width = picture.shape[:2]
    scale = TILE_SIDE / max(width, height)
    least = TILE_SIDE * SHORTEST_TILE_SHARE
    return round(max(least, width * scale)), round(max(least, height * scale))


def _write(sheet: np.ndarray, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    import cv2

    cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def _counted(shown: int, shots: int) -> str:
    """Say how many shots are shown.

    >>> _counted(1, 1), _counted(8, 8), _counted(60, 214)
    ('1 shot', '8 shots', '60 of 214 shots')
    """
    count = f"{shots} shot{'' if shots == 1 else 's'}"
    return count if shown == shots else f"{shown} of {count}"


def _length(shot: Shot) -> str:
    return f"  {shot.end_s - shot.start_s:.1f} s" if shot.end_s > shot.start_s else ""
