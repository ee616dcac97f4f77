"""What may be typed after `:`: verbs, screens and names of things; what completes them, and what they mean.

Nothing here touches the app: `parse` says what was asked for, the app does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from vops.errors import UsageError
from vops.model.objects import Ref
from vops.tui.registry import SCREENS, About, ScreenEntry, entry_of
from vops.tui.widgets.prompt import Candidate

Things = Mapping[About, Sequence[Ref]]
"""What there is to open, by what a screen may be about."""

SHOWN = 200


class Verb(NamedTuple):
    """Something that a command does; `takes` names its argument."""

    name: str
    does: str
    others: tuple[str, ...] = ()
    takes: str = ""


VERBS: tuple[Verb, ...] = (
    Verb("ns", "look at one namespace; alone: at all", ("namespace",), "NAME"),
    Verb("ctx", "go to another context, or to several: a,b", ("context", "contexts"), "NAME…"),
    Verb("sort", "sort by a column; again: the other way", (), "COLUMN"),
    Verb("columns", "show these columns; alone: the usual ones", (), "COLUMN…"),
    Verb("theme", "other colours, or none", (), "NAME"),
    Verb("density", "fewer lines around the rows, or the usual ones", (), ""),
    Verb("export", "write down what is on the screen: Markdown, SVG and JSON", (), "FOLDER"),
    Verb("live", "back to now, after ← went back in time", ("now",)),
    Verb("refresh", "look now, or connect again", ("r",)),
    Verb("help", "keys, commands, states, columns", ("h", "?")),
    Verb("quit", "leave vops", ("q", "q!", "exit")),
)


class Asked(NamedTuple):
    """What a command asks for: a verb with its argument, or a screen with what it is about."""

    verb: str = ""
    argument: str = ""
    screen: ScreenEntry | None = None
    ref: Ref | None = None


def parse(text: str, things: Things, cursor: Ref | None = None) -> Asked:
    """What `text` asks for; a screen without a name is about what is under the cursor. Raises UsageError."""
    name, _, argument = text.strip().partition(" ")
    argument = argument.strip()
    verb = next((verb for verb in VERBS if name == verb.name or name in verb.others), None)
    if verb is not None:
        return Asked(verb.name, argument)
    entry = entry_of(name) or _begun(name)
    if entry is not None:
        return _screen(entry, argument, things, cursor)
    if not argument and (ref := _named(name, things.get(About.ANY, ()))):
        return Asked(screen=entry_of("replica" if ref.kind == "Pod" else "diagnose"), ref=ref)
    raise UsageError(f"no such command: {name}", hint=": alone lists what there is")


def _begun(name: str) -> ScreenEntry | None:
    """The only screen whose name begins like this."""
    found = [entry for entry in SCREENS if entry.name.startswith(name)]
    return found[0] if len(found) == 1 else None


def _screen(entry: ScreenEntry, argument: str, things: Things, cursor: Ref | None) -> Asked:
    if entry.about is About.NOTHING:
        if argument:
            return Asked("filter", argument, entry)
        return Asked(screen=entry)
    known = things.get(entry.about, ())
    if not argument:
        fits = cursor is not None and (entry.about is About.ANY or any(ref.uid == cursor.uid for ref in known))
        if cursor is None or not fits:
            raise UsageError(f"{entry.name} of what?", hint=f":{entry.name} NAME, or move the cursor to it first")
        return Asked(screen=entry, ref=cursor)
    ref = _named(argument, known)
    if ref is None:
        raise UsageError(f"there is no {entry.about} {argument}", hint=f":{entry.name} and tab complete what there is")
    return Asked(screen=entry, ref=ref)


def _named(text: str, refs: Sequence[Ref]) -> Ref | None:
    """The object of that name, `namespace/name` or `kind/name`."""
    first, slash, last = text.partition("/")
    name, place = (last, first.lower()) if slash else (first, "")
    return next(
        (ref for ref in refs if ref.name == name and place in ("", ref.namespace.lower(), ref.kind.lower())), None
    )


def candidates(typed: str, words: Mapping[str, Sequence[str]], things: Things) -> list[Candidate]:
    """What `typed` may become, the likeliest first; `words` are the known arguments of each verb."""
    name, space, rest = typed.lstrip().partition(" ")
    if not space:
        return _fitting(name, _commands())
    verb = next((verb for verb in VERBS if name == verb.name or name in verb.others), None)
    if verb is not None:
        before, comma, last = rest.rpartition(",")
        return _fitting(last, [Candidate(word) for word in words.get(verb.name, ())], before=f"{name} {before}{comma}")
    entry = entry_of(name)
    known = things.get(entry.about, ()) if entry is not None else ()
    return _fitting(rest, [Candidate(ref.name, f"{ref.kind} in {ref.namespace}") for ref in known], before=f"{name} ")


def _commands() -> Iterable[Candidate]:
    for entry in SCREENS:
        yield Candidate(entry.name, entry.shows)
    for verb in VERBS:
        yield Candidate(verb.name, verb.does, verb.takes)


def _fitting(typed: str, found: Iterable[Candidate], before: str = "") -> list[Candidate]:
    """Those that begin with what is typed, then those that contain it."""
    ranked = [(item.text.startswith(typed), item) for item in found if typed.lower() in item.text.lower()]
    ranked.sort(key=lambda pair: not pair[0])
    return [item._replace(text=before + item.text) for _, item in ranked][:SHOWN]
