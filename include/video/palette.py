"""The main colours of a film: a few swatches that stand for all its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.catalog.video import Palette, Swatch

if TYPE_CHECKING:
    import numpy as np

SWATCHES = 5
LEAST_SWATCH = 0.01
"""A colour that covers less of the picture is none of the main ones."""
CLOSEST_SWATCHES = 8.0
"""Colours less than this apart in L*a*b* are one swatch; about 2 is a difference that is just seen."""
FARTHEST = 40.0
"""Mean distance in L*a*b* at which swatches say nothing of a picture: those of noise are this far off."""
STARTS, ROUNDS = 4, 30
CUBE = 4.0
"""Colours are gathered in cubes of L*a*b* of this side first."""


def find_palette(srgb: np.ndarray) -> Palette:
    """Find up to ``SWATCHES`` colours by k-means in L*a*b*, from a fixed seed; colours that look alike become one.

    The confidence is 1 when every pixel has its swatch's colour, and 0 when they are ``FARTHEST`` off on average.

    :param srgb: pixels, uint8, of shape (n, 3)

    >>> import numpy as np
    >>> red_and_grey = np.uint8([[200, 30, 30]] * 3 + [[128, 128, 128]])
    >>> [(swatch.colour, swatch.share) for swatch in find_palette(red_and_grey).value]
    [('#c81e1e', 0.75), ('#808080', 0.25)]
    """
    unit, method = "sRGB and share of the picture", "k-means in CIE L*a*b* over pixels of all pictures"
    if not srgb.size:
        return Palette(value=(), unit=unit, method="no picture", confidence=None)
    colours, weights = _gathered(lab_from_srgb(srgb))
    centres, shares, distance = _clusters(colours, weights)
    swatches = [
        Swatch(colour="#{:02x}{:02x}{:02x}".format(*colour), share=round(float(share), 4))
        for colour, share in zip(_srgb_from_lab(centres).tolist(), shares, strict=True)
    ]
    return Palette(
        value=tuple(swatches), unit=unit, method=method, confidence=round(max(0.0, 1 - distance / FARTHEST), 3)
    )


def lab_from_srgb(srgb: np.ndarray) -> np.ndarray:
    """Turn uint8 colours of shape (n, 3) into L*a*b* under D65, float32.

    >>> import numpy as np
    >>> lab_from_srgb(np.uint8([[255, 255, 255], [255, 0, 0]])).round().tolist()
    [[100.0, 0.0, 0.0], [53.0, 80.0, 67.0]]
    """
    import cv2
    import numpy as np

    return np.asarray(cv2.cvtColor(srgb.astype(np.float32)[None] / 255, cv2.COLOR_RGB2LAB)[0])


def _srgb_from_lab(lab: np.ndarray) -> np.ndarray:
    import cv2
    import numpy as np

    return (cv2.cvtColor(lab.astype(np.float32)[None], cv2.COLOR_LAB2RGB)[0] * 255).round().clip(0, 255).astype(int)


def _gathered(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gather colours that fall into the same cube: their means, and how many they are."""
    import numpy as np

    cubes = np.floor(lab / CUBE).astype(np.int64)
    _, index, counts = np.unique(
        (cubes[:, 0] * 1000 + cubes[:, 1]) * 1000 + cubes[:, 2], return_inverse=True, return_counts=True
    )
    means = np.stack([np.bincount(index, lab[:, axis]) for axis in range(3)], axis=1) / counts[:, None]
    return means, counts.astype(float)


def _clusters(colours: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Weighted k-means: centres, their shares, the largest first, and the colours' mean distance from them."""
    import numpy as np

    rng = np.random.default_rng(0)
    best: tuple[float, np.ndarray] | None = None
    for _ in range(STARTS):
        centres = _seeded(colours, weights, rng)
        for _ in range(ROUNDS):
            nearest, _ = _nearest(colours, centres)
            sums = np.bincount(nearest, weights, len(centres))
            means = np.stack([np.bincount(nearest, weights * axis, len(centres)) for axis in colours.T], axis=1)
            moved = np.where(sums[:, None] > 0, means / np.maximum(sums, 1e-9)[:, None], centres)
            if np.allclose(moved, centres, atol=0.01):
                break
            centres = moved
        error = float(_nearest(colours, centres)[1] @ weights)
        if best is None or error < best[0]:
            best = error, centres
    centres, shares = _merged(best[1], np.bincount(_nearest(colours, best[1])[0], weights, len(best[1])))  # type: ignore[index]
    distance = float(np.average(np.sqrt(_nearest(colours, centres)[1]), weights=weights))
    order = np.argsort(-shares, kind="stable")
    return centres[order], shares[order] / shares.sum(), distance


def _seeded(colours: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose first centres as k-means++ does: each with a chance that grows with its distance from those before."""
    import numpy as np

    centres = [colours[rng.choice(len(colours), p=weights / weights.sum())]]
    while len(centres) < min(SWATCHES, len(colours)):
        chances = _nearest(colours, np.array(centres))[1] * weights
        if chances.sum() <= 0:
            break
        centres.append(colours[rng.choice(len(colours), p=chances / chances.sum())])
    return np.array(centres)


def _nearest(colours: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each colour the number of its nearest centre, and the square of its distance."""
    import numpy as np

    squares = ((colours[:, None] - centres[None]) ** 2).sum(axis=2)
    nearest = squares.argmin(axis=1)
    return nearest, squares[np.arange(len(colours)), nearest]


def _merged(centres: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join centres that look alike, the closest first, and drop those of hardly a pixel."""
    import numpy as np

    kept = shares > LEAST_SWATCH * shares.sum()
    centres, shares = centres[kept], shares[kept]
    while len(centres) > 1:
        distances = np.linalg.norm(centres[:, None] - centres[None], axis=2) + np.eye(len(centres)) * 1e9
        first, second = divmod(int(distances.argmin()), len(centres))
        if distances[first, second] >= CLOSEST_SWATCHES:
            break
        centres[first] = np.average(centres[[first, second]], axis=0, weights=shares[[first, second]])
        shares[first] += shares[second]
        centres, shares = np.delete(centres, second, 0), np.delete(shares, second)
    return centres, shares
