"""What a lint rule is, and how rules are found.

A rule is one file under vops/manifests/rules: a function that looks at one thing of the manifests (a server, a query,
an object) and yields flaws, under the decorator `rule`, which is told how to list those things. The file's docstring
is the rule's documentation. Rules are discovered, never listed.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

import msgspec

from vops.diagnosis.findings import Severity
from vops.manifests.documents import Path
from vops.manifests.facts import Manifests
from vops.manifests.objects import Object

T = TypeVar("T")


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with one field; `fix` says what to write instead. `severity` where it is not the rule's own."""

    object: Object
    path: Path
    summary: str
    fix: str
    severity: Severity | None = None


class LintRule(msgspec.Struct, frozen=True):
    """A check over a whole set of manifests."""

    name: str
    severity: Severity
    area: str
    check: Callable[[Manifests], Iterable[Flaw]]
    doc: str = ""

    @property
    def title(self) -> str:
        """The first sentence of its documentation."""
        return self.doc.strip().partition("\n")[0]


def rule(
    severity: Severity, each: Callable[[Manifests], Iterable[T]]
) -> Callable[[Callable[[T], Iterable[Flaw]]], LintRule]:
    """Makes a rule of a check of one thing; `each` lists the things. Its name is the function's."""

    def decorate(check: Callable[[T], Iterable[Flaw]]) -> LintRule:
        def over(manifests: Manifests) -> Iterator[Flaw]:
            for thing in each(manifests):
                yield from check(thing)

        return LintRule(
            name=check.__name__.replace("_", "-"),
            severity=severity,
            area=check.__module__.rsplit(".", 2)[-2],
            check=over,
            doc=sys.modules[check.__module__].__doc__ or "",
        )

    return decorate


@cache
def discover() -> tuple[LintRule, ...]:
    """Every rule, by area and name."""
    found = {item.name: item for module in _modules() for item in vars(module).values() if isinstance(item, LintRule)}
    return tuple(sorted(found.values(), key=lambda item: (item.area, item.name)))


def _modules() -> Iterator[object]:
    package = importlib.import_module("vops.manifests.rules")
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield importlib.import_module(info.name)
