from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from include.audio.windows import WindowKeeper


@given(total=st.integers(0, 700), chunk=st.integers(1, 60), windows_max=st.integers(1, 9))
def test_the_windows_kept_are_few_and_evenly_spread_from_the_start(total, chunk, windows_max):
    keeper = WindowKeeper(sample_rate_hz=1, window_s=10, windows_max=windows_max)
    for at in range(0, total, chunk):
        keeper.add(np.arange(at, min(total, at + chunk), dtype=np.float32))
    stretches = keeper.take()

    if total <= 10 * windows_max:
        assert keeper.windows == "whole"
        assert [len(stretch) for stretch in stretches] == ([total] if total else [])
    else:
        assert keeper.windows == "sampled"
        starts = [stretch[0] for stretch in stretches]
        assert windows_max / 2 <= len(stretches) <= windows_max
        assert len(set(np.diff(starts))) <= 1
        assert starts[0] == 0
    for stretch in stretches:
        assert (np.diff(stretch) == 1).all()
