"""An app whose screen can be handed over: written to files, or copied to the clipboard."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vops.tui.bundle import bundle_of, folder_of
from vops.tui.clipboard import copyable, osc52
from vops.tui.export import write_bundle
from vops.tui.running_app import RunningApp

if TYPE_CHECKING:
    from vops.tui.app import VopsApp


class SharingApp(RunningApp):
    """What leaves it has no secrets in plain sight, and nothing that a terminal would obey."""

    def action_export(self) -> None:
        self.export_screen("")

    def export_screen(self, folder: str) -> None:
        """Writes what is on the screen into a new folder."""
        app = cast("VopsApp", self)
        target, files = folder_of(app, folder), bundle_of(app)
        self.run_worker(partial(self._write, target, files), thread=True, group="export", exit_on_error=False)

    def _write(self, target: Path, files: dict[str, bytes]) -> None:
        try:
            write_bundle(target, files)
        except OSError as error:
            told = f"cannot write {target}: {error.strerror or error}"
            self.call_from_thread(self.tell, told, severity="error")
        else:
            self.call_from_thread(self.tell, f"written: {target}", timeout_s=10)

    def copy_to_clipboard(self, text: str) -> None:
        """Copies through the terminal, also out of tmux; says so when it is too much for terminals."""
        safe, cut = copyable(text)
        self._clipboard = safe
        if self._driver is not None:
            self._driver.write(osc52(safe, tmux="TMUX" in os.environ))
        if cut:
            self.tell("too long for the clipboard of terminals: only its beginning is copied", severity="warning")
