"""Writes vops/diagnosis/logs/sentences.txt: where in vLLM's code which sentence of a failure is raised.

`python docs/index_sentences.py FOLDER…`, each FOLDER holding the package of one version, the newest last. Kept are
four of a sentence's words in a row at a time, as numbers: never a sentence. What a request's own fault raises, and what
is logged without being an error, is left out with all words in a row that it shares with others: they end no server.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from vops.diagnosis.logs import sentences as sentences_module
from vops.diagnosis.logs.sentences import HOLE, INDEX, keys_of, opening_of

_OF_REQUESTS = re.compile(
    r"vllm/(?:benchmarks|third_party|assets|profiler|usage|tracing|collect_env|sampling_params|pooling_params"
    r"|beam_search|logprobs|outputs|tool_parsers/|parser/|inputs/|sequence|entrypoints/(?:llm|chat_utils|score_utils"
    r"|anthropic|cohere|pooling|serve/|sagemaker|mcp|renderer|harmony|rl/|tool|context|offline|speech|generate|scale"
    r"|openai/(?:serving_|protocol|tool_parsers|chat_completion|completion|responses|speech|realtime|parser|engine"
    r"|generate|transcription|run_batch)|cli/(?:benchmark|collect|openai|run_batch)|launchers/run_batch)"
    r"|model_executor/guided|logits_process|renderers|reasoning/(?!__init__|abs)|scripts|v1/engine/(?:input_processor"
    r"|processor|output|async_llm|detokenizer|logprobs|parallel_sampling)|engine/(?:async_llm_engine|llm_engine"
    r"|output)|multimodal/(?:media|inputs|parse|image|audio|video|utils|hasher)|connections|distributed/weight_transfer"
    r"|v1/structured_output/(?:backend|request)|snapshot|transformers_utils/(?:detokenizer|tokenizer))"
)
_RAISED = re.compile(r"\w*(?:Error|Exception|NotFound)$")
_QUIET = ("debug", "info", "warning", "debug_once", "info_once", "warning_once")
_HARMLESS = "harmless"
"""Where what ends no server is said, whatever the module."""

_MOST = 4
"""How many keys of one sentence are kept beside that of its beginning and the last."""


class Origin(NamedTuple):
    """Where a sentence is raised: the module, the function and the class of the exception."""

    path: str
    function: str
    type: str


class Said(NamedTuple):
    """One sentence, with HOLE for every value that is filled in."""

    origin: Origin
    sentence: str


class _Reader(ast.NodeVisitor):
    """Collects what one module raises."""

    def __init__(self, path: str) -> None:
        self.said: list[Said] = []
        self._path = path
        self._functions = ["<module>"]
        self._texts: list[dict[str, str]] = [{}]

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._functions.append(node.name)
        self._texts.append({})
        self.generic_visit(node)
        self._texts.pop()
        self._functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  ast's name

    def visit_Assign(self, node: ast.Assign) -> None:
        text = self._text(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name) and text:
                self._texts[-1][target.id] = text
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        call = node.exc
        if isinstance(call, ast.Call) and call.args:
            name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
            if _RAISED.match(name):
                self._add(name, call.args[0])
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        if node.msg is not None:
            self._add("AssertionError", node.msg)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in _QUIET and node.args:
            text = re.sub(r"%[-\d.]*[sdrfi]", HOLE, self._text(node.args[0]))
            self.said.append(Said(Origin(_HARMLESS, "", ""), text))
        self.generic_visit(node)

    def _add(self, type_: str, node: ast.expr) -> None:
        sentence = self._text(node)
        if sentence:
            self.said.append(Said(Origin(self._path, self._functions[-1], type_), sentence))

    def _text(self, node: ast.expr) -> str:
        """The sentence with holes; empty where the code does not tell one."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=values):
                return "".join(self._text(value) or HOLE for value in values)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                parts = self._text(left), self._text(right)
                return "".join(part or HOLE for part in parts) if any(parts) else ""
            case ast.BinOp(left=left, op=ast.Mod()):
                return re.sub(r"%[-\d.]*[sdrfi]", HOLE, self._text(left))
            case ast.Call(func=ast.Attribute(value=value, attr="format")):
                return re.sub(r"\{[^}]*\}", HOLE, self._text(value))
            case ast.Name(id=name):
                return self._texts[-1].get(name, "")
            case ast.IfExp(body=body):
                return self._text(body)
            case _:
                return ""


def sentences(root: Path) -> Iterator[Said]:
    """What a version of the package in a folder raises; what ends no server is of the module _HARMLESS."""
    for path in sorted((root / "vllm").rglob("*.py")):
        name = path.relative_to(root).as_posix()
        reader = _Reader(_HARMLESS if _OF_REQUESTS.match(name) else name)
        reader.visit(ast.parse(path.read_text("utf-8", errors="replace")))
        yield from reader.said


def index(said: Sequence[Said]) -> dict[Origin, list[int]]:
    """The keys by origin: each of one part of the code only, those of many parts left out. The newest come last."""
    parts: dict[int, set[str]] = defaultdict(set)
    latest: dict[int, Origin] = {}
    for origin, sentence in said:
        for key in _keys(origin, sentence):
            parts[key].add(_part(origin.path))
            latest[key] = origin
    chosen: dict[Origin, dict[int, None]] = defaultdict(dict)
    times = Counter(key for key, found in parts.items() for _ in found)
    for origin, sentence in dict.fromkeys(item for item in said if item.origin.path != _HARMLESS):
        own = [key for key in keys_of(sentence) if times[key] == 1]
        opening = opening_of(origin.type, sentence)
        kept = [*own[:: max(1, len(own) // _MOST)][:_MOST], *own[-1:]]
        for key in (*kept, *([opening] if opening is not None and times[opening] == 1 else [])):
            chosen[latest[key]][key] = None
    return {origin: [*keys] for origin, keys in chosen.items()}


def _keys(origin: Origin, sentence: str) -> Iterator[int]:
    yield from keys_of(sentence)
    opening = opening_of(origin.type, sentence)
    if opening is not None:
        yield opening


def _part(path: str) -> str:
    """What belongs together over versions: modules that were moved are one."""
    path = re.sub(r"^vllm/(?:v1/)?(?=attention|worker|core|engine|executor|spec_decode)", "vllm/", path)
    path = re.sub(r"^vllm/models/", "vllm/model_executor/models/", path).removesuffix(".py")
    deep = 4 if "/layers/" in path or "/kv_transfer/" in path else 3 if "model_executor" in path else 2
    return "/".join(path.split("/")[:deep])


def main(folders: Sequence[str]) -> None:
    found = index([item for folder in folders for item in sentences(Path(folder))])
    lines: list[str] = []
    path = ""
    for origin in sorted(found):
        if origin.path != path:
            lines.append(path := origin.path)
        lines.append(f" {origin.function} {origin.type} " + " ".join(f"{key:x}" for key in found[origin]))
    Path(sentences_module.__file__).with_name(INDEX).write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
