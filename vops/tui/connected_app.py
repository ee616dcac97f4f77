"""An app over connections: which context is the present one, what was seen last of each, and which instant is shown.

It draws first and connects afterwards. A context switch starts the new connection and lets go of the old one
without waiting for it. What leads from one screen to another is not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from vops.diagnosis.facts import Facts
from vops.diagnosis.subjects import workload_ref
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.model.snapshot import Source, SourceState
from vops.operations.recording import Frame
from vops.operations.session import MachineClock, Session, open_session
from vops.ports import Cost
from vops.render.fleet_rows import ReplicaRow
from vops.settings import Settings
from vops.tui.connection import Connection, Opener
from vops.tui.contexts import settings_for, split
from vops.tui.feed import Observing, Picture
from vops.tui.lag import keep_for_good
from vops.tui.messages import (
    Connected,
    ContextChosen,
    Failed,
    NamespaceChosen,
    Pictured,
)
from vops.tui.screens.base import OpsScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.sharing import SharingApp
from vops.tui.time_machine import TimeMachine
from vops.tui.together import Fleet, Together, fleet_of

KEPT_AFTER_S = 5.0


class ConnectedApp(SharingApp):
    """Over one session at a time, or several; opens them by `settings` when none is given."""

    def __init__(
        self,
        session: Session | None = None,
        observer: Observing | None = None,
        *,
        settings: Settings | None = None,
        opener: Opener = open_session,
        recording: Sequence[Frame] = (),
    ) -> None:
        super().__init__(settings or (session.settings if session else Settings()))
        self.namespace = self.settings.namespace
        self.picture: Picture | None = None
        self.failure: VopsError | None = None
        self._opener = opener
        self._clock = session.clock if session else MachineClock()
        if session is not None:
            given = Connection(self.settings, self.post_message, session=session, observer=observer)
            self.together = Together([given])
        else:
            self.together = self._new_connections()
        self._connection = self.together.connections[0]
        self._live: Picture | None = None
        self.machine = TimeMachine(self, recording)

    # --- what screens ask for ---

    @property
    def session(self) -> Session | None:
        return self._connection.session

    @property
    def context_name(self) -> str:
        if self.machine.replaying:
            return self.machine.context
        if lab := self._connection.settings.lab:
            return f"lab · {lab}"
        return self.session.cluster.context if self.session else self._connection.settings.context

    @property
    def waited_s(self) -> float:
        """How long the present context has not been connected yet."""
        return self._connection.waited_s

    @property
    def shown_at(self) -> datetime:
        """The time of what is shown: now, unless one looks at the past."""
        return self.machine.at or self.now()

    def now(self) -> datetime:
        """The session's time."""
        return self._clock.now()

    def cost(self) -> Cost:
        """Open watches, and requests a second, as far as the connection counts them."""
        return self._connection.cost()

    def container_of(self, ref: Ref) -> str:
        """The name of the vLLM container of a pod; empty (the API's choice) when it is not known."""
        replica = self.picture.facts.replica(ref.namespace, ref.name) if self.picture else None
        return replica.container.name if replica else ""

    def workload_of(self, ref: Ref) -> Ref:
        """The workload that a pod belongs to, as far as is known; anything else as it is."""
        replica = self.picture.facts.replica(ref.namespace, ref.name) if self.picture and ref.kind == "Pod" else None
        if replica is None:
            return ref
        return workload_ref(replica.workload) if replica.workload else replica.owner or ref

    def focus_scrapes(self, rows: Sequence[ReplicaRow]) -> None:
        """Says which rows somebody is looking at."""
        if self.together.several:
            self.together.focus(rows)
        else:
            self._connection.focus({(row.namespace, row.pod) for row in rows})

    def fleet(self, picture: Picture, *, grouped: bool) -> Fleet:
        """What the first screen shows: of one context or of all that are open."""
        if self.merged:
            return self.together.fleet(grouped=grouped)
        return fleet_of(picture, grouped=grouped)

    @property
    def merged(self) -> bool:
        """Whether the rows of several contexts stand in one table."""
        return self.together.several and not self.machine.replaying

    def prepare_pictures(self) -> None:
        """Has every picture bring what the screens on the stack need beside the rows of the fleet."""
        screens = [screen for screen in self.screen_stack if isinstance(screen, OpsScreen)]
        needy = (screen for screen in screens if type(screen).prepare is not OpsScreen.prepare)
        wanted = {screen.crumb: screen.prepare for screen in needy}
        self._connection.prepare(wanted)
        self.machine.prepare(wanted)

    # --- the connection ---

    @property
    def present(self) -> Connection:
        """The connection that every screen but the first is about."""
        return self._connection

    @property
    def facts_now(self) -> Facts | None:
        return self._live.facts if self._live else None

    def _new_connections(self) -> Together:
        opened = (Connection(each, self.post_message, opener=self._opener) for each in split(self.settings))
        return Together(opened)

    def _connect(self) -> None:
        self.failure = None
        self.workers.cancel_group(self, "connection")
        for connection in self.together.connections:
            self.run_worker(connection.run(), group="connection", exit_on_error=False)

    def _reconnect(self, settings: Settings) -> None:
        """Lets go of the present connection and opens another; nothing waits for the old one."""
        self.settings, self.namespace = settings, settings.namespace
        self.picture = self._live = None
        self.machine.leave()
        self._use_view()
        self.together = self._new_connections()
        self._connection = self.together.connections[0]
        self._connect()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self._repaint()

    def _reopen(self, connection: Connection, settings: Settings) -> None:
        """Another connection in the place of one of several; the others go on."""
        fresh = Connection(settings, self.post_message, opener=self._opener)
        self.together.replace(connection, fresh)
        connection.let_go()
        if connection is self._connection:
            self._connection = fresh
            self.picture = self._live = self.failure = None
        self.run_worker(fresh.run(), group="connection", exit_on_error=False)
        self._repaint()

    def enter(self, context: str) -> None:
        """Goes into the context of a row: from now on it is the present one."""
        if self.merged and context and (connection := self.together.named(context)) is not None:
            self._go_into(connection)

    def _go_into(self, connection: Connection) -> None:
        if connection is self._connection:
            return
        self._connection = connection
        self._live, self.picture = self.together.picture(connection), self.together.shown(connection)
        self.failure = self.together.failure(connection)
        if self.session is not None:
            self._clock = self.session.clock
        self.prepare_pictures()
        self._tick()

    def on_connected(self, event: Connected) -> None:
        if event.connection is not self._connection and event.connection in self.together:
            self._keep_hands_off_one(event.connection)
        if event.connection is self._connection and self.session is not None:
            self._clock = self.session.clock
            self._use_view()
            self._tick()
            self._keep_hands_off()
            self.watch_for_pauses()

    def _keep_hands_off(self) -> None:
        """Connects again in read-only mode, where the view of a context asks for it that is only known by now."""
        if self.session is None or self.session.cluster.readonly or not self.view.readonly:
            return
        if self.together.several:
            self._keep_hands_off_one(self._connection)
        elif not self.busy():
            self._reconnect(msgspec.structs.replace(self.settings, readonly=True))

    def _keep_hands_off_one(self, connection: Connection) -> None:
        """The same for one of several contexts."""
        session = connection.session
        if session is None or session.cluster.readonly:
            return
        if self.settings.tui.view(session.cluster.context).readonly:
            self._reopen(connection, msgspec.structs.replace(connection.settings, readonly=True))

    def on_pictured(self, event: Pictured) -> None:
        if event.connection not in self.together:
            return
        self.together.take(event.connection, event.picture)
        if event.connection is not self._connection:
            self._pictured_beside(event)
            return
        if self._live is None:
            # Lists come in during the next seconds; what is there by then mostly stays.
            self.set_timer(KEPT_AFTER_S, keep_for_good)
        self._live = event.picture
        if self.machine.at is None:
            self.show_picture(event.picture)
        if event.picture.view.replicas and not event.connection.first_shown.is_set():
            self.call_after_refresh(event.connection.first_shown.set)

    def _pictured_beside(self, event: Pictured) -> None:
        """News from a context that is not the present one; it becomes that where the present one shows nothing."""
        if self.picture is None:
            self._go_into(event.connection)
        if event.picture.view.replicas:
            event.connection.first_shown.set()
        if self.merged and self.machine.at is None and isinstance(self._present, FleetScreen):
            self._repaint()

    def on_failed(self, event: Failed) -> None:
        if event.connection not in self.together:
            return
        error = event.error
        told = error if isinstance(error, VopsError) else VopsError(f"vops failed: {error!r}", hint="r connects again")
        self.together.fail(event.connection, told)
        if event.connection is self._connection:
            self.failure = told
            if (other := self.together.first_seen()) is not None and self.picture is None:
                self._go_into(other)
        self._repaint()

    def _use_view(self) -> None:
        self.use_view()
        if self.view.namespace and not self.settings.namespace:
            self.namespace = self.view.namespace

    def on_namespace_chosen(self, event: NamespaceChosen) -> None:
        """Narrows the view, or connects again where the credentials only allow one namespace at a time."""
        pods = self.picture.facts.snapshot.source(Source.PODS) if self.picture else None
        if self.settings.namespace or (pods and pods.state is SourceState.DENIED):
            if not self.busy():
                self._reconnect(msgspec.structs.replace(self.settings, namespace=event.name))
            return
        self.namespace = event.name
        self._repaint()

    def on_context_chosen(self, event: ContextChosen) -> None:
        if not self.busy():
            self._reconnect(settings_for(self.settings, event.context))

    def action_refresh_now(self) -> None:
        if self.together.several and self.together.failed:
            for connection in self.together.failed:
                self._reopen(connection, connection.settings)
        elif self.failure is not None:
            self._reconnect(self.settings)
        else:
            self._connection.nudge()

    # --- the instant that is shown ---

    def show_picture(self, picture: Picture | None) -> None:
        """Shows a picture; none: the newest there is."""
        self.picture = picture or self._live
        self._repaint()

    def show_past(self, pictures: Mapping[Connection, Picture]) -> None:
        """Shows an earlier instant, of every context that was looked at by then."""
        self.together.go_back(pictures)
        self.show_picture(pictures.get(self._connection))

    def _repaint(self) -> None:
        self._tick()
        screen = self._present
        if screen is None:
            return
        if self.picture is not None:
            screen.repaint(self.picture)
        else:
            screen.forget()

    def tick(self) -> None:
        """Brings header and truth line up to date."""
        self._tick()

    def _tick(self) -> None:
        if (screen := self._present) is not None:
            screen.tick()

    @property
    def _present(self) -> OpsScreen | None:
        """The screen to paint. There is none before the first is drawn, nor while the app closes."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        return screen if isinstance(screen, OpsScreen) and screen.is_drawn else None

    def action_rewind(self, seconds: int) -> None:
        """Goes back in time, or forward again."""
        self.machine.step(seconds)

    def action_live(self) -> None:
        """Back to what is known now."""
        self.machine.leave()
        if not self.machine.replaying:
            self.together.go_back(None)
            self.show_picture(None)

    def action_play(self) -> None:
        self.machine.play()
