"""What every full screen has: a header with the way here, the truth about its sources, a line for outages, the `:`
prompt and the key hints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from vops.diagnosis.facts import Facts
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.model.snapshot import Source
from vops.render.cells import CRAMPED
from vops.render.flow import next_lines
from vops.render.headline import Headline
from vops.render.text import Line, Span, Tone
from vops.render.truth import connecting_line, cost_line, outage_line, pane_line, truth_line
from vops.tui.feed import Picture
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.hints import Hints
from vops.tui.widgets.prompt import Prompt
from vops.tui.widgets.tones import content, drawable

if TYPE_CHECKING:
    from vops.tui.app import VopsApp


class OpsScreen(Screen[None]):
    """A screen over the newest picture; subclasses fill `body` and `repaint`.

    `crumb` is its name on the way from the first screen to the present one. What takes long to derive is derived by
    `prepare`, off the loop, for every picture while the screen is on the stack: `picture.prepared[crumb]`.
    """

    crumb: ClassVar[str] = ""

    @property
    def ops(self) -> VopsApp:
        """The app, as what it is."""
        return cast("VopsApp", self.app)

    def compose(self) -> ComposeResult:
        self._take_size()
        yield Bar(widget_id="header")
        yield Bar(widget_id="outage")
        yield from self.body()
        yield Prompt(self.ops.commander.candidates, self.ops.commander.history, widget_id="prompt")
        yield Bar(widget_id="truth")
        yield Hints()

    def body(self) -> Iterable[Widget]:
        """The widgets between the header and the truth line."""
        raise NotImplementedError

    def _take_size(self) -> None:
        """Takes the classes of its size: Textual gives them once it is laid out, and styles everything again."""
        (width, height), app = self.ops.size, self.ops
        for cells, breakpoints in ((width, app.HORIZONTAL_BREAKPOINTS), (height, app.VERTICAL_BREAKPOINTS)):
            self.add_class(*self._get_breakpoint_classes(cells, breakpoints or []))

    def __init__(self) -> None:
        super().__init__()
        self._focused_before: Widget | None = None
        self._complete = False
        self._styled_as: object = None

    @staticmethod
    def prepare(facts: Facts) -> object:
        """What this screen needs of a picture beside the rows of the fleet; called in a thread."""
        return None

    def repaint(self, picture: Picture) -> None:
        """Shows a newer picture."""

    def forget(self) -> None:
        """Shows that nothing is known: another connection has begun, or none could be made."""

    def on_mount(self) -> None:
        self.ops.prepare_pictures()
        self.tick()
        self.set_interval(1.0, self.tick)
        self.call_after_refresh(self._paint_first)

    def _paint_first(self) -> None:
        """Widgets inside of widgets are there only after the screen itself is."""
        self._complete = True
        if not self.is_drawn:
            return
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)
        else:
            self.forget()  # a connection may have failed before there was anything to say it on

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        # What is new was styled when it was made, and what is as it was left still is.
        look = self.ops.look, self.ops.compact
        event.refresh_styles = self._styled_as not in (None, look)
        self._styled_as = look
        if not self.is_drawn:
            return
        self.tick()
        if self.ops.picture is not None:
            self.repaint(self.ops.picture)

    @property
    def is_drawn(self) -> bool:
        """Whether its widgets are there: composed already, and not taken down yet."""
        return self._complete and self.is_mounted and any(child.id == "header" for child in self.children)

    def tick(self) -> None:
        """Header, outage and truth: they age even when nothing arrives."""
        now = self.ops.shown_at
        clock = Span(f" {now:%H:%M:%S} UTC ", Tone.DIM)
        self.query_one("#header", Bar).show(self._header(self.size.width - len(clock.text) - 1), (clock,))
        view = self.ops.picture.view if self.ops.picture else None
        failure = self.ops.failure
        sources = view.sources if view else ()
        cost = cost_line(*self.ops.cost(), lag_s=self.ops.lag.worst_s)
        known = truth_line(sources, now) if sources else connecting_line(self.ops.waited_s)
        told = self.ops.together.truth(now) if self._tells_all else failure_line(failure) if failure else known
        self.query_one("#truth", Bar).show(told, cost)
        outage = self.query_one("#outage", Bar)
        failing = self.ops.together.outage(now) if self._tells_all else outage_line(sources, now)
        outage.show(self.ops.machine.line() or failing)
        outage.display = bool(outage.left)

    @property
    def _tells_all(self) -> bool:
        """Whether it is about all contexts that are open, not only about the present one."""
        return self.crumb == "fleet" and self.ops.merged

    def _header(self, width: int) -> Line:
        ops = self.ops
        below = [screen.crumb for screen in ops.screen_stack if isinstance(screen, OpsScreen) and screen is not self]
        way = below if self.size.width >= CRAMPED else below[-1:] and ["…"]
        of = len(ops.together.connections) if self._tells_all else 1
        return Headline(ops.context_name, ops.namespace or "all", ops.badges(), way, self.heading(), of).line(width)

    def truth_of(self, *sources: Source) -> Line:
        """Source, age and state of what a pane shows."""
        picture = self.ops.picture
        return pane_line(picture.view.sources, sources, self.ops.shown_at) if picture else ()

    def heading(self) -> Line:
        """What this screen is about, after the way to it."""
        return (Span(self.crumb, Tone.STRONG),) if self.crumb else ()

    @property
    def subject(self) -> Ref | None:
        """What a command that names nothing is about."""
        return None

    # --- the prompt ---

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    def ask(self, sign: str, text: str = "") -> None:
        """Opens the prompt; what had the focus gets it back afterwards."""
        if not self.prompt.is_open:
            self._focused_before = self.focused
        self.prompt.open(sign, text)

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if event.sign != ":":
            self.typed(event.sign, event.text)

    def on_prompt_done(self, event: Prompt.Done) -> None:
        if self._focused_before is not None and self._focused_before.is_attached:
            self.set_focus(self._focused_before)
        if event.sign == ":" and event.accepted:
            self.ops.commander.obey(event.text)
        elif event.sign != ":":
            self.typed(event.sign, event.text if event.accepted else "")

    def typed(self, sign: str, text: str) -> None:
        """What is typed after a sign, while it is typed and when that is done."""
        self.narrow(text)

    def narrow(self, typed: str) -> None:
        """Shows what `typed` keeps, on screens that have something to filter."""


class SubjectScreen(OpsScreen):
    """A screen about one object, as it was when it was asked for."""

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self.ref = ref

    @property
    def subject(self) -> Ref:
        return self.ref


def failure_line(error: VopsError) -> Line:
    """A failure as one line: what happened and what to try."""
    hint = (Span(f"  {error.hint}", Tone.DIM),) if error.hint else ()
    return (Span(f" ✗ {error.message}", Tone.BAD), *hint)


_STYLES = {Tone.GOOD: "$success", Tone.WARN: "$warning", Tone.BAD: "$error", Tone.ACCENT: "$primary"}


def titled(widget: Widget, title: str, note: str = "", *, hint: str = "", truth: Line = ()) -> None:
    """Sets what stands in a border as text, never as markup: title, note and sources above, a hint below."""
    parts: list[str | tuple[str, str]] = [drawable(title)]
    if note:
        parts.append(("  " + drawable(note), "not bold $warning"))
    if truth:
        parts.append("   ")
    parts += [(drawable(span.text), f"not bold {_STYLES.get(span.tone, '$foreground')}") for span in truth]
    above, below = Content.assemble(*parts), content(hint)
    # Setting one draws the whole widget again, changed or not.
    if widget.border_title != above.markup:
        widget.border_title = above
    if widget.border_subtitle != below.markup:
        widget.border_subtitle = below


BACK = Binding("escape", "app.go_back", "Back", id="back")


def not_connected(error: VopsError) -> list[Line]:
    """Why there is nothing to show, in full, and the keys that lead on."""
    return [*error_lines(error), (), (Span("r tries again, c chooses another context", Tone.WARN),)]


def error_lines(error: VopsError) -> list[Line]:
    """An error in full, for a pane that has nothing else to show."""
    first, *rest = error.message.splitlines() or [""]
    lines: list[Line] = [(Span("✗ ", Tone.BAD), Span(first, Tone.BAD))]
    return [*lines, *((Span(f"  {text}", Tone.BAD),) for text in rest), *next_lines(error.hint)]
