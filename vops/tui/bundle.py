"""Makes the handover bundle of the present screen, the slow part of it in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vops.render.text import Line, Span
from vops.render.truth import truth_line
from vops.tui import export
from vops.tui.screens.base import OpsScreen
from vops.tui.screens.listing import ListScreen

if TYPE_CHECKING:
    from vops.tui.app import VopsApp


def bundle_of(app: VopsApp) -> dict[str, bytes]:
    """The files of a bundle by name. Widgets are read here, so it is called on the loop."""
    screen = app.screen
    name = screen.crumb if isinstance(screen, OpsScreen) else "screen"
    rows = [strip.text for strip in screen._compositor.render_strips()]  # Textual has no public way to the text
    files = {
        f"{name}.svg": export.masked_svg(app.export_screenshot(title=f"vops {name}")).encode(),
        f"{name}.md": export.markdown(f"vops {name}", app.context_name, app.shown_at, rows, _notes(app)).encode(),
    }
    if app.picture is not None:
        shown: Sequence[Any] = screen.table.rows if isinstance(screen, ListScreen) else ()
        files[f"{name}.json"] = export.document(name, app.picture.view, shown)
    return files


def _notes(app: VopsApp) -> list[Line]:
    """The state of the sources, and what was done from here."""
    notes: list[Line] = []
    if app.picture is not None:
        notes.append((Span("sources:"), *truth_line(app.picture.view.sources, app.shown_at)))
    run = app.run_going
    if run is not None:
        ended = str(run.result.outcome) if run.result else run.error.message if run.error else "going on"
        notes.append((Span(f"run: {run.plan.title}: {ended}"),))
    return notes


def folder_of(app: VopsApp, given: str) -> Path:
    """Where a bundle goes: into `given`, else below the state folder, under a name of its own."""
    name = app.screen.crumb if isinstance(app.screen, OpsScreen) else "screen"
    place = Path(given).expanduser() if given else app.settings.state_path / "exports"
    return place / f"vops-{name}-{app.shown_at:%Y%m%dT%H%M%SZ}"
