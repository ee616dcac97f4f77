"""A runbook's file as data: every key known, every value of the right type, each complaint with file and line.

Knows the shape of a runbook and the keys that all steps share. What the arguments of a step mean is its kind's
matter, and whether expressions make sense is vops.runbooks.check's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vops.library import read_part_file
from vops.planning.plan import Gate, OnFail, Risk, digest
from vops.runbooks.includes import ReadPart
from vops.runbooks.kinds import StepKind, discover
from vops.runbooks.params import TYPES, Param, flaw, seconds
from vops.runbooks.positions import Path, Source
from vops.runbooks.structure import Loop, Placed, Section, placed_steps

VERSION = 1


class Retry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a step is tried again, and the time in between: `delay`, each time `factor` longer, at most `cap`.

    `causes` are what it is tried again for: `unavailable` (the API server), and for a step that waits or measures also
    `failed`, `timeout`, `stall`, or a reason in the words of Kubernetes.
    """

    max: int
    delay: str = "5s"
    factor: float = 1.0
    cap: str = "5m"
    causes: tuple[str, ...] = ("unavailable",)


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The top of a runbook: everything but its steps.

    `fixes` are the causes (see `vops explain`) that the runbook is a fix for; `lock` the objects that only one run
    may hold at a time.
    """

    vops: int
    id: str
    title: str
    risk: Risk
    docs: str = ""
    fixes: tuple[str, ...] = ()
    params: dict[str, Param] = msgspec.field(default_factory=dict)
    lock: tuple[str, ...] = ()


class Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The keys that every step may have.

    `title` says what it does, `why` what for. `if` skips the step unless it holds; `done` says (on `obj`, the object
    as it is) that there is nothing left to do. `then` is the step to go on with, further down. `timeout` bounds a wait.
    `gate` is what a person has to do first. `undo: false` keeps a change when the run is undone. `onFail` stops, goes
    on, undoes what the run has changed, or asks whether to. `evidence` keeps what is seen of the target on a failure.
    """

    id: str
    kind: str
    title: str = ""
    why: str = ""
    docs: str = ""
    if_: str = msgspec.field(default="", name="if")
    done: str = ""
    then: str = ""
    timeout: str | int = ""
    retry: Retry | None = None
    gate: Gate = Gate.NONE
    undo: bool = True
    on_fail: OnFail = OnFail.STOP
    evidence: bool = False


COMMON_KEYS = frozenset(name for name in Common.__struct_encode_fields__)


@dataclass(frozen=True)
class Step:
    """One step: the shared keys, its kind, and its own arguments as written at `where` in `source`."""

    common: Common
    kind: StepKind
    args: Mapping[str, Any]
    source: Source
    where: Path
    written: frozenset[str] = frozenset()
    """The keys that the file has for it."""
    block: str = ""
    section: Section = Section.STEPS
    loop: Loop | None = None
    parallel: str = ""
    """The `parallel` that it is a part of."""

    @property
    def id(self) -> str:
        return self.common.id

    @property
    def is_apart(self) -> bool:
        """Whether the way to it is not from the step before: what rescues, and what is done at the end always."""
        return self.section is not Section.STEPS


@dataclass(frozen=True)
class Runbook:
    """A runbook as its file says it, `source` knowing the lines."""

    head: Head
    steps: tuple[Step, ...]
    source: Source
    digest: str
    text: str = field(repr=False)

    @property
    def id(self) -> str:
        return self.head.id


def read_runbook(text: str, path: str, read_part: ReadPart = read_part_file) -> Runbook:
    """The runbook in `text`, its parts included.

    Raises InputError with file and line for whatever is not as the format wants it, UsageError for an unknown part.
    """
    texts = [text]

    def read(name: str) -> tuple[str, str]:
        found = read_part(name)
        texts.append(found[0])
        return found

    source = Source(text, path)
    head = _head(source)
    found = tuple(_step(item) for item in placed_steps(source, read))
    _reject_repeated_ids(found)
    return Runbook(head, found, source, digest("".join(texts)), "\n".join(texts))


