"""Worlds of labs that tests start again and again: lived through once in each process, and copied from then on.

Nearly every test of the lab begins with a scenario whose past ends at the same moment, and making that past is most of
what such a test costs. A copy has everything of its own but what never changes: lines of logs, and objects of the past.
"""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType
from typing import Any

from vops.lab import world
from vops.lab.clock import TESTS_BEGIN
from vops.lab.kinds import ResourceType
from vops.lab.providers import LogLine
from vops.lab.scenarios import Scenario
from vops.lab.world import World

SHARED = (CodeType, LogLine, ResourceType)
"""Types of what never changes."""
BY_VALUE = (str, int, float, bool, type(None), type, FunctionType, BuiltinFunctionType, MethodType)
OF_THE_LAB = "vops.lab"


class Lived:
    """Makes worlds as `vops.lab.world.lived_in` does, which it takes the place of."""

    def __init__(self, live: Callable[[Scenario, datetime, int], World] = world.lived_in) -> None:
        self._live = live
        self._kept: dict[tuple[Scenario, int], Copies] = {}

    def __call__(self, scenario: Scenario, now: datetime, seed: int) -> World:
        if now != TESTS_BEGIN:
            return self._live(scenario, now, seed)
        kept = self._kept.get((scenario, seed))
        if kept is not None:
            return kept.one()
        made = self._live(scenario, now, seed)
        self._kept[scenario, seed] = Copies(made)
        return made


class Copies:
    """Any number of copies of a world, as it was when it was given."""

    def __init__(self, original: World) -> None:
        written = BytesIO()
        pickler = _Pickler(written, original)
        pickler.dump(original)
        self._written, self._shared = written.getvalue(), pickler.shared

    def one(self) -> World:
        with _all_of_use():
            copy: World = _Unpickler(BytesIO(self._written), self._shared).load()
        return copy


@contextmanager
def _all_of_use() -> Iterator[None]:
    """Of what is made herein nothing is garbage: a search for it takes as long as making it."""
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()


class _Pickler(pickle.Pickler):
    """Writes a world, and in the place of what all copies have in common its number in `shared`.

    That is what never changes, and what a module of the lab has: there is one of it.
    """

    def __init__(self, to: BytesIO, original: World) -> None:
        super().__init__(to, pickle.HIGHEST_PROTOCOL)
        self.shared: list[Any] = []
        self._numbers: dict[int, int] = {}
        modules = [module for name, module in sys.modules.items() if name.startswith(OF_THE_LAB)]
        values = [value for module in modules for value in vars(module).values() if not isinstance(value, BY_VALUE)]
        past = [change.old for change in original.store.changes_since(original.store.compacted) if change.old]
        self._once = {id(value) for value in (*values, *past, *(record.document for record in past))}

    def persistent_id(self, item: Any) -> int | None:
        if type(item) not in SHARED and id(item) not in self._once:
            return None
        number = self._numbers.get(id(item))
        if number is None:
            number = self._numbers[id(item)] = len(self.shared)
            self.shared.append(item)
        return number

    def reducer_override(self, item: Any) -> Any:
        """Functions within functions, with the variables of those: pickle knows only such as have a name."""
        if type(item) is FunctionType and "<" in item.__qualname__:
            return _function, (item.__code__, item.__module__, item.__defaults__, item.__kwdefaults__, item.__closure__)
        if type(item) is CellType:
            return _cell, (), item.cell_contents, None, None, _fill
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, written: BytesIO, shared: list[Any]) -> None:
        super().__init__(written)
        self._shared = shared

    def persistent_load(self, number: int) -> Any:
        return self._shared[number]


def _function(
    code: CodeType,
    module: str,
    defaults: tuple[Any, ...] | None,
    by_name: dict[str, Any] | None,
    closure: tuple[CellType, ...] | None,
) -> FunctionType:
    made = FunctionType(code, vars(sys.modules[module]), code.co_name, defaults, closure)
    made.__kwdefaults__ = by_name
    return made


def _cell() -> CellType:
    return CellType()


def _fill(cell: CellType, contents: Any) -> None:
    cell.cell_contents = contents
