from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lab.http import CONFIG_MAPS, Api, config_map
from vops.lab.documents import copy_of
from vops.lab.server import LabServer
from vops.lab.store import Store


async def seen(events: AsyncIterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    """The next `count` events as (type, name)."""
    found = []
    async for event in events:
        found.append((event["type"], event["object"]["metadata"].get("name", "")))
        if len(found) == count:
            break
    return found


async def test_a_watch_begins_after_the_version_it_names(api: Api, store: Store) -> None:
    store.create(config_map("a"))
    since = str(store.revision)
    store.create(config_map("b"))
    events = api.lines(CONFIG_MAPS, resourceVersion=since)
    assert await seen(events, 1) == [("ADDED", "b")]


async def test_changes_arrive_as_they_happen(api: Api, store: Store) -> None:
    events = api.lines(CONFIG_MAPS)
    store.create(config_map("a"))
    assert await seen(events, 1) == [("ADDED", "a")]
    events = api.lines(CONFIG_MAPS, resourceVersion=str(store.revision))
    reading = asyncio.create_task(seen(events, 2))
    await asyncio.sleep(0)
    store.update(config_map("a", x="y"))
    store.delete("v1", "ConfigMap", "default", "a")
    assert await reading == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_an_object_that_leaves_the_selection_is_deleted_for_its_watcher(api: Api, store: Store) -> None:
    made = store.create(config_map("a", labels={"on": "yes"}))
    since = str(store.revision)
    off = copy_of(made)
    off["metadata"]["labels"] = {"on": "no"}
    off = copy_of(store.update(off))
    off["metadata"]["labels"] = {"on": "yes"}
    store.update(off)
    events = [
        event
        async for event in api.lines(CONFIG_MAPS, resourceVersion=since, labelSelector="on=yes", timeoutSeconds="1")
    ]
    left = events[0]["object"]["metadata"]
    assert [event["type"] for event in events] == ["DELETED", "ADDED"]
    assert (left["labels"], int(left["resourceVersion"])) == ({"on": "yes"}, int(since) + 1)


async def test_one_object_is_watched_by_its_name(api: Api, store: Store) -> None:
    for name in ("a", "b"):
        store.create(config_map(name))
    assert await seen(api.lines(CONFIG_MAPS, fieldSelector="metadata.name=b"), 1) == [("ADDED", "b")]


async def test_a_version_that_is_too_old_is_an_error_event(api: Api, store: Store) -> None:
    store.create(config_map("a"))
    store.compact()
    events = [event async for event in api.lines(CONFIG_MAPS, resourceVersion="1")]
    assert [event["type"] for event in events] == ["ERROR"]
    status = events[0]["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


async def test_bookmarks_come_when_asked_for_and_before_the_time_is_up(
    api: Api, store: Store, server: LabServer
) -> None:
    query = {"allowWatchBookmarks": "true", "resourceVersion": str(store.revision), "timeoutSeconds": "1"}
    events = [event async for event in api.lines(CONFIG_MAPS, **query)]
    assert [event["type"] for event in events] == ["BOOKMARK"]
    assert events[0]["object"] == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(store.revision)},
    }


async def test_a_bookmark_can_be_sent_at_once(api: Api, store: Store, server: LabServer) -> None:
    store.create(config_map("a"))
    events = api.lines(CONFIG_MAPS, allowWatchBookmarks="true")
    assert (await anext(events))["type"] == "ADDED"
    server.send_bookmarks()
    assert (await anext(events))["type"] == "BOOKMARK"


@pytest.mark.parametrize(("expired", "last"), [(False, "ADDED"), (True, "ERROR")])
async def test_the_server_ends_watches(api: Api, store: Store, server: LabServer, expired: bool, last: str) -> None:
    store.create(config_map("a"))
    events = api.lines(CONFIG_MAPS)
    types = [(await anext(events))["type"]]
    server.end_watches(expired=expired)
    types += [event["type"] async for event in events]
    assert types[-1] == last


async def test_initial_events_end_with_an_annotated_bookmark(api: Api, store: Store) -> None:
    store.create(config_map("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    events = api.lines(CONFIG_MAPS, **query)
    first, second = await anext(events), await anext(events)
    assert (first["type"], second["type"]) == ("ADDED", "BOOKMARK")
    assert second["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_finished_watch_leaves_nothing_behind(api: Api, store: Store, server: LabServer) -> None:
    before = len(store._subscribers)
    store.create(config_map("a"))
    events = api.lines(CONFIG_MAPS)
    await anext(events)
    assert len(store._subscribers) == before + 1
    server.end_watches()
    assert [event async for event in events] == []
    assert len(store._subscribers) == before
