"""One connection from being asked for to being let go: opens the session, runs its observer, feeds the app.

It reports what happens and never raises: whatever fails is a message, since no failure may end the TUI.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from vops.operations.observation.log_peek import LogPeek
from vops.operations.recording import Frame
from vops.operations.session import Session, load, open_session
from vops.ports import Cost
from vops.settings import Settings
from vops.tui.feed import Feed, Observing, Picture, Prepare
from vops.tui.messages import Connected, Failed, Pictured

Opener = Callable[[Settings], AbstractAsyncContextManager[Session]]
Tell = Callable[[Connected | Failed | Pictured], object]


class Connection:
    """`session` and `observer` are None until they are there."""

    def __init__(
        self,
        settings: Settings,
        tell: Tell,
        *,
        session: Session | None = None,
        observer: Observing | None = None,
        opener: Opener = open_session,
    ) -> None:
        self.settings = settings
        self.session = session
        self.observer = observer
        self._given, self._tell, self._open = session, tell, opener
        self._feed: Feed | None = None
        self._running: asyncio.Task[object] | None = None
        self._wanted: dict[str, Prepare] = {}
        self._began = 0.0
        self.first_shown = asyncio.Event()
        """To be set when the first rows are on the screen: until then nothing but they shall be read."""

    @property
    def waited_s(self) -> float:
        """How long it has been opening its session, if it still does."""
        return time.monotonic() - self._began if self._began and self.session is None else 0.0

    def prepare(self, wanted: Mapping[str, Prepare]) -> None:
        """Has pictures bring what `wanted` derives from facts, under the same names."""
        new = wanted.keys() - self._wanted.keys()
        self._wanted = dict(wanted)
        if self._feed is not None:
            self._feed.prepare(self._wanted)
            if new:
                self._feed.nudge()

    def nudge(self) -> None:
        """Asks for a new picture now."""
        if self._feed is not None:
            self._feed.nudge()

    @property
    def frames(self) -> Sequence[Frame]:
        """The last hour, as far as it was seen."""
        return self._feed.ring.frames if self._feed is not None else ()

    def focus(self, visible: set[tuple[str, str]]) -> None:
        """Tells the observer which replicas somebody is looking at."""
        if self.observer is not None:
            self.observer.focus(visible)

    def cost(self) -> Cost:
        """Open watches, and scrapes a second; None while there is no observer."""
        return self.observer.cost() if self.observer else Cost()

    def let_go(self) -> None:
        """Ends it, whatever it does; nothing is told any more."""
        if self._running is not None:
            self._running.cancel()

    async def run(self) -> None:
        """Lives until it is cancelled or cannot go on."""
        self._running, self._began = asyncio.current_task(), time.monotonic()
        try:
            if self._given is None:
                await asyncio.to_thread(load)
            async with nullcontext(self._given) if self._given else self._open(self.settings) as session:
                await self._serve(session)
        except Exception as error:  # the edge of a task: whatever it is, it is shown, and the TUI goes on
            self._tell(Failed(first_of(error), connection=self))

    async def _serve(self, session: Session) -> None:
        self.session = session
        self.observer = self.observer or _observer(session, self.first_shown)
        self._feed = Feed(self.observer, LogPeek(session.cluster, session.clock), session.clock, self._publish)
        self._feed.prepare(self._wanted)
        self._tell(Connected(self))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.observer.run())
            tasks.create_task(self._feed.run())

    def _publish(self, picture: Picture) -> None:
        self._tell(Pictured(picture, self))


def _observer(session: Session, early: asyncio.Event) -> Observing:
    from vops.operations.observation.observe import Observer

    return Observer(session, namespace=session.settings.namespace, early=early)


def first_of(error: BaseException) -> BaseException:
    """The first error inside of groups of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
