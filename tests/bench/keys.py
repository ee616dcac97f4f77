"""How long a key press takes to show on a real terminal, read from what the program wrote and when."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.bench.measure import Spread
from tests.cluster.screen import Screen
from tests.cluster.terminal import Terminal

STEPS = 12
"""How far the cursor goes down before it goes up again, so that nothing scrolls."""
PAUSE_S = 0.11
LOST_S = 9.9


def press_and_measure(terminal: Terminal, colour: str, *, presses: int) -> Spread:
    """Moves a table's cursor, drawn on `colour` (SGR arguments), and times each move until its row is painted.

    The pauses between the presses are not a multiple of any rhythm of the program. A move that shows only after the
    next press counts as LOST_S.
    """
    pressed = []
    for number in range(presses):
        down = number // STEPS % 2 == 0
        pressed.append(terminal.press("j" if down else "k"))
        time.sleep(PAUSE_S + 0.013 * (number % 7))
    moves = _moves(terminal.chunks, Screen(*terminal.size), colour)
    ends = [*pressed[1:], pressed[-1] + LOST_S]
    return Spread([_first_between(moves, start, end) for start, end in zip(pressed, ends, strict=True)])


def _first_between(moves: Sequence[float], start: float, end: float) -> float:
    return next((moment - start for moment in moves if start < moment < end), LOST_S)


def _moves(chunks: Sequence[tuple[float, bytes]], screen: Screen, colour: str) -> Sequence[float]:
    """When the coloured row was another one than before."""
    moments, last = [], -1
    for moment, data in chunks:
        screen.feed(data)
        row = next((row for row in range(screen.rows) if _is_coloured(screen, row, colour)), last)
        if row != last:
            moments.append(moment)
            last = row
    return moments


def _is_coloured(screen: Screen, row: int, colour: str) -> bool:
    return any(screen.background(row, column) == colour for column in range(2, 40, 6))
