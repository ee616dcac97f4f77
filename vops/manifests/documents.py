"""YAML manifests as plain values with the place of every field: file, line and column.

Reads what kubectl reads: several documents in one text, Lists, JSON, anchors, and scalars as YAML 1.1 has them
(`on` is true). Composed by PyYAML's C parser, since the output of a large chart takes a round-trip parser ten times
as long; comments, which carry Helm's `# Source:` and vops' own suppressions, are read from the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import msgspec
import yaml

from vops.errors import InputError
from vops.model.text import one_line, scrub

Path = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100
_MOST_NODES = 2_000_000
_TRUE = frozenset({"yes", "true", "on"})
_FALSE = frozenset({"no", "false", "off"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_OCTAL = re.compile(r"[-+]?0o?[0-7_]+")
_HEX = re.compile(r"[-+]?0x[0-9a-fA-F_]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9_]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+\.")


class Place(NamedTuple):
    """1-based, as editors count."""

    line: int
    column: int


class Document(msgspec.Struct, frozen=True, eq=False):
    """One YAML document. `source` is the template that Helm names above it; live objects have no `root`."""

    file: str
    value: dict[str, Any]
    source: str = ""
    root: Any = None
    comments: tuple[tuple[int, str], ...] = ()
    """The comments in and right above it, by line, without the `#`."""
    repeated: tuple[Path, ...] = ()
    """Keys that stand twice in one mapping; the last one counts."""

    def place(self, where: Path = ()) -> Place | None:
        """Where a field stands, or the nearest one above it that is there; None for what has no text."""
        node = self.root
        if node is None:
            return None
        mark = node.start_mark
        for step in where:
            found = _step(node, step)
            if found is None:
                break
            mark, node = found
        return Place(mark.line + 1, mark.column + 1)


def read_documents(text: str, file: str) -> list[Document]:
    """Every document of `text` that is a mapping. Raises InputError with file and line for what is no YAML."""
    lines = scrub(text).split("\n")
    prepared = "\n".join(lines)
    if prepared.lstrip().startswith(("{", "[")):
        prepared = prepared.replace("\t", " ")  # JSON may be indented with tabs, YAML may not
    documents = []
    for root, begin, end in _composed(prepared, file):
        values = _Values(file)
        value = values.of(root)
        if value is None:
            continue
        if not isinstance(value, dict):
            raise InputError("a Kubernetes object is a mapping", path=file, line=root.start_mark.line + 1)
        comments = tuple(_comments(lines, begin, end))
        documents.append(Document(file, value, _source(comments), root, comments, tuple(values.repeated)))
    return documents


def live_document(value: dict[str, Any], name: str) -> Document:
    """An object from a cluster: it has a name instead of a file, and no lines."""
    return Document(name, value)


def _composed(text: str, file: str) -> Iterator[tuple[yaml.Node, int, int]]:
    """Each document's root with the 0-based lines from the end of the one before to its own end."""
    loader = _Loader(text)
    begin = 0
    try:
        while loader.check_node():
            root = loader.get_node()
            end = root.end_mark.line + 1
            yield root, begin, end
            begin = end
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        last = text.rstrip("\n").count("\n") + 1
        line = min(mark.line + 1, last) if mark else None
        raise InputError(f"not YAML: {one_line(error.problem or str(error))}", path=file, line=line) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"not YAML: {one_line(str(error))}", path=file) from error
    finally:
        loader.dispose()


def _comments(lines: list[str], begin: int, end: int) -> Iterator[tuple[int, str]]:
    for at in range(begin, min(end, len(lines))):
        before, hash_sign, comment = lines[at].partition("#")
        if hash_sign and (not before.strip() or before.endswith((" ", "\t"))):
            yield at + 1, comment.strip()


def _source(comments: tuple[tuple[int, str], ...]) -> str:
    return next((text[len("Source: ") :].strip() for _, text in comments if text.startswith("Source: ")), "")


def _step(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """The mark of a key or an item, and the node below it."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key.start_mark, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


class _Values:
    """Nodes to plain values; aliases are shared, endless nesting is refused, keys that stand twice are noted."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._known: dict[int, Any] = {}
        self._nodes = 0
        self.repeated: list[Path] = []

    def of(self, node: yaml.Node, path: Path = ()) -> Any:
        if id(node) in self._known:
            return self._known[id(node)]
        self._nodes += 1
        if len(path) > _DEEPEST or self._nodes > _MOST_NODES:
            self._fail("nested too deeply, or an alias of itself", node)
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            value = [self.of(item, (*path, at)) for at, item in enumerate(node.value)]
        else:
            value = _scalar(node)
        self._known[id(node)] = value
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fail("a key is no text (a template that was not rendered?)", key)
            name = str(key.value)
            below = self.of(value, (*path, name))
            if name == "<<" and not key.style:
                for part in below if isinstance(below, list) else [below]:
                    merged = {**(part if isinstance(part, dict) else {}), **merged}
                continue
            if name in mapping:
                self.repeated.append((*path, name))
            mapping[name] = below
        return {**merged, **mapping}

    def _fail(self, message: str, node: yaml.Node) -> NoReturn:
        raise InputError(message, path=self._file, line=node.start_mark.line + 1)


def _scalar(node: Any) -> Any:
    """A scalar as YAML 1.1 resolves it, which is how the Kubernetes tools read their files."""
    text: str = node.value
    if node.style:
        return text
    if text in _NULL:
        return None
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    value = _number(text)
    return text if isinstance(value, int) and node.tag.endswith(":str") else value  # `!!str 8000`


def _number(text: str) -> Any:
    plain = text.replace("_", "")
    if _INT.fullmatch(text):
        return int(plain)
    if _OCTAL.fullmatch(text):
        return int(plain.replace("o", ""), 8)
    if _HEX.fullmatch(text):
        return int(plain, 16)
    if _FLOAT.fullmatch(text):
        return float(plain)
    return text


def reads_as_text(text: str) -> bool:
    """Whether `text`, written without quotes, is read as text and not as a number, a truth value or nothing."""
    return text not in _NULL and text.lower() not in _TRUE | _FALSE | {"y", "n"} and isinstance(_number(text), str)
