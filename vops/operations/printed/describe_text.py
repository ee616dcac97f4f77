"""What `kubectl describe` and `kubectl get events` print, as the documents that the API would have sent.

The text leaves out what the API has: the messages of waiting containers and of conditions, uids, exact times. Ages are
counted back from the moment at which the text was printed, which is worked out from a time and an age that belong
together. What cannot be known is left out, never made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from textwrap import dedent, indent
from typing import Any

import msgspec

from vops.model.patterns import lazy_pattern
from vops.operations.printed import describe_around
from vops.operations.printed.amounts_around import around_a_refusal
from vops.operations.printed.autoscaler_quotes import quoted_reasons
from vops.operations.printed.controller_logs import controller_events
from vops.operations.printed.describe_columns import told_in_columns
from vops.operations.printed.describe_events import (
    EVENT_TABLE,
    Told,
    about,
    has_loose_events,
    loose_events,
    read_table,
    told_events,
)
from vops.operations.printed.describe_fragments import cut_out
from vops.operations.printed.describe_listings import listings
from vops.operations.printed.describe_objects import custom_object, document_of, kind_of
from vops.operations.printed.describe_outline import outline
from vops.operations.printed.describe_repairs import repaired
from vops.operations.printed.describe_sentences import sentence_within, told_sentences
from vops.operations.printed.describe_tables import (
    POD_TABLE,
    described_node,
    has_rows,
    killed_pods,
    listed,
    stuck_before,
    without_a_node,
)
from vops.operations.printed.describe_times import custom_events, dated, printed_at, snap
from vops.operations.printed.gateway_texts import gateway_events, unresolved
from vops.operations.printed.gpu_texts import nodes_without_gpus, without_gpus
from vops.operations.printed.logs_within import has_log_lines, looks_like_a_log, quotes_a_failure
from vops.operations.printed.probe_texts import probe_events
from vops.operations.printed.ray_status import ray_demands
from vops.operations.printed.rollout_rows import rollouts
from vops.operations.printed.scaling_texts import scaling_events
from vops.operations.printed.waiting_texts import pull_reasons

Document = dict[str, Any]
_BEGINS = lazy_pattern(r"^(?P<indent> {0,12})Name:(?: {2,}|\t+)\S", re.MULTILINE)
_GOES_ON = lazy_pattern(
    r"^ {0,12}(?:Namespace|Labels|Annotations|Roles|Priority|Containers|Events|StorageClass|CreationTimestamp|Node):",
    re.MULTILINE,
)


_ASKED = lazy_pattern(r"^[ \t]*\S{0,80}[$#❯➜%>][ \t]+(?:kubectl|oc|k)[ \t]+[a-z]", re.MULTILINE)
"""A prompt, and a command of kubectl's behind it."""

_STATE = lazy_pattern(r"^ {0,12}(?:Last )?State: +(?:Waiting|Running|Terminated)\s*$", re.MULTILINE)
_FLAT_STATE = lazy_pattern(
    r"^([ \t]*(?:Last )?State: +(?:Waiting|Terminated)[ \t]*\n)"
    r"((?:(?:Reason|Message|Exit Code|Signal|Started|Finished): .*(?:\n|$)){1,6})",
    re.MULTILINE,
)
"""A state whose lines lost what they were moved in by, as pages on the web show it."""

