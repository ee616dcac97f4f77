"""What screens and connections tell the app. Screens never push each other and never touch the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from vops.model.objects import Ref
from vops.planning.plan import Plan
from vops.tui.feed import Picture

if TYPE_CHECKING:
    from vops.operations.running.runs import PastRun
    from vops.tui.connection import Connection


class Connected(Message):
    """A session is open; its data will follow."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection


class Pictured(Message):
    """There is a newer picture of the cluster."""

    def __init__(self, picture: Picture, connection: Connection) -> None:
        super().__init__()
        self.picture, self.connection = picture, connection


class Failed(Message):
    """A connection cannot be opened, or cannot go on."""

    def __init__(self, error: BaseException, connection: Connection) -> None:
        super().__init__()
        self.error, self.connection = error, connection


class ReplicaAsked(Message):
    """Show this replica."""

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self.ref = ref


class WorkloadAsked(Message):
    """Show this Deployment or StatefulSet."""

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self.ref = ref


class DiagnosisAsked(Message):
    """Say why this is not serving."""

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self.ref = ref


class FixAsked(Message):
    """Plan the fix of this, as it was when the key was pressed (`ref.uid`)."""

    def __init__(self, ref: Ref, cause: str = "") -> None:
        super().__init__()
        self.ref, self.cause = ref, cause


class LogsAsked(Message):
    """Show the log of this replica."""

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self.ref = ref


class NamespaceChosen(Message):
    """Look at this namespace only; empty: at all of them."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class ContextChosen(Message):
    """Go to another context, or to another scenario of the lab."""

    def __init__(self, context: str) -> None:
        super().__init__()
        self.context = context


class RunAgreed(Message):
    """A person has agreed to this plan: carry it out."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


class ResumeAgreed(Message):
    """A person has agreed to go on with this run."""

    def __init__(self, run: PastRun) -> None:
        super().__init__()
        self.run = run


class RunStopAsked(Message):
    """Stop the run that is going on."""