def _head(source: Source) -> Head:
    head: Head = _convert(source, (), {key: value for key, value in source.value.items() if key != "steps"}, Head)
    if head.vops != VERSION:
        source.fail(f"this vops reads version {VERSION} of the format, not {head.vops}", ("vops",))
    for name, param in head.params.items():
        if param.type not in TYPES:
            hint = f"known are: {', '.join(TYPES)}"
            source.fail(f"parameter {name} has the unknown type {param.type!r}", ("params", name, "type"), hint=hint)
        if wrong := flaw(param):
            source.fail(f"parameter {name}: {wrong}", ("params", name))
        if not name.isidentifier():
            source.fail(f"parameter {name!r} is not a name that expressions can use", ("params", name))
    return head


def _step(placed: Placed) -> Step:
    source, where, item = placed.source, placed.where, placed.value
    if not isinstance(item, dict):
        source.fail("a step is a mapping", where)
    common: Common = _convert(source, where, {key: item[key] for key in item if key in COMMON_KEYS}, Common)
    kind = discover().get(common.kind)
    if kind is None:
        source.fail(
            f"unknown kind of step: {common.kind!r}", (*where, "kind"), hint=f"known are: {', '.join(discover())}"
        )
    if not common.id.isidentifier():
        source.fail(f"step id {common.id!r} is not a name that expressions can use", (*where, "id"))
    common = msgspec.structs.replace(
        common,
        on_fail=common.on_fail if "onFail" in item else kind.on_fail,
        timeout=common.timeout if "timeout" in item else kind.timeout,
    )
    args = {key: value for key, value in item.items() if key not in COMMON_KEYS}
    _check_args(source, where, kind, args)
    _check_times(source, where, common)
    stands_in = (placed.block, placed.section, placed.loop, placed.parallel)
    return Step(common, kind, args, source, where, frozenset(item), *stands_in)


def _check_args(source: Source, where: Path, kind: StepKind, args: Mapping[str, Any]) -> None:
    fields = {item.encode_name: item for item in msgspec.structs.fields(kind.args)}
    for key in args:
        if key not in fields:
            hint = f"known are: {', '.join((*fields, *sorted(COMMON_KEYS)))}"
            source.fail(f"{kind.name} has no key {key!r}", (*where, key), hint=hint)
    missing = [name for name, item in fields.items() if item.required and name not in args]
    if missing:
        source.fail(f"{kind.name} needs {', '.join(missing)}", where)
    if complaint := kind.complaint(args):
        source.fail(f"{kind.name} {complaint}", where)


def _check_times(source: Source, where: Path, common: Common) -> None:
    retry = common.retry
    written: dict[str, list[str | int]] = {
        "timeout": [common.timeout or 0],
        "retry": [retry.delay, retry.cap] if retry else [],
    }
    for key, values in written.items():
        try:
            for value in values:
                seconds(0 if "${" in str(value) and key == "timeout" else value)
        except ValueError as error:
            source.fail(str(error), (*where, key))
    if common.timeout != "" and "${" not in str(common.timeout) and not seconds(common.timeout):
        source.fail("a `timeout` of nothing is none", (*where, "timeout"))


def _reject_repeated_ids(steps: tuple[Step, ...]) -> None:
    seen: set[str] = set()
    for step in steps:
        if step.id in seen:
            step.source.fail(f"two steps have the id {step.id!r}", (*step.where, "id"))
        seen.add(step.id)


def _convert(source: Source, where: Path, value: Any, into: type[Any]) -> Any:
    """`value` as a struct; msgspec's complaint with the line of the key that it is about."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        source.fail(message, (*where, *_keys(at, value, message)))


def _keys(at: str, value: Any, message: str) -> Path:
    """msgspec's `.params.tp.type` or `[0]` as keys, and the unknown key that its message may name."""
    path: list[str | int] = []
    for part in at.rstrip("`").replace("[", ".[").split("."):
        if part.startswith("["):
            inner = part.strip("[]")
            path.append(int(inner) if inner.isdigit() else inner)
        elif part:
            path.append(part)
    resolved = _resolve(path, value)
    named = message.rpartition("`")[0].rpartition("`")[2]
    return (*resolved, named) if "unknown field" in message else resolved


def _resolve(path: list[str | int], value: Any) -> Path:
    """`path` as far as it leads, msgspec's `...` (any key of a mapping) left out."""
    found: list[str | int] = []
    for key in path:
        inside = isinstance(value, dict) and key in value
        inside = inside or (isinstance(value, list) and isinstance(key, int) and key < len(value))
        if not inside:
            break
        found.append(key)
        value = value[key]
    return tuple(found)
