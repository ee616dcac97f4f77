"""Takes the app to an earlier instant and back: of the last hour, or of a recording.

Each instant is unpacked and joined in a thread; of several that are asked for in a hurry only the last one is shown.
Where several contexts are open, all of them go back to the same instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from vops.model.snapshot import ClusterSnapshot
from vops.operations.recording import Frame
from vops.render.text import Line, Tone
from vops.tui.feed import Painter, Picture, Prepare
from vops.tui.rewind import STEP_S, badge, earlier, past_line, place_before

if TYPE_CHECKING:
    from vops.tui.connected_app import ConnectedApp
    from vops.tui.connection import Connection

PLAY_EVERY_S = 0.5
FRAME_EVERY = timedelta(seconds=STEP_S)
"""So much apart the frames of two contexts are that stand for one instant."""


class TimeMachine:
    """`at` is the time of the instant that is shown; None while that is now."""

    def __init__(self, app: ConnectedApp, recording: Sequence[Frame] = ()) -> None:
        self.at: datetime | None = None
        self.context = ""
        self._app = app
        self._recording = recording
        self._painters: dict[Connection, Painter] = {}
        self._wanted: Mapping[str, Prepare] = {}
        self._playing = False

    @property
    def replaying(self) -> bool:
        """Whether all there is is a recording."""
        return bool(self._recording)

    @property
    def _timelines(self) -> Mapping[Connection, Sequence[Frame]]:
        """What is remembered of each context, that of the present one first."""
        present = self._app.present
        if self.replaying:
            return {present: self._recording}
        return {present: present.frames, **{item: item.frames for item in self._app.together.connections}}

    @property
    def frames(self) -> Sequence[Frame]:
        """The instants that one can go to: those since the present context is looked at."""
        present, *others = self._timelines.values()
        if not present or not others:
            return present
        beside = (frame for frames in others for frame in frames if frame.at >= present[0].at)
        return sorted([*present, *beside], key=lambda frame: frame.at)

    def badge(self) -> tuple[str, Tone] | None:
        """What must not be overlooked while one looks at the past."""
        if self.at is None:
            return None
        text, tone = badge(self.at, self._app.now(), replaying=self.replaying)
        return f"{text} {'▶' if self._playing else '‖'}" if self.replaying else text, tone

    def line(self) -> Line:
        """The same in words; empty for now."""
        return past_line(self.at, self._app.now()) if self.at is not None and not self.replaying else ()

    def prepare(self, wanted: Mapping[str, Prepare]) -> None:
        """Has earlier pictures bring what `wanted` derives, too."""
        new = wanted.keys() - self._wanted.keys()
        self._wanted = dict(wanted)
        if new and self.at is not None:
            self._go(self.at)

    # --- moving ---

    def begin(self) -> None:
        """Shows the first instant of a recording; from there it can be played."""
        self._app.set_interval(PLAY_EVERY_S, self._next)
        self._go(self._recording[0].at)

    def step(self, seconds: int) -> None:
        """Goes by this much, at least to another instant; beyond the last one is now."""
        if not self.frames:
            self._app.tell("nothing is remembered yet")
            return
        self._playing = False
        wanted = earlier(self.frames, self.at, timedelta(seconds=seconds))
        if wanted is not None:
            self._go(wanted)
        elif not self.replaying and self.at is not None:
            self._app.action_live()

    def leave(self) -> None:
        """Goes back to now; in a recording, to its end."""
        self._playing = False
        if self.replaying:
            self._go(self._recording[-1].at)
        else:
            self.at = None

    def play(self) -> None:
        """Plays a recording, or pauses it; from its end it begins again."""
        if not self.replaying:
            self._app.tell("space plays a recording: vops replay FILE. Here ← and → go through the last hour")
            return
        self._playing = not self._playing
        if self._playing and self.at == self._recording[-1].at:
            self._go(self._recording[0].at)
        self._app.tick()

    def _next(self) -> None:
        if not self._playing or self.at is None:
            return
        following = place_before(self._recording, self.at) + 1
        if following < len(self._recording):
            self._go(self._recording[following].at)
        else:
            self._playing = False
            self._app.tick()

    def _go(self, at: datetime) -> None:
        frames = self.frames
        at = self.at = frames[place_before(frames, at)].at
        wanted = {
            connection: known[place_before(known, at)]
            for connection, known in self._timelines.items()
            if known and known[0].at <= at + FRAME_EVERY
        }
        self._painters = {connection: self._painters.get(connection) or Painter() for connection in wanted}
        look = partial(self._look, at, wanted)
        self._app.run_worker(look, thread=True, group="rewind", exclusive=True, exit_on_error=False)

    def _look(self, at: datetime, wanted: Mapping[Connection, Frame]) -> None:
        """In a thread: unpacks an instant and joins it, unless another one is wanted by now."""
        pictures: dict[Connection, Picture] = {}
        for connection, frame in wanted.items():
            if self.at != at:
                return
            try:
                pictures[connection] = self._joined(connection, frame.snapshot)
            except ValueError as error:
                self._app.call_from_thread(self._app.tell, f"this instant is damaged: {error}", severity="error")
        if self._app.present in pictures:
            self._app.call_from_thread(self._show, at, pictures)

    def _joined(self, connection: Connection, snapshot: ClusterSnapshot) -> Picture:
        painter = self._painters.get(connection) or Painter()
        painter.wanted = self._wanted
        if self.replaying:
            return painter.replayed(snapshot)
        live = self._app.together.picture(connection)
        return painter.past(snapshot, live.pasts if live is not None else {})

    def _show(self, at: datetime, pictures: Mapping[Connection, Picture]) -> None:
        if self.at == at:
            self.context = pictures[self._app.present].view.context
            self._app.show_past(pictures)
