"""Text for the clipboard of whoever sits in front of the terminal, across SSH and tmux (OSC 52).

Only scrubbed text leaves here, and no more of it than terminals take: what is too long is cut, and that is said.
"""

from __future__ import annotations

import base64

from vops.model.secrets import mask
from vops.model.text import scrub

MOST_BYTES = 74_000
"""xterm and many others drop sequences of more than about 100,000 bytes; base64 makes 4 of 3."""


def copyable(text: str) -> tuple[str, bool]:
    """`text` without controls and secrets, and whether it had to be cut."""
    data = str(mask(scrub(text))).encode("utf-8", "replace")
    return data[:MOST_BYTES].decode("utf-8", "ignore"), len(data) > MOST_BYTES


def osc52(text: str, *, tmux: bool) -> str:
    """The sequence that puts `text` into the clipboard; inside of tmux it is passed on to the terminal outside."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode('ascii')}\x07"
    if not tmux:
        return sequence
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