_PRESENT = lazy_pattern(r"^\s*State: ", re.MULTILINE)
_LAST = lazy_pattern(r"^([ \t]*)Last State: ", re.MULTILINE)
_CONTAINER = lazy_pattern(r"[a-z0-9-]{1,63}:[ \t]*\n")
_TWO = "  "
_NEVER_RAN = lazy_pattern(r"Reason: +(?:ContainerCannotRun|StartError)")
_NOT_RUNNING = r"Waiting\n\g<1>  Reason: CrashLoopBackOff"
_HEAD = lazy_pattern(r"^Status: +(?:Terminating|Failed|Pending|Running)\b", re.MULTILINE)
_ENDING = lazy_pattern(r"^(?:Reason|Message|Termination Grace Period): +\S", re.MULTILINE)
_NEXT_PART = lazy_pattern(r"^(?:Conditions|Volumes|QoS Class|Node-Selectors|Tolerations|Events):", re.MULTILINE)
_LONGEST_PROSE = 4_000
_OUT_OF_MEMORY = lazy_pattern(r"(?<!not )(?<!no )(?<!=)\bOOMKilled\b(?!\W{0,3}(?:false|no\b))")
_TRANSITION = lazy_pattern(r"^ {0,16}Last Transition Time: +\S.*\n(?:.*\n){0,4} {0,16}Reason: ", re.MULTILINE)
_CONDITION = lazy_pattern(
    r"^ {0,16}Reason: +[A-Z]\w{1,80}\n {0,16}Status: +(?:True|False|Unknown)\n {0,16}Type: +[A-Z]\w{1,60}", re.MULTILINE
)
"""One of a kind that keeps no times, as KEDA's."""

_SCALER_ROW = lazy_pattern(
    r"^[ \t]*(?P<type>AbleToScale|ScalingActive|ScalingLimited)[ \t]+(?P<status>True|False|Unknown)[ \t]+"
    r"(?P<reason>[A-Z]\w{3,60})[ \t]+(?P<message>\S.{0,2000})$",
    re.MULTILINE,
)
"""A row of an autoscaler's conditions, which no other kind has."""


_PROGRESS = frozenset({"Scheduled", "Pulling", "Pulled", "Created", "Started", "Admitted", "QuotaReserved"})
"""What events tell that keep nothing back: the row of a table that has a reason says more."""


class Described(msgspec.Struct, frozen=True):
    """The documents of a text, and the moment at which it was printed (None: nothing tells)."""

    documents: tuple[Document, ...]
    at: datetime | None = None


@lru_cache(maxsize=4)
def is_described(head: str) -> bool:
    """Whether a text looks like the output of `kubectl describe` or `kubectl get`, or a part of it.

    A file is asked twice: as it is read, and once it is read.
    """
    head = repaired(head)
    described = _BEGINS.search(head) and _GOES_ON.search(head)
    if described or has_loose_events(head) or any(next(read(head), None) for read in (told_in_columns, ray_demands)):
        return True
    if has_rows(head) or any(sign.search(head) for sign in (_STATE, EVENT_TABLE, _TRANSITION, _CONDITION, _SCALER_ROW)):
        return True
    if POD_TABLE.search(head) and not looks_like_a_log(head) and not quotes_a_failure(head):
        return True  # above a log such a table says nothing that the log does not
    if _HEAD.search(head) and _ENDING.search(head):
        return True
    if not has_log_lines(head) and next(listings(head), None) is not None:
        return True
    readers = (controller_events, quoted_reasons, told_sentences, gateway_events, scaling_events, nodes_without_gpus)
    if any(next(iter(read(head)), None) is not None for read in readers) or _in_prose(head):
        return True
    return not has_log_lines(head) and not quotes_a_failure(head) and next(probe_events(head), None) is not None


def only_lists_pods(text: str) -> bool:
    """Whether a text is a table of pods and nothing more: it has too little to go by."""
    return POD_TABLE.search(text) is not None


Born = Mapping[str, datetime]
"""When pods were made, by their names."""


