"""What every full screen has: a header, the truth about its sources, a line for outages, and the key hints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer

from vops.errors import VopsError
from vops.model.resources import Ref
from vops.render.text import Line, Span, Tone
from vops.render.truth import cost_line, outage_line, truth_line
from vops.tui.feed import Picture
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.tones import content, drawable

if TYPE_CHECKING:
    from vops.tui.app import VopsApp


class OpsScreen(Screen[None]):
    """A screen over the newest picture; subclasses fill `body` and `repaint`."""

    BINDINGS: ClassVar[list[BindingType]] = []

    @property
    def ops(self) -> VopsApp:
        """The app, as what it is."""
        return cast("VopsApp", self.app)

    def compose(self) -> ComposeResult:
        yield Bar(widget_id="header")
        yield Bar(widget_id="outage")
        yield from self.body()
        yield Bar(widget_id="truth")
        yield Footer(show_command_palette=False, compact=True)

    def body(self) -> Iterable[Widget]:
        """The widgets between the header and the truth line."""
        raise NotImplementedError

    def repaint(self, picture: Picture) -> None:
        """Shows a newer picture."""

    def forget(self) -> None:
        """Shows that nothing is known: another connection has begun, or none could be made."""

    def on_mount(self) -> None:
        self.tick()
        self.set_interval(1.0, self.tick)
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)

    def on_screen_resume(self) -> None:
        self.tick()
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)

    @property
    def is_drawn(self) -> bool:
        """Whether its widgets are there: composed already, and not taken down yet."""
        return self.is_mounted and bool(self.query("#header"))

    def tick(self) -> None:
        """Header, outage and truth: they age even when nothing arrives."""
        now = self.ops.now()
        self.query_one("#header", Bar).show(self._header(), (Span(f" {now:%H:%M:%S} UTC ", Tone.DIM),))
        view = self.ops.picture.view if self.ops.picture else None
        failure = self.ops.failure
        sources = view.sources if view else ()
        self.query_one("#truth", Bar).show(
            failure_line(failure) if failure else truth_line(sources, now), cost_line(*self.ops.cost())
        )
        outage = self.query_one("#outage", Bar)
        outage.show(outage_line(sources, now))
        outage.display = bool(outage.left)

    def _header(self) -> Line:
        ops = self.ops
        spans = [Span(" ▲ vops ", Tone.ACCENT), Span(f" {ops.context_name or 'connecting…'}", Tone.STRONG)]
        spans += [Span("  ns ", Tone.DIM), Span(ops.namespace or "all")]
        spans += [Span(f"  {badge}", tone) for badge, tone in ops.badges()]
        if title := self.heading():
            spans += [Span("  ›  ", Tone.DIM), *title]
        return tuple(spans)

    def heading(self) -> Line:
        """What this screen is about, after the context."""
        return ()


class SubjectScreen(OpsScreen):
    """A screen about one object, as it was when it was asked for."""

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self.ref = ref


def failure_line(error: VopsError) -> Line:
    """A failure as one line: what happened and what to try."""
    hint = (Span(f"  {error.hint}", Tone.DIM),) if error.hint else ()
    return (Span(f" ✗ {error.message}", Tone.BAD), *hint)


def titled(widget: Widget, title: str, note: str = "", *, hint: str = "") -> None:
    """Sets what stands in a border as text, never as markup: title and note above, a hint below."""
    noted = ("  " + drawable(note), "not bold $warning") if note else ""
    above, below = Content.assemble(drawable(title), noted), content(hint)
    # Setting one draws the whole widget again, changed or not.
    if widget.border_title != above.markup:
        widget.border_title = above
    if widget.border_subtitle != below.markup:
        widget.border_subtitle = below


BACK = Binding("escape", "app.go_back", "Back", id="back")


def error_lines(error: VopsError) -> list[Line]:
    """An error in full, for a pane that has nothing else to show."""
    lines: list[Line] = [(Span("✗ ", Tone.BAD), Span(error.message, Tone.BAD))]
    if error.hint:
        lines.append((Span("  next: ", Tone.DIM), Span(error.hint)))
    return lines
