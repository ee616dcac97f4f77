"""What the name of a rule, cause, lint rule, runbook, step, metric or flag means, from where it is defined."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from types import ModuleType

from vops.diagnosis.findings import GUESS, LIKENED
from vops.diagnosis.guesses import candidates, likened
from vops.diagnosis.rule import discover
from vops.errors import UsageError
from vops.library import read_runbook_file, runbooks
from vops.manifests.rule import discover as discover_lint
from vops.model import meanings
from vops.model.meanings import Meaning
from vops.runbooks.kinds import discover as discover_steps
from vops.runbooks.schema import read_runbook

_SHOWN = 8
_GUESSES: dict[str, tuple[tuple[str, ModuleType], ...]] = {
    "unknown": ((GUESS, candidates), (LIKENED, likened)),
    GUESS: ((GUESS, candidates),),
    LIKENED: ((LIKENED, likened),),
}
"""What is said where no rule knows a failure, by name."""


def explain(name: str) -> str:
    """Everything of that name, titled. Raises UsageError for a name that nothing has, with those that are alike."""
    found = [f"{title}\n\n{text}" for title, text in _explanations(name)]
    if found:
        return "\n\n".join(found)
    known = _known()
    near = get_close_matches(name, known, n=_SHOWN, cutoff=0.5)
    near = near or [item for item in known if name.lower() in item][:_SHOWN]
    hint = f"did you mean {', '.join(near)}?" if near else "see docs/reference: causes.md, rules.md, runbooks.md"
    raise UsageError(f"there is no rule, cause, metric, flag, step or runbook {name!r}", hint=hint)


def _explanations(name: str) -> Iterator[tuple[str, str]]:
    for rule in discover():
        if name in (rule.name, rule.cause):
            yield rule.name, inspect.cleandoc(rule.doc)
    for title, module in _GUESSES.get(name, ()):
        yield title, inspect.cleandoc(module.__doc__ or "")
    for lint in discover_lint():
        if name == lint.name:
            yield f"{lint.name} (vops lint)", inspect.cleandoc(lint.doc)
    if name in discover_steps():
        yield f"{name} (step of a runbook)", _step(name)
    if name in runbooks({}):
        yield f"{name} (runbook)", _runbook(name)
    if (metric := meanings.metric(name)) is not None:
        yield f"{metric.name} (metric)", _meaning(metric)
    if (flag := meanings.flag(name)) is not None and not name[:1].isupper():
        yield f"{flag.name} (flag of vLLM)", _meaning(flag, takes="Takes")


def _step(name: str) -> str:
    kind = discover_steps()[name]
    docs = member_docs(kind.args)
    arguments = [f"    {key}: {docs[key]}" if key in docs else f"    {key}" for key in kind.args.__struct_fields__]
    about = inspect.cleandoc(kind.module.__doc__ or "")
    return "\n".join([about, *(["", "Arguments", *arguments] if arguments else [])])


def _runbook(name: str) -> str:
    head = read_runbook(*read_runbook_file(name, {})).head
    params = [f"    {key} ({param.type}): {param.help}" for key, param in head.params.items()]
    lines = [f"{head.title}. Risk: {head.risk}.", *(["", "Parameters", *params] if params else [])]
    return "\n".join([*lines, "", f"See its steps: vops runbook show {name}"])


def _meaning(item: Meaning, takes: str = "Type") -> str:
    lines = [item.says]
    lines += [f"{takes}: {item.unit}."] if item.unit else []
    lines += [f"Versions of vLLM: {item.versions}."] if item.versions else []
    return "\n".join(lines)


def member_docs(cls: type) -> dict[str, str]:
    """The string literal under each member of a class, which is the member's documentation."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    docs: dict[str, str] = {}
    name = ""
    for node in body.body if isinstance(body, ast.ClassDef) else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            docs[name] = inspect.cleandoc(str(node.value.value)).replace("\n", " ")
    return docs


def _known() -> list[str]:
    rules, steps = discover(), discover_steps()
    named = {rule.name for rule in rules} | {rule.cause for rule in rules} | {rule.name for rule in discover_lint()}
    return sorted({*named, *_GUESSES, *steps, *runbooks({}), *meanings.names()})
