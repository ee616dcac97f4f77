"""The last hour in memory, and the way back through it: the same screens on an earlier instant.

Frames are compressed snapshots, kept in a bounded number of bytes: when they are too many, every second one of the
older half goes. What is as it was five seconds ago is kept once: numbers change, pods and nodes seldom do. Very large
clusters keep only what concerns GPUs, since that is what the screens show.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from vops.diagnosis.placement.demands import gpu_request
from vops.model.serving import vllm_container
from vops.model.snapshot import ClusterSnapshot
from vops.operations.recording import Frame, pack
from vops.render.text import Span, Tone
from vops.render.units import clock, duration

SPAN = timedelta(minutes=60)
STEP_S = 5.0
MOST_BYTES = 16 << 20
LARGE = 1_000
"""Pods beyond which frames hold only those that run vLLM or hold GPUs."""


_SHARED = (
    "pods", "nodes", "deployments", "replicasets", "statefulsets", "daemonsets", "related", "events", "logs",
)  # fmt: skip
"""What changes seldom, compared with the numbers."""


class Ring:
    """The frames of the last hour; written by one thread and read by another, which sees a whole tuple."""

    def __init__(self, *, most_bytes: int = MOST_BYTES, span: timedelta = SPAN, step_s: float = STEP_S) -> None:
        self.frames: tuple[Frame, ...] = ()
        self._most_bytes, self._span, self._step_s = most_bytes, span, step_s
        self._parts: dict[str, tuple[tuple[object, ...], bytes]] = {}

    @property
    def size(self) -> int:
        """Bytes of all frames."""
        return _size(self.frames)

    def take(self, snapshot: ClusterSnapshot) -> None:
        """Keeps a snapshot, if the last one that was kept is a step ago."""
        last = self.frames[-1].at if self.frames else None
        if last is not None and (snapshot.at - last).total_seconds() < self._step_s:
            return
        kept = tuple(frame for frame in self.frames if snapshot.at - frame.at <= self._span)
        self.frames = self._thinned((*kept, self._frame(reduced(snapshot))))

    def _frame(self, snapshot: ClusterSnapshot) -> Frame:
        shared = tuple((name, self._part(name, snapshot)) for name in _SHARED if getattr(snapshot, name))
        return Frame(snapshot.at, pack(replace(snapshot, **dict.fromkeys(_SHARED, ()))), shared)

    def _part(self, name: str, snapshot: ClusterSnapshot) -> bytes:
        """One part of a snapshot packed, by the same bytes as in the last frame if it is the same."""
        items = getattr(snapshot, name)
        known = self._parts.get(name)
        if known is None or known[0] != items:
            known = self._parts[name] = items, pack(ClusterSnapshot(at=snapshot.at, **{name: items}))
        return known[1]

    def _thinned(self, frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        while len(frames) > 2 and _size(frames) > self._most_bytes:
            half = max(2, len(frames) // 2)
            frames = (*frames[:half:2], *frames[half:])
        return frames


def _size(frames: Sequence[Frame]) -> int:
    parts = {id(part): len(part) for frame in frames for _, part in frame.shared}
    return sum(len(frame.data) for frame in frames) + sum(parts.values())


def reduced(snapshot: ClusterSnapshot) -> ClusterSnapshot:
    """A snapshot of a very large cluster without the pods and events that no screen shows."""
    if len(snapshot.pods) <= LARGE:
        return snapshot
    pods = tuple(pod for pod in snapshot.pods if vllm_container(pod) is not None or gpu_request(pod))
    names = {(pod.metadata.namespace, pod.metadata.name) for pod in pods}
    events = tuple(
        event
        for event in snapshot.events
        if event.involved_object.kind != "Pod" or (event.involved_object.namespace, event.involved_object.name) in names
    )
    return replace(snapshot, pods=pods, events=events)


def place_before(frames: Sequence[Frame], at: datetime) -> int:
    """The index of the last frame that is not after `at`; the first one when all are."""
    return max(0, bisect_right([frame.at for frame in frames], at) - 1)


def earlier(frames: Sequence[Frame], at: datetime | None, step: timedelta) -> datetime | None:
    """The time of the frame that one gets to by `step` from `at` (None: now); None is now.

    A step always leads to another frame, where there is one.
    """
    if not frames:
        return None
    if at is None:
        if step > timedelta():
            return None
        return frames[place_before(frames, frames[-1].at + step + timedelta(seconds=STEP_S))].at
    place, wanted = place_before(frames, at), place_before(frames, at + step)
    if wanted == place:
        wanted = place + (1 if step > timedelta() else -1)
    return frames[max(0, wanted)].at if wanted < len(frames) else None


def badge(at: datetime, now: datetime, *, replaying: bool) -> tuple[str, Tone]:
    """What must not be overlooked while one looks at the past."""
    if replaying:
        return f"◀◀ REPLAY {clock(at)}", Tone.ACCENT
    return f"◀◀ {clock(at)} · {duration((now - at).total_seconds())} AGO", Tone.BAD


def past_line(at: datetime, now: datetime) -> tuple[Span, ...]:
    """The line that says so in words."""
    return (
        Span(f" ◀◀ what is shown was at {clock(at)}, {duration((now - at).total_seconds())} ago", Tone.WARN),
        Span("  ← earlier · → later · . back to now", Tone.DIM),
    )