def read_described(text: str, otherwise: datetime | None = None, born: Born | None = None) -> Described:
    """Every object and event of a text; what it is not known to describe is passed over.

    Ages are counted back from `otherwise` where the text has no time of its own, or from later where an event would
    else be older than the pod that it is about.
    """
    text = repaired(text)
    documents: list[Document] = []
    moments: list[datetime] = []
    for part in [own for own, _ in _parts(text)] if _BEGINS.search(text) else _fragments(text):
        found, at = _object(part)
        documents += found
        moments += [at] if at is not None else []
    documents = documents or list(killed_pods(text))
    if not documents:
        documents += _of_conditions(text)
    of_nodes = bool(documents) and all(item.get("kind") == "Node" for item in documents)
    outside = text if of_nodes else _outside(text, documents)
    told = list(map(_renamed, list(read_table(text)) or _loose(outside)))
    told = [unresolved(item) for item in told if not of_nodes or item.reason == "FailedScheduling"]
    if not documents and all(map(_says_less_than_a_row, told)):
        logged = has_log_lines(text)
        documents += [*listed(text)] if not logged else [*stuck_before(text)] if not told else []
    if not documents and not told and not has_log_lines(text):
        documents += [*listings(text)] or _of_prose(text)
    if told and not any(item.get("kind") in ("Pod", "Node") for item in documents):
        more, told = _beside(text, told, documents)
        documents += more
    at = max(moments, default=None)
    documents += dated(told, at or _no_earlier(told, otherwise, born or {})) if told else []
    return Described(tuple(documents), at)


def _says_less_than_a_row(told: Told) -> bool:
    """Whether an event tells less than a pod's row with a reason: that all goes on, or why some container failed."""
    return told.reason in _PROGRESS or (told.reason == "Failed" and not told.about.get("name"))


def _beside(text: str, told: list[Told], documents: list[Document]) -> tuple[list[Document], list[Told]]:
    """What a text has beside the scheduler's refusals: the pods of a rollout, else what nodes offer and a pod asks."""
    found, told = rollouts(text, told, documents)
    said = " ".join(item.message for item in told if item.reason == "FailedScheduling")
    return found or ([*around_a_refusal(text, said)] if said and not documents else []), told


def _no_earlier(told: list[Told], otherwise: datetime | None, born: Born) -> datetime:
    """The earliest moment at which events of these ages can have been listed."""
    made = ((born.get(item.about.get("name", "")), item.first_s) for item in told)
    least = [when + timedelta(seconds=age) for when, age in made if when is not None and age is not None]
    return max([*least, *([otherwise] if otherwise is not None else [])], default=datetime.now(UTC))


def _outside(text: str, documents: list[Document]) -> str:
    """What a text says besides what it describes: nothing where the descriptions have events of their own."""
    if not documents:
        return text
    if any(item.get("kind") == "Event" for item in documents):
        return ""
    begins = _BEGINS.search(text)
    if begins is not None:
        return text[: begins.start()] + "".join(rest for _, rest in _parts(text))
    return text if _STATE.search(text) or POD_TABLE.search(text) else ""


def _renamed(told: Told) -> Told:
    """An event whose reason is its component's own, with the one that Kubernetes has for what its words say."""
    found = sentence_within(told.message) if told.reason not in _SETTLED else None
    if found is not None and told.reason == "Scheduling":  # YuniKorn's for all that it says of a pod
        return msgspec.structs.replace(told, reason=found.reason)
    return msgspec.structs.replace(told, reason=found.reason) if found and found.reason in _SETTLED else told


_SETTLED = frozenset({"Preempted"})


def _loose(text: str) -> list[Told]:
    """Events without the object that they are about, and without a header."""
    readers = (
        ray_demands,
        loose_events,
        told_in_columns,
        controller_events,
        quoted_reasons,
        told_sentences,
        gateway_events,
        scaling_events,
        nodes_without_gpus,
    )
    found = next((told for read in readers if (told := list(read(text)))), [])
    if not found and not has_log_lines(text) and not quotes_a_failure(text):
        found = list(probe_events(text))
    found = without_gpus([*found, *pull_reasons(found, text)], text)
    told = [item if item.about.get("name") else msgspec.structs.replace(item, about=about(item)) for item in found]
    pods = {
        (item.about.get("namespace", ""), item.about["name"]): item.about
        for item in told
        if item.about["kind"] == "Pod" and item.about["name"]
    }
    if len({name for _, name in pods}) != 1:
        return told
    only = {key: value for key, value in max(pods.items())[1].items() if key != "fieldPath"}
    return [
        msgspec.structs.replace(item, about=item.about | only) if item.about["kind"] == "Pod" else item for item in told
    ]


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """The text of each object, from its name to the next one's, indented alike; apart what another command printed."""
    names = list(_BEGINS.finditer(text))
    if not names:
        return
    starts = [match.start() for match in names if match["indent"] == names[0]["indent"]]
    for start, end in pairwise([*starts, len(text)]):
        asked = _ASKED.search(text, start, end)
        own_end = asked.start() if asked is not None else end
        own, node = without_a_node(text[start:own_end])
        yield own, text[own_end:end]
        if node:
            yield node, ""


