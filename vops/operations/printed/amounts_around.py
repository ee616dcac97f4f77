"""What stands around a scheduler's refusal in a post: what nodes offer, and what the pod asks for.

People grep it out of descriptions (`kubectl describe nodes | grep -A9 Allocatable`), or list it with custom columns.
Without such a refusal amounts tell of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vops.diagnosis.facts import STAND_IN
from vops.diagnosis.placement.demands import is_gpu
from vops.model.patterns import lazy_pattern

Document = dict[str, Any]

_OFFERED = lazy_pattern(
    r"^(?P<indent>[ \t]*)Allocatable:[ \t]*\n(?P<amounts>(?:(?P=indent)[ \t]+[\w./-]{1,253}:[ \t]+\S+[ \t]*(?:\n|$))+)",
    re.MULTILINE,
)
_ASKED = lazy_pattern(
    r"^(?P<indent>[ \t]*)(?:-?[ \t]*)(?:Limits|Requests|limits|requests):[ \t]*\n"
    r"(?P<amounts>(?:(?P=indent)[ \t]+[\w./-]{1,253}:[ \t]+\S+[ \t]*(?:\n|$))+)",
    re.MULTILINE,
)
_IN_JSON = lazy_pattern(r"\{\s*(?:\"[\w./-]{1,253}\": ?\"?\w{1,20}\"?,?\s*){2,40}\}")
_IN_WORDS = lazy_pattern(
    r"(?:allocatable|capacity)\b[^\n]{0,40}?(?P<name>[a-z]+\.com/gpu)\W{1,6}(?P<count>\d{1,3})\b"
    r"|\b(?:each|every|all|both|(?:the|my|our) (?:gpu )?nodes?)\b[^.\n]{0,30}? (?:has|have|with) (?:only )?"
    r"(?P<each>\d{1,2})(?:x| x)? ?(?:nvidia )?(?:[a-z]\w{1,6} )?gpus?\b"
    r"|\b(?P<such>\d{1,2})(?:x| x)? ?(?:nvidia )?(?:[a-z]\w{1,6} )?gpus? (?:each|per node|on each node|per machine)\b"
    r"|(?P<other>[a-z]+\.com/gpu)\W{1,6}(?P<many>\d{1,3})\b[^\n]{0,20}?\b(?:allocatable|capacity)",
    re.IGNORECASE,
)
_ASKED_IN_WORDS = lazy_pattern(
    r"\b(?:request\w{0,3}|set|ask\w{0,3}|limits?|needs?|wants?)\b(?: \w{1,12}){0,3}?"
    r" ?[`\"']?([a-z]+\.com/gpu)\W{1,6}(\d{1,3})\b",
    re.IGNORECASE,
)
_JSON_AMOUNT = lazy_pattern(r"\"([\w./-]{1,253})\": ?\"?(\w{1,20})")
_AMOUNT = lazy_pattern(r"([\w./-]{1,253}):[ \t]+[\"']?(\w{1,20})[\"']?")
_SHORT = lazy_pattern(r"Insufficient ([\w.-]{1,200}/[\w.-]{0,62}\w)")
_HEADER = lazy_pattern(r"^ {0,12}(?:NAME|NODE)(?: +\S+)*? +(?P<column>\S*GPUS?\S*)(?: +\S+)*[ \t]*$", re.MULTILINE)
_CELLS = lazy_pattern(r" {2,}|\t+")
_COUNT = lazy_pattern(r"<none>|\d{1,3}")
_GPU = "nvidia.com/gpu"


def around_a_refusal(text: str, said: str) -> Iterator[Document]:
    """Nodes, and the manifest of the pod, as far as a text tells of them; `said` are the scheduler's words."""
    short = next((match[1] for match in _SHORT.finditer(said) if is_gpu(match[1])), "")
    nodes = [*_offered(text, short), *_listed(text, short or _GPU)] if short else []
    for number, (name, amounts) in enumerate(nodes, 1):
        offers = {"capacity": amounts, "allocatable": amounts}
        yield {"kind": "Node", "metadata": {"name": name or f"node-{number}"}, "status": offers}
    asked = _asked(text) or ({short: "1"} if nodes else {})
    if asked:
        resources = {"limits": asked, "requests": asked}
        container = {"name": "vllm", "command": ["vllm", "serve"], "resources": resources}
        meta = {"name": "pod", "annotations": {STAND_IN: "its amounts"}}
        yield {"kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}


def _offered(text: str, resource: str) -> Iterator[tuple[str, dict[str, str]]]:
    for block in _OFFERED.finditer(text):
        yield "", dict(_AMOUNT.findall(block["amounts"]))
    for block in _IN_JSON.finditer(text):
        if '"memory"' in block[0] and '"pods"' in block[0]:
            yield "", dict(_JSON_AMOUNT.findall(block[0]))
    for told in () if _OFFERED.search(text) else _IN_WORDS.finditer(text):
        amount = told["count"] or told["many"] or told["each"] or told["such"]
        yield "", {"pods": "110", told["name"] or told["other"] or resource: amount}


def _listed(text: str, resource: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table of nodes that has a column for their GPUs."""
    header = _HEADER.search(text)
    if header is None:
        return
    columns = _CELLS.split(header[0].strip())
    at = next((index for index, name in enumerate(columns) if "GPU" in name), 0)
    for line in text[header.end() :].lstrip("\n").splitlines():
        cells = _CELLS.split(line.strip())
        if len(cells) != len(columns) or not _COUNT.fullmatch(cells[at]):
            return
        yield cells[0], {"pods": "110"} | ({resource: cells[at]} if cells[at].isdigit() else {})


def _asked(text: str) -> dict[str, str]:
    """What the only pod asks for, of GPUs; nothing where two blocks differ."""
    blocks = (dict(_AMOUNT.findall(match["amounts"])) for match in _ASKED.finditer(text))
    found = {tuple((name, count) for name, count in block.items() if is_gpu(name)) for block in blocks} - {()}
    found = found or {((match[1], match[2]),) for match in _ASKED_IN_WORDS.finditer(text)}
    return dict(found.pop()) if len(found) == 1 else {}
