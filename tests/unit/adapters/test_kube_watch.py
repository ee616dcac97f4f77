"""The LIST and WATCH loop: what it asks, what it says, how long it waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.adapters.kube_scripts import START, Scripted, ScriptedTransport, SleepClock, event, page, pod, refusal
from vops.adapters.kube.client import KubeCluster
from vops.adapters.kube.request import Request
from vops.errors import Forbidden, Unauthorized, Unreachable, VopsError
from vops.model.resources import EVENTS, PODS
from vops.model.snapshot import SourceState
from vops.ports import Changed

LOADING, LIVE, POLLED, RETRYING, DENIED, ABSENT = (
    SourceState.LOADING,
    SourceState.LIVE,
    SourceState.POLLED,
    SourceState.RETRYING,
    SourceState.DENIED,
    SourceState.ABSENT,
)
CUT = Unreachable("the connection was cut")


def silent() -> Unreachable:
    return Unreachable("no answer in time", reason="timeout")


async def watched(
    *script: Scripted | VopsError, until: Callable[[list[Changed]], bool], over: ScriptedTransport | None = None
) -> Watched:
    transport = over or ScriptedTransport(*script)
    cluster = KubeCluster(transport, clock=transport.clock, timeout_s=10, chance=lambda: 0.5)
    changes: list[Changed] = []
    async for change in cluster.watch(PODS):
        changes.append(change)
        if until(changes):
            break
    return Watched(transport, changes)


class Watched:
    def __init__(self, transport: ScriptedTransport, changes: list[Changed]) -> None:
        self.transport = transport
        self.clock: SleepClock = transport.clock
        self.changes = changes
        self.states = [change.status.state for change in changes if change.status]
        self.names = [change.item.metadata.name for change in changes if change.item]

    @property
    def queries(self) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.transport.requests]


def count(number: int) -> Callable[[list[Changed]], bool]:
    return lambda changes: len(changes) >= number


def states(*wanted: SourceState) -> Callable[[list[Changed]], bool]:
    return lambda changes: [change.status.state for change in changes if change.status][-len(wanted) :] == list(wanted)


async def test_lists_then_watches_from_the_version_of_the_list() -> None:
    seen = await watched(
        page(pod("a"), version=7), Scripted(chunks=[event("ADDED", pod("b", 8))], lasts_s=5), until=count(3)
    )
    assert seen.states == [LOADING, LIVE]
    assert [item.metadata.name for item in seen.changes[1].replaced or ()] == ["a"]
    assert seen.names == ["b"]
    assert seen.queries[1]["resourceVersion"] == "7"
    assert seen.queries[1]["allowWatchBookmarks"] == "true"


async def test_events_are_put_together_from_chunks_of_any_size() -> None:
    data = event("ADDED", pod("a")) + event("MODIFIED", pod("b")) + event("DELETED", pod("c"))
    chunks = [data[at : at + 7] for at in range(0, len(data), 7)]
    seen = await watched(page(), Scripted(chunks=chunks, lasts_s=5), until=count(5))
    assert seen.names == ["a", "b", "c"]
    assert [change.deleted for change in seen.changes if change.item] == [False, False, True]


async def test_a_watch_that_the_server_ends_is_taken_up_again_without_a_word() -> None:
    seen = await watched(
        page(version=7),
        Scripted(chunks=[event("ADDED", pod("a", 8))], lasts_s=290),
        Scripted(chunks=[event("ADDED", pod("b", 9))], lasts_s=290),
        until=count(4),
    )
    assert seen.states == [LOADING, LIVE]
    assert seen.queries[2]["resourceVersion"] == "8"
    assert seen.clock.slept == []


async def test_a_bookmark_moves_the_version_and_the_age() -> None:
    seen = await watched(
        page(version=7), Scripted(chunks=[event("BOOKMARK", pod("", 42))], lasts_s=60), Scripted(), until=count(4)
    )
    assert seen.queries[2]["resourceVersion"] == "42"
    assert seen.changes[2].status is not None
    assert seen.changes[2].status.at == START


@pytest.mark.parametrize(
    "gone", [refusal(410, "Expired"), Scripted(chunks=[event("ERROR", {"kind": "Status", "code": 410})])]
)
async def test_410_lists_again(gone: Scripted) -> None:
    seen = await watched(page(pod("old"), version=7), gone, page(pod("new"), version=90), until=count(3))
    assert [item.metadata.name for item in seen.changes[2].replaced or ()] == ["new"]
    assert RETRYING not in seen.states
    assert seen.clock.slept == [0.25]


async def test_a_cut_stream_is_retried_from_the_last_version_and_shows_since_when() -> None:
    seen = await watched(
        page(version=7),
        Scripted(chunks=[event("ADDED", pod("a", 8))], lasts_s=100, ends=CUT),
        Unreachable("refused"),
        Unreachable("refused"),
        Scripted(lasts_s=100),
        until=states(RETRYING, LIVE),
    )
    assert seen.states == [LOADING, LIVE, RETRYING, RETRYING, RETRYING, LIVE]
    outages = {change.status.at for change in seen.changes if change.status and change.status.state is RETRYING}
    assert [(at - START).total_seconds() for at in outages if at] == [100]
    assert seen.queries[-1]["resourceVersion"] == "8"


async def test_a_silent_stream_is_asked_anew_before_anything_is_called_broken() -> None:
    seen = await watched(
        page(version=7),
        Scripted(lasts_s=90, ends=silent()),
        Scripted(chunks=[event("ADDED", pod("a"))]),
        until=count(3),
    )
    assert seen.states == [LOADING, LIVE]
    assert seen.names == ["a"]


async def test_an_unreachable_server_is_tried_at_least_every_two_and_a_half_seconds() -> None:
    seen = await watched(Unreachable("refused"), until=count(30))
    assert seen.clock.slept[:4] == [0.25, 0.5, 1.0, 2.0]
    assert max(seen.clock.slept) <= 2.4


async def test_a_failing_server_is_left_in_peace_for_longer_and_longer() -> None:
    seen = await watched(refusal(503, "ServiceUnavailable"), until=count(12))
    assert seen.clock.slept[:8] == [0.25, 0.5, 1, 2, 4, 8, 16, 30]
    assert set(seen.states[1:]) == {RETRYING}


async def test_retry_after_is_honoured() -> None:
    busy = refusal(429, "TooManyRequests")
    busy.headers["retry-after"] = "7"
    seen = await watched(busy, until=count(3))
    assert seen.clock.slept == [7.0]


async def test_after_an_outage_other_failures_begin_with_short_waits() -> None:
    seen = await watched(*[Unreachable("refused")] * 9, refusal(503), page(), until=states(RETRYING, LIVE))
    assert seen.clock.slept[-1] == 0.25


async def test_403_denies_the_source_and_is_asked_again_ever_more_rarely() -> None:
    seen = await watched(refusal(403, "Forbidden"), until=count(14))
    assert set(seen.states[1:]) == {DENIED}
    assert seen.clock.slept[-1] == 60.0
    assert seen.changes[1].status is not None
    assert "kubectl auth can-i list pods --all-namespaces" in seen.changes[1].status.detail


async def test_a_source_that_was_denied_comes_alive_when_allowed() -> None:
    seen = await watched(refusal(403), page(pod("a")), Scripted(lasts_s=5), until=states(DENIED, LIVE))
    assert seen.changes[-1].replaced


async def test_a_kind_that_the_server_does_not_have_is_absent() -> None:
    seen = await watched(refusal(404), until=count(2))
    assert seen.states == [LOADING, ABSENT]


class NoWatch(ScriptedTransport):
    """Every LIST is answered, every WATCH is denied."""

    def _next(self, request: Request) -> Scripted:
        self.requests.append(request)
        return refusal(403) if "watch" in request.query else page(pod("a"))


async def test_without_the_watch_verb_it_polls_and_says_so() -> None:
    seen = await watched(over=NoWatch(), until=lambda changes: len(changes) == 40)
    assert seen.states[:3] == [LOADING, LIVE, POLLED]
    assert set(seen.states[3:]) == {POLLED}
    assert max(seen.clock.slept) == 5.0
    assert seen.changes[-1].replaced or seen.changes[-2].replaced


async def test_while_polling_the_watch_is_tried_again_ever_more_rarely() -> None:
    transport = NoWatch()
    seen = await watched(over=transport, until=lambda changes: transport.clock.elapsed > 250)
    attempts = [query for query in seen.queries if "watch" in query]
    assert len(attempts) == 10
    assert len(seen.queries) - len(attempts) >= 45


async def test_a_watch_that_is_denied_for_a_moment_is_live_again_at_once() -> None:
    seen = await watched(
        page(),
        Scripted(chunks=[event("ADDED", pod("a"))], lasts_s=9, ends=CUT),
        refusal(403),
        Scripted(lasts_s=9),
        until=states(POLLED, LIVE),
    )
    assert seen.clock.slept == [0.25, 1.0]


async def test_rejected_credentials_show_how_to_log_in() -> None:
    expired = Unauthorized("expired", hint="log in again: aws sso login")
    seen = await watched(page(), expired, until=count(3))
    assert seen.states == [LOADING, LIVE, RETRYING]
    assert seen.changes[-1].status is not None
    assert "aws sso login" in seen.changes[-1].status.detail


async def test_a_stream_that_ends_at_once_does_not_spin() -> None:
    seen = await watched(page(), Scripted(), until=count(8))
    assert seen.clock.slept[:3] == [0.25, 0.5, 1.0]


async def test_an_error_event_is_retried_from_the_last_version() -> None:
    error = event("ERROR", {"kind": "Status", "code": 500, "message": "etcd is gone"})
    seen = await watched(page(version=7), Scripted(chunks=[error]), until=count(9))
    assert seen.changes[-1].status is not None
    assert "etcd is gone" in seen.changes[-1].status.detail
    assert seen.clock.slept[:3] == [0.25, 0.5, 1.0]


async def test_lines_that_are_no_events_are_an_error_and_no_crash() -> None:
    seen = await watched(page(), Scripted(chunks=[b"<html>\n"]), until=count(3))
    assert seen.states[-1] is RETRYING


async def test_one_object_of_an_unknown_shape_is_kept_by_name() -> None:
    odd = pod("odd", 9) | {"spec": "not a mapping"}
    seen = await watched(page(), Scripted(chunks=[event("ADDED", odd)]), until=count(3))
    assert seen.names == ["odd"]


async def test_kinds_have_their_own_sources() -> None:
    transport = ScriptedTransport(Forbidden("no"))
    cluster = KubeCluster(transport, clock=transport.clock, timeout_s=10)
    first = await anext(cluster.watch(EVENTS))
    assert first.status is not None
    assert first.status.source.value == "events"
