"""How long a key press takes to show on a real terminal, read from what the program wrote and when."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import accumulate

from tests.bench.measure import Spread
from tests.cluster.screen import Screen
from tests.cluster.terminal import Terminal

STEPS = 12
"""How far the cursor goes down before it goes up again, so that nothing scrolls."""
PAUSE_S = 0.11
LOST_S = 9.9


def press_and_measure(terminal: Terminal, colour: str, *, presses: int) -> Spread:
    """Moves a table's cursor, drawn on `colour` (SGR arguments), and times each move until it is painted.

    The pauses between the presses are not a multiple of any rhythm of the program. Two presses may be painted at once;
    one that never shows counts as LOST_S.
    """
    pressed, steps = [], []
    for number in range(presses):
        steps.append(1 if number // STEPS % 2 == 0 else -1)
        pressed.append(terminal.press("j" if steps[-1] > 0 else "k"))
        time.sleep(PAUSE_S + 0.013 * (number % 7))
    time.sleep(1)
    moves = _moves(terminal.chunks, Screen(*terminal.size), colour)
    start = [row for moment, row in moves if moment < pressed[0]][-1]
    rows = [start + moved for moved in accumulate(steps)]
    return Spread([_painted_after(number, pressed, rows, moves) for number in range(presses)])


def _painted_after(
    number: int, pressed: Sequence[float], rows: Sequence[int], moves: Sequence[tuple[float, int]]
) -> float:
    """The seconds until the cursor stood where this press, or a later one that was made meanwhile, has put it."""
    for moment, row in moves:
        if pressed[number] < moment < pressed[number] + LOST_S:
            made = sum(each < moment for each in pressed)
            if row in rows[number:made]:
                return moment - pressed[number]
    return LOST_S


def _moves(chunks: Sequence[tuple[float, bytes]], screen: Screen, colour: str) -> Sequence[tuple[float, int]]:
    """When the coloured row was another one than before, and which."""
    found, last = [], -1
    for moment, data in chunks:
        screen.feed(data)
        row = next((row for row in range(screen.rows) if _is_coloured(screen, row, colour)), last)
        if row != last:
            found.append((moment, row))
            last = row
    return found


def _is_coloured(screen: Screen, row: int, colour: str) -> bool:
    return any(screen.background(row, column) == colour for column in range(2, 40, 6))
