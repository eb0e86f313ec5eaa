"""What of a long file is listened to for tempo, key and voice: windows spread evenly over it, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

WINDOW_S = 30
WINDOWS_MAX = 12


class WindowKeeper:
    """Keep windows of 30 s of a stream whose length nobody knows: all of them up to 6 minutes, else 6 to 12, evenly
    spread.

    When the keeper is full, every other window is dropped and from then on only every other one is kept, and so on:
    at any moment the windows kept stand at equal distances from the start. The declared duration, which may be wrong,
    is not needed.

    >>> import numpy as np
    >>> keeper = WindowKeeper(sample_rate_hz=1, window_s=2, windows_max=4)
    >>> for second in range(20):
    ...     keeper.add(np.array([second]))
    >>> [stretch.tolist() for stretch in keeper.take()], keeper.windows
    ([[0, 1], [8, 9], [16, 17]], 'sampled')
    """

    def __init__(self, sample_rate_hz: int, window_s: int = WINDOW_S, windows_max: int = WINDOWS_MAX) -> None:
        self._window_samples = sample_rate_hz * window_s
        self._windows_max = windows_max
        self._kept: dict[int, list[np.ndarray]] = {}
        self._stride = 1
        self._position = 0

    @property
    def windows(self) -> Literal["whole", "sampled"]:
        """``whole`` when nothing was left out."""
        return "whole" if self._stride == 1 else "sampled"

    def add(self, samples: np.ndarray) -> None:
        """Take the next mono samples."""
        while len(samples):
            index, within = divmod(self._position, self._window_samples)
            part = samples[: self._window_samples - within]
            if index % self._stride == 0:
                if index not in self._kept and len(self._kept) == self._windows_max:
                    self._stride *= 2
                    self._kept = {kept: parts for kept, parts in self._kept.items() if kept % self._stride == 0}
                if index % self._stride == 0:
                    self._kept.setdefault(index, []).append(part.copy())
            self._position += len(part)
            samples = samples[len(part) :]

    def take(self) -> list[np.ndarray]:
        """Hand the samples over and forget them: one array when nothing was left out, else one for each window."""
        import numpy as np

        kept, self._kept = self._kept, {}
        if not kept:
            return []
        if self._stride == 1:
            return [np.concatenate([part for parts in kept.values() for part in parts])]
        return [np.concatenate(parts) for parts in kept.values()]
