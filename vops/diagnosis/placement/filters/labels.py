"""Label selectors as objects carry them: `matchLabels` and `matchExpressions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vops.diagnosis.placement.filters.node_affinity import matches

Selects = Callable[[Mapping[str, str]], bool]


def label_selector(selector: Mapping[str, Any] | None, more: Mapping[str, str] | None = None) -> Selects:
    """A predicate over labels: no selector selects nothing, an empty one everything; `more` must match as well."""
    if selector is None:
        return lambda labels: False
    wanted = {**(selector.get("matchLabels") or {}), **(more or {})}
    expressions = [
        (str(item.get("key", "")), str(item.get("operator", "")), tuple(map(str, item.get("values") or ())))
        for item in selector.get("matchExpressions") or ()
    ]

    def selects(labels: Mapping[str, str]) -> bool:
        return wanted.items() <= labels.items() and all(
            matches(operator, labels.get(key), values) for key, operator, values in expressions
        )

    return selects


def in_words(selector: Mapping[str, Any] | None) -> str:
    """A selector as kubectl writes it: `app=llama,tier in (a,b)`."""
    if not selector:
        return "everything" if selector is not None else "nothing"
    labels = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        values = ",".join(map(str, item.get("values") or ()))
        labels.append(" ".join(filter(None, [str(item.get("key")), str(item.get("operator")), values])))
    return ",".join(labels)
