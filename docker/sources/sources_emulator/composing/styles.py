"""Every style there is, by name, and the one function that turns a piece into samples."""

from __future__ import annotations

from collections.abc import Callable

from sources_emulator.composing import ambient, electronic, folk, jazz, nature, odd, street
from sources_emulator.composing.canvas import Wave
from sources_emulator.composing.piece import Piece

STYLES: dict[str, Callable[[Piece], Wave]] = {
    **jazz.STYLES,
    **ambient.STYLES,
    **electronic.STYLES,
    **folk.STYLES,
    **nature.STYLES,
    **street.STYLES,
    **odd.STYLES,
}


def compose(piece: Piece) -> Wave:
    """Samples of a piece: float32, shape (2, n), 44,100 a second, within -1..1.

    The same piece gives the same samples. Raises ValueError for a style that is not in `STYLES`.
    """
    if piece.style not in STYLES:
        raise ValueError(f"no style {piece.style!r}; there are {', '.join(sorted(STYLES))}")
    return STYLES[piece.style](piece)
