"""Everything that is known of a model and a card before the deployment, as one value for whoever shows it."""

from __future__ import annotations

import msgspec

from vops.sizing.capacity import Sizing
from vops.sizing.loading import Start
from vops.sizing.roofline import Roofline
from vops.sizing.suggestions import Placement, Suggestion


class Answer(msgspec.Struct, frozen=True):
    """`concurrency` is what `placements` were looked up for, 0 where nobody asked; `name` is the model's."""

    name: str
    sizing: Sizing
    suggestions: tuple[Suggestion, ...]
    placements: tuple[Placement, ...]
    concurrency: int
    start: Start
    roofline: Roofline | None
    notes: tuple[str, ...]
