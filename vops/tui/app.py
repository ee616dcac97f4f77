"""The app: wires a session, its observer and the screens together, and outlives every failure of theirs.

It draws first and connects afterwards. A context switch starts the new connection and lets go of the old one
without waiting for it. Screens read the newest picture from here and post what they want done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.worker import Worker

from vops.errors import VopsError
from vops.model.resources import Ref
from vops.model.snapshot import Source, SourceState
from vops.model.text import scrub
from vops.operations.session import MachineClock, Session, open_session
from vops.planning.events import Question
from vops.planning.plan import Gate
from vops.render.cells import Column, picked
from vops.render.filters import busiest, namespaces
from vops.render.text import Span, Tone
from vops.settings import Settings, ViewSettings
from vops.tui import commands
from vops.tui.connection import Connection, Opener
from vops.tui.contexts import context_value, known_contexts, settings_for
from vops.tui.feed import Observing, Picture
from vops.tui.messages import (
    Connected,
    ContextChosen,
    DiagnosisAsked,
    Failed,
    FixAsked,
    LogsAsked,
    NamespaceChosen,
    Pictured,
    ReplicaAsked,
    RunAgreed,
    RunStopAsked,
)
from vops.tui.registry import About, ScreenEntry, entry_of
from vops.tui.running import Run
from vops.tui.screens.base import OpsScreen, SubjectScreen
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.help import HelpScreen
from vops.tui.screens.listing import ListScreen
from vops.tui.screens.pick import PickScreen
from vops.tui.screens.run import RunScreen
from vops.tui.theme import DEFAULT, THEMES, filters_of
from vops.tui.widgets.prompt import Candidate
from vops.tui.widgets.tones import drawable


class VopsApp(App[None]):
    """The TUI over one session at a time; opens one by `settings` when none is given."""

    TITLE = "vops"
    CSS_PATH: ClassVar[Any] = ["app.tcss", "screens/fleet.tcss"]  # the first screen's own CSS_PATH is not read
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 6
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?", id="app.help"),
        Binding("w", "watch_run", "Watch the run", show=False, id="app.watch"),
        Binding("q", "leave", "Quit", id="app.quit"),
        Binding("ctrl+c", "leave", "Quit", show=False, priority=True, id="app.quit_always"),
    ]

    def __init__(
        self,
        session: Session | None = None,
        observer: Observing | None = None,
        *,
        settings: Settings | None = None,
        opener: Opener = open_session,
    ) -> None:
        self._bare: list[LineFilter] = []
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-normal"), (170, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
        self.settings = settings or (session.settings if session else Settings())
        self.namespace = self.settings.namespace
        self.picture: Picture | None = None
        self.failure: VopsError | None = None
        self.run_going: Run | None = None
        self._run_worker: Worker[None] | None = None
        self._opener = opener
        self._clock = session.clock if session else MachineClock()
        self._connection = Connection(self.settings, self.post_message, session=session, observer=observer)
        if session is None:
            self._connection = self._new_connection()
        self.history: list[str] = []
        self._columns: dict[str, tuple[str, ...]] = {}
        for theme in THEMES.values():
            self.register_theme(theme)
        self.look, self.theme = DEFAULT, THEMES[DEFAULT].name
        self.compact = False

    def get_default_screen(self) -> Screen[Any]:
        return FleetScreen()

    def on_mount(self) -> None:
        self.set_keymap(self.settings.tui.keymap)
        self._use_view()
        self._connect()

    # --- what screens ask for ---

    @property
    def session(self) -> Session | None:
        """The open session; None while connecting."""
        return self._connection.session

    @property
    def context_name(self) -> str:
        if self.settings.lab:
            return f"lab · {self.settings.lab}"
        return self.session.cluster.context if self.session else self.settings.context

    @property
    def view(self) -> ViewSettings:
        """How the present context is to be shown."""
        return self.settings.tui.view(self.context_name)

    def now(self) -> datetime:
        """The session's time."""
        return self._clock.now()

    def badges(self) -> Sequence[tuple[str, Tone]]:
        """What must not be overlooked about where one is."""
        found = [("LAB", Tone.GOOD)] if self.settings.lab else []
        if not self.settings.lab and self.settings.tui.is_prod(self.context_name):
            found.append(("▲ PROD", Tone.BAD))
        readonly = self.session.cluster.readonly if self.session else self.settings.readonly
        if readonly:
            found.append(("READ-ONLY", Tone.WARN))
        if self.run_going and not self.run_going.ended:
            found.append(("◐ RUN GOING ON (w)", Tone.ACCENT))
        return found

    def cost(self) -> tuple[int | None, float | None]:
        """Open watches, and requests a second, as far as the connection counts them."""
        return self._connection.cost()

    def container_of(self, ref: Ref) -> str:
        """The name of the vLLM container of a pod; empty (the API's choice) when it is not known."""
        replica = self.picture.facts.replica(ref.namespace, ref.name) if self.picture else None
        return replica.container.name if replica else ""

    def focus_scrapes(self, visible: set[tuple[str, str]]) -> None:
        self._connection.focus(visible)

    def prepare_pictures(self) -> None:
        """Has every picture bring what the screens on the stack need beside the rows of the fleet."""
        screens = [screen for screen in self.screen_stack if isinstance(screen, OpsScreen)]
        needy = (screen for screen in screens if type(screen).prepare is not OpsScreen.prepare)
        self._connection.prepare({screen.crumb: screen.prepare for screen in needy})

    # --- the connection ---

    def _new_connection(self) -> Connection:
        return Connection(self.settings, self.post_message, opener=self._opener)

    def _connect(self) -> None:
        self.failure = None
        self.run_worker(self._connection.run(), group="connection", exclusive=True, exit_on_error=False)

    def _reconnect(self, settings: Settings) -> None:
        """Lets go of the present connection and opens another; nothing waits for the old one."""
        self.settings, self.namespace = settings, settings.namespace
        self.picture = None
        self._use_view()
        self._connection = self._new_connection()
        self._connect()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self._repaint()

    def on_connected(self, event: Connected) -> None:
        if event.connection is self._connection and self.session is not None:
            self._clock = self.session.clock
            self._tick()

    def on_pictured(self, event: Pictured) -> None:
        if event.connection is not self._connection:
            return
        self.picture = event.picture
        self._repaint()

    def on_failed(self, event: Failed) -> None:
        if event.connection is not self._connection:
            return
        error = event.error
        self.failure = (
            error if isinstance(error, VopsError) else VopsError(f"vops failed: {error!r}", hint="r connects again")
        )
        self._repaint()

    def _repaint(self) -> None:
        self._tick()
        screen = self._present
        if screen is None:
            return
        if self.picture is not None:
            screen.repaint(self.picture)
        else:
            screen.forget()

    def _tick(self) -> None:
        if (screen := self._present) is not None:
            screen.tick()

    @property
    def _present(self) -> OpsScreen | None:
        """The screen to paint. There is none before the first is drawn, nor while the app closes."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        return screen if isinstance(screen, OpsScreen) and screen.is_drawn else None

    # --- what screens post ---

    def on_replica_asked(self, event: ReplicaAsked) -> None:
        self.open("replica", event.ref)

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

    def on_namespace_chosen(self, event: NamespaceChosen) -> None:
        """Narrows the view, or connects again where the credentials only allow one namespace at a time."""
        pods = self.picture.facts.snapshot.source(Source.PODS) if self.picture else None
        if self.settings.namespace or (pods and pods.state is SourceState.DENIED):
            if not self._busy():
                self._reconnect(msgspec.structs.replace(self.settings, namespace=event.name))
            return
        self.namespace = event.name
        self._repaint()

    def on_context_chosen(self, event: ContextChosen) -> None:
        if not self._busy():
            self._reconnect(settings_for(self.settings, event.context))

    # --- runs ---

    def on_run_agreed(self, event: RunAgreed) -> None:
        """Starts the run in the app's own name, so that it outlives the screen that asked for it."""
        if self.session is None or self._busy():
            return
        self.run_going = run = Run(event.plan, self._ask, self._run_changed)
        self.action_go_back()
        self.push_screen(RunScreen(run))
        self._run_worker = self.run_worker(run.carry_out(self.session), group="run", exit_on_error=False)

    def _busy(self) -> bool:
        """Says so when a run is going on, which must not be lost."""
        going = self.run_going is not None and not self.run_going.ended
        if going:
            self.tell("a run is going on: w watches it, x there stops it", severity="warning")
        return going

    async def _ask(self, question: Question) -> bool:
        """A question that a step of the run asks by itself."""
        name = question.target.name if question.target and question.gate is Gate.TYPE_NAME else ""
        verb = "It is done" if question.gate is Gate.INSTRUCT else "Go on"
        lines = [(Span(text),) for text in question.text.splitlines()]
        return await self.push_screen_wait(ConfirmScreen(question.title, lines, verb, type_this=name))

    def _run_changed(self) -> None:
        if isinstance(self.screen, RunScreen):
            self.screen.show_run()
        elif self.run_going and self.run_going.ended:
            self.tell(f"the run has ended: {self.run_going.plan.title} · w shows how", timeout_s=15)
        self._tick()

    def on_run_stop_asked(self, event: RunStopAsked) -> None:
        question = (Span("Changes that are written stay; the journal says which. The run can be planned again."),)
        self.push_screen(ConfirmScreen("Stop the run?", [question], "Stop it"), self._stop_decided)

    def _stop_decided(self, agreed: bool | None) -> None:
        if agreed and self._run_worker is not None:
            self._run_worker.cancel()

    def action_watch_run(self) -> None:
        if self.run_going is None:
            self.tell("there is no run to watch")
        elif not isinstance(self.screen, RunScreen):
            self.push_screen(RunScreen(self.run_going))

    # --- keys that every screen has ---

    def action_leave(self) -> None:
        """Quits, but not out of a run without asking."""
        if self.run_going is None or self.run_going.ended:
            self.exit()
            return
        question = (Span("A run is going on. Changes that are written stay, nobody will verify them."),)
        self.push_screen(ConfirmScreen("Quit and stop the run?", [question], "Quit"), self._leave_decided)

    def _leave_decided(self, agreed: bool | None) -> None:
        if agreed:
            self.exit()

    def action_go_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_help(self) -> None:
        bindings = list(self.screen.active_bindings.values())
        displays = {item.binding.key: self.get_key_display(item.binding) for item in bindings}
        columns = self.screen.columns if isinstance(self.screen, ListScreen) else ()
        self.push_screen(HelpScreen(bindings, displays, columns))

    def action_refresh_now(self) -> None:
        if self.failure is not None:
            self._reconnect(self.settings)
        else:
            self._connection.nudge()

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
        self.push_screen(PickScreen("Context", found, current), self._context_picked)

    def _context_picked(self, name: str | None) -> None:
        if name:
            self.post_message(ContextChosen(name))

    def say(self, error: VopsError) -> None:
        """Shows an error in a corner: what happened, then what to try."""
        self.tell("\n".join(map(drawable, filter(None, (error.message, error.hint)))), severity="error")

    def tell(self, text: str, *, severity: SeverityLevel = "information", timeout_s: float = 5.0) -> None:
        """Shows a remark in a corner, as text and never as markup."""
        self.notify(scrub(text), severity=severity, timeout=timeout_s, markup=False)

    # --- how it looks ---

    def _use_view(self) -> None:
        """Takes over what the settings say of the present context."""
        tui, view = self.settings.tui, self.view
        self._set_theme(view.theme or tui.theme)
        self._set_compact((view.density or tui.density) == "compact")
        if view.namespace and not self.settings.namespace:
            self.namespace = view.namespace

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._bare]

    def _set_theme(self, name: str) -> bool:
        """Whether there is a theme of that name."""
        if name not in THEMES:
            return False
        self.look, self._bare = name, filters_of(name)
        self.theme = THEMES[name].name
        self.refresh_css(animate=False)
        return True

    def _set_compact(self, compact: bool) -> None:
        self.compact = compact
        self.set_class(compact, "-compact")

    def columns_of(
        self, screen: str, known: Sequence[Column[Any]], usual: Sequence[Column[Any]]
    ) -> Sequence[Column[Any]]:
        """The columns that the user wants on a screen: as typed, by the view, by the settings, or the usual ones."""
        places = (self._columns, self.view.columns, self.settings.tui.columns)
        keys = next((place[screen] for place in places if place.get(screen)), ())
        return picked(known, keys) or usual

    # --- the : prompt ---

    def things(self) -> commands.Things:
        """What can be opened by name."""
        view = self.picture.view if self.picture else None
        replicas = [row.ref for row in view.replicas] if view else []
        workloads = [row.ref for row in view.workloads] if view else []
        return {About.REPLICA: replicas, About.WORKLOAD: workloads, About.ANY: [*workloads, *replicas]}

    def candidates(self, typed: str) -> Sequence[Candidate]:
        """What a command may become."""
        screen = self.screen
        columns = [column.key for column in screen.columns] if isinstance(screen, ListScreen) else []
        places = namespaces(self.picture.view) if self.picture else ()
        words = {"ns": places, "sort": columns, "columns": columns, "theme": tuple(THEMES)}
        return commands.candidates(typed, words, self.things())

    def obey(self, text: str) -> None:
        """Does what was typed after `:`; what is no command is said to be none."""
        if not text.strip():
            return
        subject = self.screen.subject if isinstance(self.screen, OpsScreen) else None
        try:
            asked = commands.parse(text, self.things(), subject)
        except VopsError as error:
            self.say(error)
            return
        if asked.screen is not None:
            self.open(asked.screen.name, asked.ref, asked.argument)
        else:
            getattr(self, f"_obey_{asked.verb}")(asked.argument)

    def _obey_ns(self, name: str) -> None:
        self.post_message(NamespaceChosen("" if name in ("", "all") else name))

    def _obey_ctx(self, name: str) -> None:
        if name:
            self.post_message(ContextChosen(name))
        else:
            self.action_contexts()

    def _obey_sort(self, column: str) -> None:
        screen = self.screen
        known = [item.key for item in screen.columns] if isinstance(screen, ListScreen) else []
        if isinstance(screen, ListScreen) and column in known:
            screen.sort_by(column)
        else:
            self.tell(f"sort by one of: {', '.join(known)}" if known else "nothing to sort here", severity="warning")

    def _obey_columns(self, typed: str) -> None:
        screen = self.screen
        if not isinstance(screen, ListScreen):
            self.tell("there are no columns here", severity="warning")
            return
        keys = tuple(typed.replace(",", " ").split())
        known = [column.key for column in screen.columns]
        if unknown := [key for key in keys if key not in known]:
            self.tell(f"no column {unknown[0]}; there are {', '.join(known)}", severity="warning")
            return
        self._columns[screen.crumb] = keys
        screen.again()

    def _obey_theme(self, name: str) -> None:
        if not self._set_theme(name):
            self.tell(f"themes are {', '.join(THEMES)}", severity="warning")

    def _obey_density(self, _: str) -> None:
        self._set_compact(not self.compact)

    def _obey_help(self, _: str) -> None:
        self.action_help()

    def _obey_refresh(self, _: str) -> None:
        self.action_refresh_now()

    def _obey_quit(self, _: str) -> None:
        self.action_leave()


def _about(screen: Screen[Any]) -> Ref | None:
    """What a screen is about."""
    return screen.ref if isinstance(screen, SubjectScreen) else None


def run_tui(settings: Settings) -> None:
    """Runs the TUI until it is quit."""
    VopsApp(settings=settings).run()