def _fragments(text: str) -> Iterator[str]:
    """The description of a pod or node of which only a part was copied: the head, containers, states, conditions."""
    text = _FLAT_STATE.sub(lambda match: match[1] + indent(match[2], _TWO), text)
    if node := described_node(text):
        yield node
    body = dedent(text.expandtabs()).strip("\n")
    if _STATE.search(text) is None:
        if (head := _HEAD.search(body)) is not None and _ENDING.search(body):
            yield f"Name: pod\nNamespace:\nNode: unknown\nContainers:\n  vllm:\n    Image:\n{body[head.start() :]}"
        return
    spaced = text.expandtabs()
    if (state := _STATE.search(spaced)) is not None:
        body = dedent(cut_out(spaced, state.start())).strip("\n")
    if _PRESENT.search(body) is None:
        now = _NOT_RUNNING if _NEVER_RAN.search(body) else "Running"
        body = _LAST.sub(rf"\g<1>State: {now}\n\g<0>", body, count=1)
    if not body.startswith(("Containers:", "Init Containers:", "Status:", "Node:", "Controlled By:")):
        named = _CONTAINER.match(body)
        own, after = _before_the_next_part(body)
        body = f"Containers:\n{indent(own if named else f'vllm:{chr(10)}{indent(own, _TWO)}', _TWO)}\n{after}"
    status = "" if body.startswith("Status:") else "Status: Running\n"
    yield f"Name: pod\nNamespace:\nNode: unknown\n{status}{body}"


def _of_conditions(text: str) -> Iterator[Document]:
    """The conditions of an object whose name and kind were not copied: their types tell what has them."""
    if _BEGINS.search(text) is None and (rows := [match.groupdict() for match in _SCALER_ROW.finditer(text)]):
        yield {"status": {"conditions": rows}}
        return
    if not (_TRANSITION.search(text) or _CONDITION.search(text)) or _BEGINS.search(text) is not None:
        return
    entries = outline(text)
    found = describe_around.conditions(entries)
    if found:
        yield {"status": {"conditions": found, "admissionChecks": describe_around.admission_checks(entries)}}


def _of_prose(text: str) -> Iterator[Document]:
    """A container of which somebody says in a sentence of their own that it ran out of memory."""
    if _in_prose(text):
        ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
        yield {"status": {"containerStatuses": [{"name": "vllm", "state": {"running": {}}, "lastState": ended}]}}


def _in_prose(text: str) -> bool:
    return len(text) <= _LONGEST_PROSE and _OUT_OF_MEMORY.search(text) is not None and not looks_like_a_log(text)


def _before_the_next_part(body: str) -> tuple[str, str]:
    """The lines about containers, and those from the next heading on, all of which stand further left."""
    after = _NEXT_PART.search(body)
    if after is None:
        return body, ""
    return dedent(body[: after.start()]), body[after.start() :]


def _object(text: str) -> tuple[list[Document], datetime | None]:
    entries = outline(text)
    kind = kind_of(entries)
    told = list(told_events(text))
    at = printed_at(entries, told)
    name, namespace = entries.value("Name"), entries.value("Namespace")
    if not kind:
        return [*(found := custom_object(entries)), *(custom_events(entries, told) if found else [])], None
    about = {"kind": kind, "name": name, "namespace": "" if namespace == "<none>" else namespace}
    known_at = at or datetime.now(UTC)
    events = dated([msgspec.structs.replace(item, about=item.about | about) for item in told], known_at)
    snap(entries, events, told)
    return [document_of(kind, entries, events, known_at), *describe_around.addresses(kind, entries), *events], at
