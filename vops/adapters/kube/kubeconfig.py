"""Kubeconfig files: finds, reads and merges them as kubectl does, and says which file and line is wrong.

The merging itself, and later the reading of users and clusters, is the `kubernetes` package's; vops adds the checks
whose absence would end in a KeyError, the C parser (a hundred contexts with embedded certificates take the other one
half a second) and kubectl's rule that the first file to name something wins.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vops.adapters.kube.package import kube_config
from vops.errors import InputError, UsageError

SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Merger(kube_config.KubeConfigMerger):  # type: ignore[misc]  # the package has no types
    """The package's merger, with kubectl's precedence and errors that name file and line."""

    def load_config(self, path: str) -> None:
        document = read_document(path)
        if self.config_merged is None:  # type: ignore[has-type]
            self.config_merged = kube_config.ConfigNode(path, {section: [] for section in SECTIONS}, path)
        for section in SECTIONS:
            self._merge(section, document[section], path)
        if document.get("current-context"):
            self.config_merged.value.setdefault("current-context", document["current-context"])
        self.config_files[path] = document


def list_contexts(kubeconfig: str = "") -> tuple[tuple[str, ...], str]:
    """The names of all contexts in the order of the files, and the current one ("" when none is set).

    Raises InputError for a broken file and UsageError when there is none.
    """
    merged = merge(kubeconfig, os.environ)
    if merged is None:
        return (), ""
    return context_names(merged), current_context(merged)


def merge(kubeconfig: str, environ: Mapping[str, str]) -> Any:
    """The merged files as the package's ConfigNode; None when there is no kubeconfig and none was asked for."""
    paths = kubeconfig or environ.get("KUBECONFIG", "")
    if kubeconfig and not Path(kubeconfig).expanduser().exists() and os.pathsep not in kubeconfig:
        raise InputError("no such file", path=kubeconfig, hint="correct --kubeconfig, or try vops --lab")
    merged = Merger(paths or str(Path("~/.kube/config").expanduser())).config if paths or _default_exists() else None
    if paths and merged is None:
        raise InputError("no such file", path=paths, hint="correct KUBECONFIG, or try vops --lab")
    return merged


def _default_exists() -> bool:
    return Path("~/.kube/config").expanduser().exists()


def context_names(merged: Any) -> tuple[str, ...]:
    return tuple(entry["name"] for entry in merged.value["contexts"])


def current_context(merged: Any) -> str:
    return str(merged.value.get("current-context", ""))


def choose_context(merged: Any, wanted: str) -> str:
    """The name of the context to use. Raises UsageError listing the known ones."""
    names = context_names(merged)
    name = wanted or current_context(merged)
    if name in names:
        return name
    if not name:
        message = f"{merged.path} sets no current context"
    else:
        message = f"there is no context {name!r} in the kubeconfig ({merged.path})"
    raise UsageError(message, hint=_suggestion(name, names))


def _suggestion(name: str, names: tuple[str, ...]) -> str:
    if not names:
        return "the kubeconfig has no contexts; try vops --lab"
    close = difflib.get_close_matches(name, names, n=1) or [names[0]]
    return f"use --context {close[0]}; known are: {', '.join(names)}"


def section_of(merged: Any, section: str, name: str) -> Any:
    """The body of the entry `name` of a section, as a ConfigNode. Raises InputError when it is not there."""
    node = merged[section].get_with_name(name, safe=True)
    if node is None:
        raise InputError(f"{SECTIONS[section]} {name!r} is not defined", path=str(merged.path))
    return node[SECTIONS[section]]


# --- one file ---------------------------------------------------------------------------------------------


def read_document(path: str) -> dict[str, Any]:
    """One kubeconfig with every section a list of named mappings. Raises InputError with the line."""
    text = _read(path)
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader, in C where there is one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(
            f"not valid YAML: {error.problem or error.context}",
            path=path,
            line=mark.line + 1 if mark else None,
            hint=f"correct it, then check with: kubectl config view --kubeconfig {path}",
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {error}", path=path) from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise InputError("not a kubeconfig: expected a mapping", path=path, line=1)
    for section, body in SECTIONS.items():
        document[section] = _checked(document.get(section) or [], section, body, path, text)
    return document


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot be read: {reason}", path=path) from error


def _checked(entries: Any, section: str, body: str, path: str, text: str) -> list[dict[str, Any]]:
    if not isinstance(entries, list):
        raise InputError(f"{section} must be a list", path=path, line=_line(text, section))
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise InputError(f"every entry of {section} needs a name", path=path, line=_line(text, section, index))
        if entry.get(body) is None:
            entry[body] = {}
        if not isinstance(entry[body], dict):
            raise InputError(f"{body} {entry['name']!r} must be a mapping", path=path, line=_line(text, section, index))
    return entries


def _line(text: str, section: str, index: int | None = None) -> int | None:
    """The 1-based line of a section, or of its entry number `index`."""
    node = yaml.compose(text, Loader=_Loader)
    entries = node.value if node is not None else []
    found = next((value for key, value in entries if key.value == section), None)
    if found is not None and index is not None and index < len(found.value):
        found = found.value[index]
    return None if found is None else int(found.start_mark.line) + 1
