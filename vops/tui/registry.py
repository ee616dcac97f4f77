"""The screens that a name opens: a screen is one file, its .tcss beside it, and one line here.

The modules are imported when a screen is first opened, so that none of them delays the first paint.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from vops.model.objects import Ref

if TYPE_CHECKING:
    from vops.tui.screens.base import OpsScreen


class About(StrEnum):
    """What a screen is about, and so what stands after its name."""

    NOTHING = "nothing"  # the whole cluster: opened without a word more
    REPLICA = "replica"  # one pod
    WORKLOAD = "workload"  # one Deployment or StatefulSet
    ANY = "any"  # a pod or a workload


class ScreenEntry(NamedTuple):
    """One screen: its name, `module:Class` below vops.tui.screens, what it shows, other names, what it is about.

    The class is called without arguments, or with the Ref of what it is about.
    """

    name: str
    where: str
    shows: str
    others: tuple[str, ...] = ()
    about: About = About.NOTHING

    def load(self) -> type[OpsScreen]:
        """The screen's class."""
        module, _, name = self.where.partition(":")
        found: type[OpsScreen] = getattr(import_module(f"vops.tui.screens.{module}"), name)
        return found

    def make(self, ref: Ref | None = None) -> OpsScreen:
        """A new screen."""
        screen: Callable[..., OpsScreen] = self.load()
        return screen(ref) if ref is not None else screen()


SCREENS: tuple[ScreenEntry, ...] = (
    ScreenEntry("fleet", "fleet:FleetScreen", "every replica and its workload", ("pods", "po", "replicas")),
    ScreenEntry("nodes", "nodes:NodesScreen", "GPUs: who holds them, how they do, what waits", ("node", "no", "gpus")),
    ScreenEntry("replica", "replica:ReplicaScreen", "one replica", ("pod",), About.REPLICA),
    ScreenEntry(
        "workload", "workload:WorkloadScreen", "one Deployment or StatefulSet", ("deploy", "sts"), About.WORKLOAD
    ),
    ScreenEntry("diagnose", "diagnosis:DiagnosisScreen", "why something does not serve", ("diagnosis",), About.ANY),
    ScreenEntry("fix", "fix:FixScreen", "the plan that fixes it", (), About.ANY),
    ScreenEntry("findings", "findings:FindingsScreen", "what is wrong anywhere, the worst first", ("inbox", "causes")),
    ScreenEntry("events", "events:EventsScreen", "what happened, repeated events once", ("event", "ev")),
    ScreenEntry("runbooks", "runbooks:RunbooksScreen", "what vops can carry out", ("runbook", "rb")),
    ScreenEntry("runs", "runs:RunsScreen", "what was carried out, and how it ended", ("journal",)),
    ScreenEntry("storage", "storage:StorageScreen", "claims, and the models in them", ("pvc", "claims")),
    ScreenEntry("doctor", "doctor:DoctorScreen", "what vops can reach, see and change"),
    ScreenEntry("settings", "settings:SettingsScreen", "what holds in this session", ("config", "set")),
    ScreenEntry("charts", "charts:ChartsScreen", "the last hour of a replica", ("chart",), About.REPLICA),
    ScreenEntry(
        "engine", "engine:EngineScreen", "a replica's arguments, and sizing", ("args", "arguments"), About.REPLICA
    ),
    ScreenEntry("logs", "logs:LogsScreen", "the log of a replica", ("log",), About.REPLICA),
)


def entry_of(name: str) -> ScreenEntry | None:
    """The screen of that name, or of that other name."""
    return next((entry for entry in SCREENS if name == entry.name or name in entry.others), None)
