"""Whatever a cluster says, no control sequence of its making reaches the terminal, from any command or the TUI."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import RunVops
from vops.lab.world import Lab

MARK = "OWNED"
HOSTILE = (
    f"\x1b]52;c;{MARK}\x07\x1b]0;{MARK}\x1b\\\x9b31m{MARK}\u202e{MARK}\u2066a[/b]c[@click=app.quit]{MARK}[/]\x00\x7f"
)
FORBIDDEN = ("\x07", "\x9b", "\x7f", "\u202e", "\u2066", f"]52;c;{MARK}\x1b\\", f"\x1b]0;{MARK}")


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> Any:
    """A lab whose labels, annotations, events and model names are as hostile as an API server lets them be."""
    lab = await Lab.start("gated-model")
    store = lab.store
    for pod in store.list("v1", "Pod", "inference"):
        name = pod["metadata"]["name"]
        store.create(_event(name, pod["metadata"]["uid"]))
        changed = msgspec.json.decode(msgspec.json.encode(pod))
        changed["metadata"].setdefault("annotations", {})["note"] = HOSTILE
        changed["metadata"]["labels"]["evil"] = HOSTILE
        arguments = changed["spec"]["containers"][0].get("args", [])
        changed["spec"]["containers"][0]["args"] = [*arguments, "--served-model-name", HOSTILE]
        store.update(changed)
    path = tmp_path / "kubeconfig"
    path.write_bytes(msgspec.json.encode(lab.kubeconfig()))
    yield path
    await lab.stop()


def _event(name: str, uid: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.evil", "namespace": "inference"},
        "involvedObject": {"kind": "Pod", "namespace": "inference", "name": name, "uid": uid},
        "type": "Warning",
        "reason": "Evil",
        "message": HOSTILE + "x" * 1_000_000,
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }


@pytest.mark.parametrize(
    "arguments",
    [("fleet", "-o", output) for output in ("table", "wide", "json", "jsonl", "csv")]
    + [("diagnose", "all", "-o", output) for output in ("text", "json", "yaml", "md", "junit")]
    + [("fix", "deploy/llama3-8b", "-p", "mirror=a/b", "--dry-run"), ("snapshot",)],
)
async def test_no_output_format_lets_a_control_character_through(
    vops: RunVops, kubeconfig: Path, arguments: tuple[str, ...]
) -> None:
    done = await vops("--kubeconfig", str(kubeconfig), *arguments)
    assert done.out
    assert not any(piece in done.out + done.err for piece in ("\x1b", *FORBIDDEN))


@pytest.mark.parametrize(
    "keys", ["", "\r", "d", "l", "?", "/OWNED\r"], ids=["fleet", "replica", "d", "l", "help", "find"]
)
async def test_the_terminal_of_the_tui_gets_none_of_it(
    kubeconfig: Path, environment: dict[str, str], keys: str
) -> None:
    written = await _in_a_terminal(kubeconfig, environment, keys)
    assert "inference" in written
    assert not any(piece in written for piece in FORBIDDEN)
    assert MARK not in "".join(re.findall(r"\x1b\][^\x1b\x07]*", written))


async def _in_a_terminal(kubeconfig: Path, environment: dict[str, str], keys: str) -> str:
    """Everything that the TUI writes to a real pseudo-terminal while `keys` are pressed."""
    main, other = pty.openpty()
    command = [sys.executable, "-m", "vops", "--kubeconfig", str(kubeconfig)]
    environment = environment | {"COLUMNS": "120", "LINES": "34"}
    process = await asyncio.create_subprocess_exec(*command, stdin=other, stdout=other, stderr=other, env=environment)
    os.close(other)
    written: list[bytes] = []
    loop = asyncio.get_running_loop()
    os.set_blocking(main, False)
    loop.add_reader(main, lambda: written.append(_read(main)))
    try:
        # The sum of the fleet may be written before its rows, and a key may cover them before they are.
        await _until(lambda: all(word in b"".join(written) for word in (b"crash-looping", b"inference")), process)
        before = len(written)
        os.write(main, keys.encode())
        await _until(lambda: not keys or len(written) > before + 2, process)
    finally:
        loop.remove_reader(main)
        process.terminate()
        await process.wait()
        os.close(main)
    # The pointer's shape is the toolkit's own sequence, ended by a BEL.
    return re.sub("\x1b]22;[a-z-]+\x07", "", b"".join(written).decode("utf-8", "replace"))


def _read(main: int) -> bytes:
    try:
        return os.read(main, 65536)
    except OSError:
        return b""


async def _until(holds: Any, process: asyncio.subprocess.Process) -> None:
    """Waits for real output of a real process: the one place where a test's time is not its own."""
    async with asyncio.timeout(60):
        while not holds():
            assert process.returncode is None, "the TUI ended"
            await asyncio.sleep(0.05)
