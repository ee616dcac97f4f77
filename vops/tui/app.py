"""The app: the screens, the ways between them and the keys that all of them have; it outlives every failure of theirs.

Screens read the newest picture from here and post what they want done. What is read, and of which contexts, is
connected_app's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from vops.errors import VopsError
from vops.model.objects import Ref
from vops.operations.recording import Frame
from vops.operations.session import Session, open_session
from vops.render.filters import busiest
from vops.render.text import Tone
from vops.settings import Settings
from vops.tui.commander import Commander
from vops.tui.connected_app import ConnectedApp
from vops.tui.connection import Opener
from vops.tui.contexts import context_value, known_contexts
from vops.tui.feed import Observing
from vops.tui.lag import LoopLag, spare_the_loop
from vops.tui.messages import (
    ContextChosen,
    DiagnosisAsked,
    FixAsked,
    LogsAsked,
    NamespaceChosen,
    ReplicaAsked,
    WorkloadAsked,
)
from vops.tui.registry import ScreenEntry, entry_of
from vops.tui.screens.base import OpsScreen, SubjectScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.help import HelpScreen
from vops.tui.screens.jump import JumpScreen, panes_of
from vops.tui.screens.listing import ListScreen
from vops.tui.screens.pick import PickScreen


class VopsApp(ConnectedApp):
    """The TUI over one session at a time; opens one by `settings` when none is given."""

    TITLE = "vops"
    CSS_PATH: ClassVar[Any] = ["app.tcss", "screens/fleet.tcss"]  # the first screen's own CSS_PATH is not read
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 6
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("colon", "command", "Go", key_display=":", id="command", tooltip="Go somewhere, or do something"),
        Binding("question_mark", "help", "Help", key_display="?", id="app.help"),
        Binding("w", "watch_run", "Watch the run", show=False, id="app.watch"),
        Binding("left_square_bracket", "rewind(-15)", "Back in time", show=False, id="app.earlier"),
        Binding("right_square_bracket", "rewind(15)", "Forward in time", show=False, id="app.later"),
        Binding("left_curly_bracket", "rewind(-300)", "Back five minutes", show=False, id="app.much_earlier"),
        Binding("right_curly_bracket", "rewind(300)", "Forward five minutes", show=False, id="app.much_later"),
        Binding("full_stop", "live", "Back to now", key_display=".", show=False, id="app.live"),
        Binding("space", "play", "Replay: play or pause", show=False, id="app.play"),
        Binding("ctrl+o", "jump", "Jump to a pane", show=False, id="app.jump"),
        Binding("Y", "export", "Write down what is on the screen", show=False, id="app.export"),
        Binding("q", "leave", "Quit", id="app.quit"),
        Binding("ctrl+c,ctrl+q", "leave", "Quit", show=False, priority=True, id="app.quit_always"),
    ]

    def __init__(
        self,
        session: Session | None = None,
        observer: Observing | None = None,
        *,
        settings: Settings | None = None,
        opener: Opener = open_session,
        recording: Sequence[Frame] = (),
    ) -> None:
        super().__init__(session, observer, settings=settings, opener=opener, recording=recording)
        self.commander = Commander(self)
        self.contexts_read: Sequence[str] = ()
        """The names of contexts that complete a command."""
        self.lag = LoopLag()

    def get_default_screen(self) -> Screen[Any]:
        return FleetScreen()

    def on_mount(self) -> None:
        self.set_keymap(self.settings.tui.keymap)
        self._use_view()
        self.run_worker(self.lag.run(), group="lag", exit_on_error=False)
        if self.machine.replaying:
            self.machine.begin()
        else:
            self._connect()

    # --- what screens ask for ---

    def badges(self) -> Sequence[tuple[str, Tone]]:
        """What must not be overlooked about where one is."""
        found = [("LAB", Tone.GOOD)] if self.settings.lab else []
        if past := self.machine.badge():
            found.append(past)
        if self.settings.gentle:
            found.append(("GENTLE", Tone.ACCENT))
        if not self.settings.lab and self.settings.tui.is_prod(self.context_name):
            found.append(("▲ PROD", Tone.BAD))
        readonly = self.session.cluster.readonly if self.session else self.settings.readonly
        if readonly:
            found.append(("READ-ONLY", Tone.WARN))
        if self.run_going and not self.run_going.ended:
            found.append(("◐ RUN GOING ON (w)", Tone.ACCENT))
        watch = self.run_going.watch if self.run_going else None
        if watch is not None and self.now() < watch.until:
            found.append(("▲ WORSE SINCE THE RUN (w)", Tone.BAD) if watch.worst else ("● WATCHING (w)", Tone.GOOD))
        return found

    @property
    def way(self) -> tuple[OpsScreen, ...]:
        """The full screens from the first to the present one."""
        return tuple(screen for screen in self.screen_stack if isinstance(screen, OpsScreen))

    # --- what screens post ---

    def on_replica_asked(self, event: ReplicaAsked) -> None:
        self.open("replica", event.ref)

    def on_workload_asked(self, event: WorkloadAsked) -> None:
        self.open("workload", event.ref)

    def on_diagnosis_asked(self, event: DiagnosisAsked) -> None:
        self.open("diagnose", event.ref)

    def on_fix_asked(self, event: FixAsked) -> None:
        # Planning loads the language of runbooks: the first paint shall not wait for it.
        from vops.tui.screens.fix import FixScreen

        self._show(FixScreen(event.ref, event.cause))

    def on_logs_asked(self, event: LogsAsked) -> None:
        self.open("logs", event.ref)

    def open(self, name: str, ref: Ref | None = None, typed: str = "") -> None:
        """Goes to a screen of the registry; to one on the way here by going back to it. `typed` filters it."""
        entry = entry_of(name)
        if entry is None:
            return
        if not self._gone_back_to(entry, ref):
            self._show(entry.make(ref))
        if typed and isinstance(self.screen, OpsScreen):
            self.screen.call_after_refresh(self.screen.narrow, typed)

    def _gone_back_to(self, entry: ScreenEntry, ref: Ref | None) -> bool:
        """Leaves what lies above a screen that is open already; whether there was one."""
        wanted = entry.load()
        there = [screen for screen in self.screen_stack if type(screen) is wanted and _about(screen) == ref]
        if not there:
            return False
        while self.screen is not there[-1]:
            self.pop_screen()
        return True

    def _show(self, screen: OpsScreen) -> None:
        """Goes to a screen, once: a key that is pressed twice in a hurry does not stack two of them."""
        present = self.screen
        if type(present) is type(screen) and _about(present) == _about(screen):
            return
        self.push_screen(screen)

    # --- keys that every screen has ---

    def on_key(self, event: events.Key) -> None:
        """Types into the prompt what was pressed before it had the focus: the `q` of `/qwen` shall not quit."""
        screen = self._present
        if self._exit:
            event.prevent_default()
        elif screen is not None and screen.prompt.is_open and event.is_printable and event.character:
            event.prevent_default()
            screen.prompt.take(event.character)

    def action_command(self) -> None:
        if isinstance(self.screen, OpsScreen):
            self.screen.ask(":")
            self._read_contexts()

    @work(thread=True, exclusive=True, group="contexts read", exit_on_error=False)
    def _read_contexts(self) -> None:
        """Reads the kubeconfig in a thread, while the command is typed; a broken one completes nothing."""
        with suppress(VopsError):
            self.contexts_read = [value for value, _ in known_contexts(self.settings)]

    def action_help(self) -> None:
        bindings = list(self.screen.active_bindings.values())
        displays = {item.binding.key: self.get_key_display(item.binding) for item in bindings}
        columns = self.screen.columns if isinstance(self.screen, ListScreen) else ()
        self.push_screen(HelpScreen(bindings, displays, columns))

    def action_jump(self) -> None:
        """Puts a letter on every pane; the one that is pressed gets the focus."""
        panes = panes_of(self.screen, self.screen.focus_chain)
        if panes:
            self.push_screen(JumpScreen(panes), self._jumped)

    def _jumped(self, pane: Widget | None) -> None:
        if pane is not None and pane.is_attached:
            pane.focus()

    def action_all_namespaces(self) -> None:
        self.post_message(NamespaceChosen(""))

    def favourites(self) -> Sequence[str]:
        """The namespaces of the keys 1 to 9."""
        chosen = self.settings.tui.favourites
        return (chosen or (busiest(self.picture.view) if self.picture else ()))[:9]

    def action_favourite(self, place: int) -> None:
        names = self.favourites()
        if place <= len(names):
            self.post_message(NamespaceChosen(names[place - 1]))
        else:
            self.tell(f"no favourite namespace {place}: set tui.favourites, or n picks one")

    def action_namespaces(self) -> None:
        pods = self.picture.facts.snapshot.pods if self.picture else ()
        names = sorted({pod.metadata.namespace for pod in pods})
        choices = [("", "all namespaces"), *((name, name) for name in names)]
        self.push_screen(PickScreen("Namespace", choices, self.namespace), self._namespace_picked)

    def _namespace_picked(self, name: str | None) -> None:
        if name is not None:
            self.post_message(NamespaceChosen(name))

    @work(thread=True, exclusive=True, group="contexts", exit_on_error=False)
    def action_contexts(self) -> None:
        """Reads the kubeconfig in a thread, then lets one choose."""
        try:
            found = known_contexts(self.settings)
        except VopsError as error:
            self.call_from_thread(self.say, error)
            return
        self.call_from_thread(self._choose_context, found)

    def _choose_context(self, found: Sequence[tuple[str, str]]) -> None:
        current = context_value(self.settings, self.context_name)
        self.push_screen(PickScreen("Contexts", found, current, several=True), self._context_picked)

    def _context_picked(self, name: str | None) -> None:
        if name:
            self.post_message(ContextChosen(name))


def _about(screen: Screen[Any]) -> Ref | None:
    """What a screen is about."""
    return screen.ref if isinstance(screen, SubjectScreen) else None


def run_replay(settings: Settings, frames: Sequence[Frame]) -> None:
    """Runs the TUI on a recording until it is quit."""
    VopsApp(settings=settings, recording=frames).run()


def run_tui(settings: Settings) -> None:
    """Runs the TUI until it is quit."""
    spare_the_loop()
    VopsApp(settings=settings, opener=partial(open_session, lab_apart=True)).run()
