"""A form for what a runbook asks for and nobody can know: a mirror, a Secret's name, another value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from vops.errors import UsageError
from vops.model.text import one_line
from vops.runbooks.params import Param, bind
from vops.tui.screens.base import titled
from vops.tui.screens.dialog import Dialog
from vops.tui.widgets.tones import drawable

Values = dict[str, str]


class ParamsScreen(Dialog[Values | None]):
    """Gives back what was filled in, as text; None when left. No value here is ever a secret, only its name.

    What has no value yet comes first.
    """

    CSS_PATH = "params.tcss"
    HINT = "tab next · enter plans · esc leaves"
    VERB, OF = "Plan with these", "Parameters of "
    AUTO_FOCUS = ""  # it would scroll what the first field is about out of sight
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="params.leave")]

    def __init__(self, runbook: str, declared: Mapping[str, Param], values: Mapping[str, Any]) -> None:
        super().__init__(id="params")
        self._runbook, self._values = runbook, values
        self._declared = dict(sorted(declared.items(), key=lambda item: values.get(item[0]) is not None))

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            with VerticalScroll(can_focus=False):
                for name, param in self._declared.items():
                    about = one_line(f"  {param.help or param.type}" + ("" if param.required else ", optional"), 160)
                    yield Static(Content.assemble((name, "bold $foreground"), "  ", about), classes="about")
                    value = self._values.get(name)
                    text = "" if value is None else str(value)
                    yield Input(one_line(text, 253), compact=True, id=f"param-{name}", classes="param")
            yield Static(id="fault")
            with Horizontal(id="buttons"):
                yield Button(Content("Cancel"), id="cancel", compact=True)
                yield Button(Content(self.VERB), id="go", compact=True)

    def on_mount(self) -> None:
        titled(self.query_one("#box"), f"{self.OF}{self._runbook}", hint=self.HINT)
        self.query(Input).first().focus(scroll_visible=False)

    def on_input_submitted(self) -> None:
        self._finish()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go":
            self._finish()
        else:
            self.dismiss(None)

    def _finish(self) -> None:
        typed = {name: self.query_one(f"#param-{name}", Input).value.strip() for name in self._declared}
        given = {name: value for name, value in typed.items() if value}
        for name, param in self._declared.items():
            try:
                bind({name: param}, {name: given[name]} if name in given else {})
            except UsageError as error:
                self._refuse(name, error)
                return
        self.dismiss(given)

    def _refuse(self, name: str, error: UsageError) -> None:
        """Says what is wrong and goes to where it is; what was typed stays."""
        self.query_one("#fault", Static).update(Content.assemble(("✗ ", "$error"), drawable(error.message)))
        self.query_one(f"#param-{name}", Input).focus()

    def action_leave(self) -> None:
        self.dismiss(None)


class AnswerScreen(ParamsScreen):
    """The same for a value that a run asks for while it goes on."""

    HINT = "enter goes on · esc stops the run"
    VERB, OF = "Go on", ""
