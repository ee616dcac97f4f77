"""Does what was typed after `:`, on the app that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vops.errors import VopsError
from vops.render.filters import namespaces
from vops.tui import commands
from vops.tui.messages import ContextChosen, NamespaceChosen
from vops.tui.registry import About
from vops.tui.screens.base import OpsScreen
from vops.tui.screens.listing import ListScreen
from vops.tui.theme import THEMES
from vops.tui.widgets.prompt import Candidate

if TYPE_CHECKING:
    from vops.tui.app import VopsApp


class Commander:
    """A verb is a method of its name; `history` holds what was typed, oldest first."""

    def __init__(self, app: VopsApp) -> None:
        self._app = app
        self.history: list[str] = []

    def things(self) -> commands.Things:
        """What can be opened by name."""
        picture = self._app.picture
        replicas = [row.ref for row in picture.view.replicas] if picture else []
        workloads = [row.ref for row in picture.view.workloads] if picture else []
        return {About.REPLICA: replicas, About.WORKLOAD: workloads, About.ANY: [*workloads, *replicas]}

    def candidates(self, typed: str) -> Sequence[Candidate]:
        """What a command may become."""
        picture = self._app.picture
        places = namespaces(picture.view) if picture else ()
        columns = self._columns()
        words = {
            "ns": places,
            "ctx": self._app.contexts_read,
            "sort": columns,
            "columns": columns,
            "theme": tuple(THEMES),
        }
        return commands.candidates(typed, words, self.things())

    def _columns(self) -> list[str]:
        screen = self._app.screen
        return [column.key for column in screen.columns] if isinstance(screen, ListScreen) else []

    def obey(self, text: str) -> None:
        """Does what was typed; what is no command is said to be none."""
        if not text.strip():
            return
        screen = self._app.screen
        try:
            asked = commands.parse(text, self.things(), screen.subject if isinstance(screen, OpsScreen) else None)
        except VopsError as error:
            self._app.say(error)
            return
        if asked.screen is not None:
            self._app.open(asked.screen.name, asked.ref, asked.argument)
        else:
            getattr(self, asked.verb)(asked.argument)

    def ns(self, name: str) -> None:
        self._app.post_message(NamespaceChosen("" if name in ("", "all") else name))

    def ctx(self, name: str) -> None:
        if name:
            self._app.post_message(ContextChosen(name))
        else:
            self._app.action_contexts()

    def sort(self, column: str) -> None:
        screen, known = self._app.screen, self._columns()
        if isinstance(screen, ListScreen) and column in known:
            screen.sort_by(column)
        else:
            self._warn(f"sort by one of: {', '.join(known)}" if known else "there is nothing to sort here")

    def columns(self, typed: str) -> None:
        screen, known = self._app.screen, self._columns()
        keys = tuple(typed.replace(",", " ").split())
        unknown = [key for key in keys if key not in known]
        if not isinstance(screen, ListScreen):
            self._warn("there are no columns here")
        elif unknown:
            self._warn(f"no column {unknown[0]}; there are {', '.join(known)}")
        else:
            self._app.choose_columns(screen.crumb, keys)
            screen.again()

    def theme(self, name: str) -> None:
        if not self._app.set_look(name):
            self._warn(f"themes are {', '.join(THEMES)}")

    def density(self, _: str) -> None:
        self._app.set_compact(not self._app.compact)

    def export(self, folder: str) -> None:
        self._app.export_screen(folder)

    def live(self, _: str) -> None:
        self._app.action_live()

    def help(self, _: str) -> None:
        self._app.action_help()

    def refresh(self, _: str) -> None:
        self._app.action_refresh_now()

    def quit(self, _: str) -> None:
        self._app.action_leave()

    def _warn(self, text: str) -> None:
        self._app.tell(text, severity="warning")
