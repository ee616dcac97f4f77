"""The contexts one can go to: those of the kubeconfig, and the scenarios of the lab while one is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vops.settings import Settings

if TYPE_CHECKING:
    from vops.tui.connection import Connection

LAB = "lab:"


def known_contexts(settings: Settings) -> tuple[tuple[str, str], ...]:
    """(value, text) of every context; reads files, so it belongs into a thread. Raises InputError for broken ones."""
    from vops.adapters.kube import list_contexts

    names, _ = list_contexts(settings.kubeconfig)
    found = [(name, name) for name in names]
    if settings.lab:
        from vops.lab.scenarios import discover

        found += [(LAB + name, f"lab · {name}: {scenario.title}") for name, scenario in discover().items()]
    return tuple(found)


def settings_for(settings: Settings, context: str) -> Settings:
    """`settings` for another context or for several, `a,b`, looking at all of them."""
    if context.startswith(LAB):
        names = ",".join(name.removeprefix(LAB) for name in context.split(","))
        return msgspec.structs.replace(settings, lab=names, context="", namespace="")
    return msgspec.structs.replace(settings, lab="", context=context, namespace="")


def split(settings: Settings) -> tuple[Settings, ...]:
    """`settings` for each of the contexts that they name, `a,b`; each once."""
    names = list(dict.fromkeys(name for name in (settings.lab or settings.context).split(",") if name))
    if len(names) < 2:
        return (settings,)
    place = "lab" if settings.lab else "context"
    return tuple(msgspec.structs.replace(settings, **{place: name}) for name in names)


def label_of(connection: Connection) -> str:
    """What a context is called where there are several."""
    if connection.settings.lab:
        return connection.settings.lab
    return connection.settings.context or (connection.session.cluster.context if connection.session else "")


def context_value(settings: Settings, context: str) -> str:
    """The value of the present context in `known_contexts`."""
    if settings.lab:
        return ",".join(LAB + name for name in settings.lab.split(","))
    return settings.context if "," in settings.context else context
