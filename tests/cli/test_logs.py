"""`vops logs` and `vops timeline` on the lab."""

from __future__ import annotations

import pytest

from tests.cli.conftest import RunVops

BROKEN = ("--lab", "kv-cache-too-small")


async def test_a_log_is_shown_with_its_phases_and_its_exception(vops: RunVops) -> None:
    done = await vops(*BROKEN, "logs", "deploy/qwen3-8b", "--phase")
    assert done.code == 0
    assert "── weight loading" in done.out
    assert "ValueError: To serve at least one request" in done.out
    raw = await vops(*BROKEN, "logs", "deploy/qwen3-8b", "-o", "raw")
    assert "  File " in raw.out


async def test_the_parts_of_a_start_are_told_with_their_durations(vops: RunVops) -> None:
    done = await vops(*BROKEN, "timeline", "deploy/qwen3-4b", "-o", "json")
    (replica,) = done.document
    names = [step["name"] for step in replica["steps"]]
    assert names[:2] == ["scheduling", "image, volumes"]
    assert "weight loading" in names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("logs", "nope"), "there is no pod 'nope'"),
        (("logs", "deploy/qwen3-4b", "--previous"), "no earlier instance"),
        (("timeline", "all"), "more than one object"),
    ],
)
async def test_a_target_without_a_log_is_said(vops: RunVops, arguments: tuple[str, ...], words: str) -> None:
    done = await vops(*BROKEN, *arguments)
    assert (done.code, words in done.err) == (2, True)
