"""What leaves the screen: the handover bundle and the clipboard, without secrets and without anything to obey."""

from __future__ import annotations

import base64
import json
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, replica_rows, screen_text, until
from vops.model.secrets import MASK
from vops.model.snapshot import ClusterSnapshot
from vops.settings import Settings, TuiSettings, ViewSettings
from vops.tui.clipboard import MOST_BYTES, copyable, osc52
from vops.tui.export import markdown, masked_svg
from vops.tui.lag import LoopLag

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"


def leaky() -> ClusterSnapshot:
    """A fleet with a pod whose model was called by what should be kept to oneself."""
    pending = builders.pod("p-6f9c4-a", f"x/{TOKEN} <script> ```")
    whole = builders.fleet_snapshot()
    return msgspec.structs.replace(whole, pods=(pending, *whole.pods))


def bundle(tmp_path: Path) -> dict[str, str]:
    (folder,) = (tmp_path / "exports").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    return {path.name: path.read_text() for path in folder.iterdir()}


async def test_Y_writes_what_is_on_the_screen_three_ways_without_secrets(tmp_path: Path) -> None:  # noqa: N802 - a key
    app = app_on(leaky(), settings=Settings(state_dir=str(tmp_path)))
    async with app.run_test(size=(200, 50), notifications=True) as pilot:
        await painted(pilot)
        await pilot.press("Y")
        await until(pilot, lambda: "written: " in screen_text(app))
        files = bundle(tmp_path)
        assert files.keys() == {"fleet.md", "fleet.svg", "fleet.json"}
        assert all(TOKEN not in text for text in files.values())
        assert MASK in files["fleet.json"]
        assert GATED in files["fleet.md"]
        assert "sources:" in files["fleet.md"]
        document = json.loads(files["fleet.json"])
        assert [row["pod"] for row in document["rows"]] == [row.pod for row in replica_rows(app)]
        assert document["fleet"]["schema"] == "vops.fleet/v1"
        assert "<script>" not in files["fleet.svg"]


async def test_export_takes_a_folder_and_says_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    app = app_on(settings=Settings(state_dir=str(tmp_path)))
    async with app.run_test(size=(120, 34), notifications=True) as pilot:
        await painted(pilot)
        await pilot.press("colon", *f"export {tmp_path}/there", "enter")
        await until(pilot, lambda: (tmp_path / "there").exists())
        await pilot.press("colon", *f"export {tmp_path}/file", "enter")
        await until(pilot, lambda: "cannot write" in screen_text(app))


def test_text_with_fences_stays_inside_of_its_fence() -> None:
    text = markdown("t", "c", builders.NOW, ["a ``` b"], [])
    assert "\n````\na ``` b\n````\n" in text


def test_a_picture_keeps_its_spaces_and_loses_its_secrets() -> None:
    assert masked_svg(f"<text x='1'>a &amp; {TOKEN}</text>") == (
        f"<text xml:space=\"preserve\" x='1'>a &amp; {MASK.replace('<', '&lt;').replace('>', '&gt;')}</text>"
    )


def test_the_clipboard_gets_clean_text_of_a_size_that_terminals_take() -> None:
    assert copyable(f"a\x1b]0;x\x07b {TOKEN}") == ("a\ufffd]0;x\ufffdb " + MASK, False)
    text, cut = copyable("ä" * MOST_BYTES)
    assert cut
    assert len(text.encode()) <= MOST_BYTES


@pytest.mark.parametrize("tmux", [False, True])
def test_tmux_passes_the_sequence_on(tmux: bool) -> None:
    sequence = osc52("hello", tmux=tmux)
    assert base64.b64encode(b"hello").decode() in sequence
    assert sequence.startswith("\x1bPtmux;\x1b\x1b]52" if tmux else "\x1b]52")
    assert sequence.endswith("\x1b\\" if tmux else "\x07")


async def test_y_copies_the_name_under_the_cursor_and_says_when_it_was_too_long() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34), notifications=True) as pilot:
        await painted(pilot)
        await pilot.press("y")
        assert app.clipboard == f"research/{GATED}"
        app.copy_to_clipboard("x" * 100_000)
        await until(pilot, lambda: "too long for the clipboard" in screen_text(app))


async def test_being_gentle_is_told_and_asks_for_a_fifth() -> None:
    settings = Settings(gentle=True)
    assert (settings.scrapes_per_s, settings.scrape_every_s) == (5.0, 10.0)
    assert Settings(direct=True).scrapes_per_s == 0
    app = app_on(settings=settings)
    async with app.run_test() as pilot:
        await painted(pilot)
        assert "GENTLE" in screen_text(app).splitlines()[0]


async def test_a_view_may_make_its_contexts_read_only() -> None:
    opened: list[Settings] = []
    app = app_on(settings=Settings(tui=TuiSettings(views=(ViewSettings(contexts="prod", readonly=True),))))
    app._opener = partial(builders.broken, opened)
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(opened))
        assert opened[0].readonly


async def test_the_loop_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    lag = LoopLag()
    late = iter([0.0, 0.1, 0.1, 0.6, 0.6, 0.7])

    class Loop:
        def time(self) -> float:
            return next(late)

    async def sleep(seconds: float) -> None:
        return None

    monkeypatch.setattr("vops.tui.lag.asyncio.get_running_loop", Loop)
    monkeypatch.setattr("vops.tui.lag.asyncio.sleep", sleep)
    with pytest.raises((StopIteration, RuntimeError)):
        await lag.run()
    assert lag.worst_s == pytest.approx(0.4)
    assert lag.worst_ever_s == lag.worst_s
