"""YAML 1.2 with the line of every node, so that each complaint about a runbook can name its place."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from vops.errors import InputError

Path = tuple[str | int, ...]


class Source:
    """One YAML file: its plain values, and the line of each."""

    def __init__(self, text: str, path: str) -> None:
        """Raises InputError for text that is not YAML, holds a key twice, or is not a mapping."""
        self.path = path
        self._root = _load(text, path)
        self.value: dict[str, Any] = _plain(self._root)

    def line(self, where: Path = ()) -> int:
        """The 1-based line of a node, or of the nearest one above it that has a place."""
        node: Any = self._root
        line = 0
        for key in where:
            found = _line_of(node, key)
            if found is None:
                break
            line, node = found, node[key]
        return line + 1

    def fail(self, message: str, where: Path = (), *, hint: str = "") -> NoReturn:
        raise InputError(message, path=self.path, line=self.line(where), hint=hint)


@lru_cache(maxsize=256)
def _load(text: str, path: str) -> CommentedMap:
    """The nodes of a file, which nobody changes: a part is read once, however many runbooks include it."""
    reader = YAML(typ="rt", pure=True)
    reader.allow_duplicate_keys = False
    try:
        root = reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem).splitlines()[0] if error.problem else "not YAML"
        if isinstance(error, DuplicateKeyError):
            problem = problem.partition(" with value")[0]
        raise InputError(problem, path=path, line=mark.line + 1 if mark else None) from error
    except (YAMLError, ValueError) as error:
        raise InputError(f"not YAML: {error}", path=path) from error
    if not isinstance(root, CommentedMap):
        raise InputError("a mapping was expected", path=path, line=1)
    return root


def _line_of(node: Any, key: str | int) -> int | None:
    """The 0-based line of a key of a mapping, or of an item of a sequence."""
    if isinstance(node, CommentedMap) and key in node:
        return int(node.lc.key(key)[0])
    if isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
        return int(node.lc.item(key)[0])
    return None


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)
