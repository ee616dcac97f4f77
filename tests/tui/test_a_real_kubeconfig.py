"""Contexts of one kubeconfig: clusters that answer, one that is dead, logins that fail, rights that are missing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import replica_rows, screen_text, until
from vops.lab.world import Lab
from vops.render.placed import context_of
from vops.settings import Settings
from vops.tui.app import VopsApp

EXPIRED = "echo 'Error: the SSO session has expired, run: aws sso login --profile prod' >&2; exit 255"
DEAD = "http://127.0.0.1:9"


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> AsyncIterator[Callable[[str], Settings]]:
    """Settings for contexts of a file that has two labs and everything that goes wrong with others."""
    labs = [await Lab.start("gpus-busy"), await Lab.start("untolerated-taint"), await Lab.start("healthy")]
    labs[2].server.access.deny()
    servers = {**dict(zip(("eu", "us", "forbidden"), (lab.url for lab in labs), strict=True)), "dead": DEAD}
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", EXPIRED]}
    users: dict[str, dict[str, Any]] = {"lab": {"token": labs[0].token}, "plugin": {"exec": plugin}}
    contexts = {**{name: (name, "lab") for name in servers}, "expired": ("us", "plugin")}
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "us",
                "clusters": [{"name": name, "cluster": {"server": url}} for name, url in servers.items()],
                "users": [{"name": name, "user": user} for name, user in users.items()],
                "contexts": [
                    {"name": name, "context": {"cluster": cluster, "user": user, "namespace": "inference"}}
                    for name, (cluster, user) in contexts.items()
                ],
            }
        )
    )
    yield lambda names: Settings(kubeconfig=str(path), context=names, state_dir=str(tmp_path))
    for lab in labs:
        await lab.stop()


def rows_of(app: VopsApp) -> set[str]:
    return {context_of(row) for row in replica_rows(app)}


async def told(pilot: Pilot[Any], *texts: str) -> None:
    """Waits until each of the texts was on the screen: outages take turns."""
    for text in texts:
        await until(pilot, lambda: text in screen_text(pilot.app))  # noqa: B023 - waited for in this turn


async def test_those_that_fail_say_why_and_do_not_hide_those_that_answer(
    kubeconfig: Callable[[str], Settings],
) -> None:
    app = VopsApp(settings=kubeconfig("dead,expired,eu,forbidden,us"))
    async with app.run_test(size=(200, 34)) as pilot:
        await until(pilot, lambda: rows_of(app) == {"eu", "us"})
        await told(pilot, "✗ expired NOT CONNECTED", "↻ dead RETRYING", "⊘ forbidden DENIED", "● eu", "● us")
        await told(
            pilot, "expired: the login plugin 'sh' of this context failed: it ended with exit code 255: Error: the"
        )
        await told(pilot, "dead: no fresh pods")


async def test_a_command_is_completed_by_the_contexts_of_the_file(kubeconfig: Callable[[str], Settings]) -> None:
    app = VopsApp(settings=kubeconfig("us"))
    async with app.run_test(size=(120, 34)) as pilot:
        await until(pilot, lambda: rows_of(app) != set())
        await pilot.press("colon")
        await until(pilot, lambda: "eu" in app.contexts_read)
        await pilot.press(*"ctx us,e")
        await told(pilot, "ctx us,eu")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: rows_of(app) == {"eu", "us"})


@pytest.mark.parametrize(
    ("context", "texts"),
    [
        ("expired", ("aws sso login --profile prod", "r tries again, c chooses another context")),
        ("dead", ("connection refused",)),
        ("forbidden", ("these credentials may not list pods",)),
    ],
)
async def test_one_that_fails_alone_is_told_in_full_at_the_size_of_a_small_terminal(
    kubeconfig: Callable[[str], Settings], context: str, texts: tuple[str, ...]
) -> None:
    app = VopsApp(settings=kubeconfig(context))
    async with app.run_test(size=(80, 24)) as pilot:
        await told(pilot, *texts)
        assert app.is_running
