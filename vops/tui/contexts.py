"""The contexts one can go to: those of the kubeconfig, and the scenarios of the lab while one is in it."""

from __future__ import annotations

import msgspec

from vops.settings import Settings

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
    """`settings` for another context, looking at all of it."""
    if context.startswith(LAB):
        return msgspec.structs.replace(settings, lab=context.removeprefix(LAB), context="", namespace="")
    return msgspec.structs.replace(settings, lab="", context=context, namespace="")


def context_value(settings: Settings, context: str) -> str:
    """The value of the present context in `known_contexts`."""
    return LAB + settings.lab if settings.lab else context
