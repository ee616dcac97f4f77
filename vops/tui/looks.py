"""How the app looks: theme, density and columns, as the settings, the context's view and the user say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.filter import LineFilter
from textual.theme import Theme

from vops.render.cells import Column, picked
from vops.settings import Settings, ViewSettings
from vops.tui.theme import ASCII, DEFAULT, THEMES, filters_of

_SPELLED = {"⏎": "enter", "↑": "up", "↓": "down", "←": "left", "→": "right", "⌫": "backspace"}

_BY_NAME = {theme.name: theme for theme in THEMES.values()}


class LookingApp(App[None]):
    """An app that can be looked at in several ways."""

    def __init__(self, settings: Settings) -> None:
        self._bare: list[LineFilter] = []
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-normal"), (170, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
        self.settings = settings
        self.compact = False
        self._columns: dict[str, tuple[str, ...]] = {}
        for theme in THEMES.values():
            self.register_theme(theme)
        self.look, self.theme = DEFAULT, THEMES[DEFAULT].name

    @property
    def context_name(self) -> str:
        """What the present context is called."""
        raise NotImplementedError

    @property
    def view(self) -> ViewSettings:
        """How the present context is to be shown."""
        return self.settings.tui.view(self.context_name)

    def use_view(self) -> None:
        """Takes over what the settings say of the present context."""
        tui, view = self.settings.tui, self.view
        self.set_look(view.theme or tui.theme)
        self.set_compact((view.density or tui.density) == "compact")

    def get_theme(self, theme_name: str) -> Theme | None:
        """Asked for with every line that is drawn, and so without a copy of all themes."""
        return _BY_NAME.get(theme_name) or super().get_theme(theme_name)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._bare]

    def get_key_display(self, binding: Binding) -> str:
        """Keys in words where the theme has no signs for them."""
        shown = super().get_key_display(binding)
        return _SPELLED.get(shown, shown) if self.look == ASCII else shown

    def set_look(self, name: str) -> bool:
        """Whether there is a theme of that name."""
        if name not in THEMES:
            return False
        if name != self.look:
            self.look, self._bare = name, filters_of(name)
            self.theme = THEMES[name].name
            self.refresh_css(animate=False)
            for screen in self.screen_stack:
                screen.refresh_bindings()
        return True

    def set_compact(self, compact: bool) -> None:
        """Leaves lines away that are not rows, or brings them back."""
        self.compact = compact
        self.set_class(compact, "-compact")

    def choose_columns(self, screen: str, keys: tuple[str, ...]) -> None:
        """Shows these columns on a screen from now on; none: the usual ones."""
        self._columns[screen] = keys

    def columns_of(
        self, screen: str, known: Sequence[Column[Any]], usual: Sequence[Column[Any]]
    ) -> Sequence[Column[Any]]:
        """The columns that the user wants on a screen: as typed, by the view, by the settings, or the usual ones."""
        places = (self._columns, self.view.columns, self.settings.tui.columns)
        keys = next((place[screen] for place in places if place.get(screen)), ())
        return picked(known, keys) or usual
