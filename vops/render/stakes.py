"""What a plan puts at stake, and what taking it back would restore: a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vops.planning.changes import Change, Verb
from vops.planning.plan import Plan
from vops.planning.pointers import lookup
from vops.render.made import gpus_taken

_PODS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_MAKES = (Verb.APPLY, Verb.CREATE)
_GONE = (Verb.DELETE, Verb.EVICT)
_TEMPLATE = "/spec/template"


def at_stake(plan: Plan) -> str:
    """Which pods end because of it."""
    found = [*dict.fromkeys(text for change in plan.changes for text in _ends(change))]
    for verb, word in ((Verb.EVICT, "evicted"), (Verb.DELETE, "deleted")):
        ended = sum(change.target.kind == "Pod" and change.verb is verb for change in plan.changes)
        found += [f"{_counted(ended, 'pod')} {word}"] if ended else []
    if gpus := sum(
        gpus_taken(change.document) for change in plan.changes if change.verb in _MAKES and not change.before
    ):
        found.append(f"{_counted(gpus, 'GPU')} taken")
    return ", ".join(found) if found else "no pod is restarted"


def _ends(change: Change) -> Iterator[str]:
    """What a change of a workload does to its pods."""
    if change.verb is not Verb.PATCH or change.target.kind not in _PODS:
        return
    name = f"{change.target.kind.lower()}/{change.target.name}"
    if any(path.startswith(_TEMPLATE) for path in change.touched):
        yield f"the pods of {name} are made anew"
    if "/spec/replicas" in change.touched:
        before, after = (lookup(side, ("spec", "replicas")) for side in (change.before, change.after))
        if isinstance(before, int) and isinstance(after, int) and after < before:
            yield f"{_counted(before - after, 'pod')} of {name} stopped"
    if any(path.startswith("/spec/strategy") for path in change.touched):
        yield f"{name} rolls out in another way"


def taking_back(plan: Plan) -> str:
    """What `vops undo` would do after the run."""
    changes = [(change, step.undo) for step in plan.steps for change in step.changes]
    back = [change for change, undone in changes if undone and change.undo]
    made = [change for change, undone in changes if undone and change.verb is Verb.APPLY and not change.target.uid]
    left = [item for item, _ in changes if item not in back and item not in made and item.verb not in _GONE]
    words = [f"puts back {_fields(back)}"] if back else []
    words += [f"deletes {_names(made)}"] if made else []
    words += [f"leaves {_names(left)} as the run left it"] if left and words else []
    if not words:
        return "nothing of this can be taken back" if changes else "there is nothing to take back"
    return ", ".join(words) + ("; what others have changed since is kept" if back else "")


def _fields(changes: Iterable[Change]) -> str:
    """How many fields of which objects."""
    paths: dict[str, set[str]] = {}
    for change in changes:
        paths.setdefault(f"{change.target.kind.lower()}/{change.target.name}", set()).update(change.touched)
    return ", ".join(f"{_counted(len(touched), 'field')} of {name}" for name, touched in paths.items())


def _names(changes: Iterable[Change]) -> str:
    names = list(dict.fromkeys(f"{item.target.kind.lower()}/{item.target.name}" for item in changes))
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
