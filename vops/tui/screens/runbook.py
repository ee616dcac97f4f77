"""One runbook: a form for its parameters, then its plan."""

from __future__ import annotations

from typing import Any

from vops.library import read_runbook_file
from vops.model.objects import Ref
from vops.operations.running.run import plan_run
from vops.operations.session import Session
from vops.render.plan import plan_lines
from vops.render.text import Line, Span, Tone
from vops.runbooks.params import Param
from vops.runbooks.script import load_script
from vops.tui.screens.plan import COPIES, UNFOLDED, Planned, PlanScreen


class RunbookScreen(PlanScreen):
    """Asks first where something has to be given that `about`, what the cursor was on, does not tell."""

    crumb = "runbook"

    def __init__(self, name: str, about: Ref | None = None) -> None:
        super().__init__()
        self._runbook, self._about = name, about
        self._params: dict[str, Param] = {}

    def heading(self) -> Line:
        return (Span("runbook "), Span(self._runbook, Tone.STRONG))

    def begin(self) -> None:
        self._params = dict(load_script(*read_runbook_file(self._runbook)).runbook.head.params)
        known = self._known()
        if self._params:
            self.show_lines([(Span("what is it to be run with?", Tone.ACCENT),)])
            self.ask_params(self._runbook, self._params, known)
        else:
            self.action_plan()

    def left_form(self) -> None:
        self.ops.action_go_back()

    async def make_plan(self, session: Session) -> Planned:
        plan = await plan_run(session, self._runbook, self.given)
        return Planned(plan_lines(plan, hint=COPIES, width=UNFOLDED), plan, self._runbook, self._params, self.given)

    def _known(self) -> dict[str, Any]:
        """What the parameters are as far as the present place tells, and their defaults."""
        values: dict[str, Any] = {name: param.default for name, param in self._params.items()}
        about = self.ops.workload_of(self._about) if self._about else None
        values |= {name: self._namespace(about) for name in self._of_type("k8s.namespace")}
        fitting = [name for name in self._of_type("k8s.ref") if about is not None and _takes(self._params[name], about)]
        return values | {name: f"{about.kind.lower()}/{about.name}" for name in fitting[:1] if about is not None}

    def _of_type(self, kind: str) -> list[str]:
        return [name for name, param in self._params.items() if param.type == kind]

    def _namespace(self, about: Ref | None) -> str:
        if about is not None and about.namespace:
            return about.namespace
        return self.ops.namespace or (self.ops.session.cluster.namespace if self.ops.session else "")


def _takes(param: Param, about: Ref) -> bool:
    """Whether a parameter may be an object of this kind."""
    return not param.kinds or about.kind in (kind.rpartition("/")[2] for kind in param.kinds)
