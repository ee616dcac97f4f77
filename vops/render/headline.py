"""The first line of every screen: which cluster, what must not be overlooked about it, the way here, what it is about.

Where it does not fit, what one has come for stays to be read: its name is cut last, and in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vops.model.objects import Ref
from vops.render.cells import CRAMPED, cut_middle
from vops.render.text import Line, Span, Tone, cell_width, joined

SHORT_CONTEXT = 24
"""What the name of a context has at least; those of clouds are long."""


@dataclass(frozen=True)
class Headline:
    """What there is to say; `of` is how many contexts are open, `way` the screens between the first and this one."""

    context: str
    namespace: str
    badges: Sequence[tuple[str, Tone]]
    way: Sequence[str]
    title: Line
    of: int = 1

    def line(self, width: int) -> Line:
        """All of it in `width` cells, as far as that is possible."""
        if width >= CRAMPED or _width(self._spans()) <= width:
            return self._spans()
        shorter = replace(self, context=cut_middle(self.context, SHORT_CONTEXT))
        nameless = tuple(span for span in self.title if not span.text.endswith("/"))
        for left_out in ({}, {"namespace": ""}, {"title": nameless}, {"way": ()}):
            shorter = replace(shorter, **left_out)
            if _width(shorter._spans()) <= width:
                return shorter._spans()
        return _with_shorter_end(shorter._spans(), width)

    def _spans(self) -> Line:
        spans = [Span(" ▲ vops ", Tone.ACCENT), Span(f" {self.context or 'connecting…'}", Tone.STRONG)]
        if self.of > 1:
            spans.append(Span(f" (of {self.of})", Tone.DIM))
        if self.namespace:
            spans += [Span("  ns ", Tone.DIM), Span(self.namespace)]
        spans += [Span(f"  {badge}", tone) for badge, tone in self.badges]
        spans += [Span(" "), *(Span(f" › {crumb}", Tone.DIM) for crumb in self.way if crumb)]
        return (*spans, Span(" › ", Tone.DIM), *joined(self.title)) if self.title else tuple(spans)


def subject_title(word: str, ref: Ref) -> Line:
    """What a screen does, and the object that it does it about."""
    return (
        *([Span(f"{word} ")] if word else []),
        Span(f"{ref.namespace}/", Tone.STRONG if word else Tone.DIM), Span(ref.name, Tone.STRONG),
    )  # fmt: skip


def _width(spans: Line) -> int:
    return sum(cell_width(span.text) for span in spans)


def _with_shorter_end(spans: Line, width: int) -> Line:
    """The last span cut in its middle to what the others leave it."""
    *before, last = spans
    room = max(9, width - _width(tuple(before)))
    return (*before, Span(cut_middle(last.text, room), last.tone))
