"""The places that a runbook may change, as it writes them, and the values that stand there.

/spec/strategy                  a JSON pointer into the object
@vllm/startupProbe              a JSON pointer into the vLLM container of the pod template
@vllm.args/max-model-len        a flag of its command line, wherever that stands; `model` is the model itself
@vllm.env/HF_TOKEN              a variable of its environment: text, or a mapping with `valueFrom`
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from vops.model.commandline import with_flag, with_model
from vops.model.resources import Container, Meta, Pod, PodSpec
from vops.model.serving import EngineArgs, vllm_container
from vops.planning.patches import Document, Edit
from vops.planning.pointers import ABSENT, join, lookup, split

_CONTAINERS = ("spec", "template", "spec", "containers")


class Places:
    """One object's places, the vLLM container found by name or, without one, by what it runs."""

    def __init__(self, document: Document, container: str = "") -> None:
        self.document = document
        self._name = container

    def read(self, path: str) -> Any:
        """The value at `path`, or ABSENT."""
        prefix, _, rest = path.partition("/")
        if prefix == "@vllm.args":
            return self._flag(rest)
        if prefix == "@vllm.env":
            at = self._env_index(rest)
            return ABSENT if at is None else self._env()[at]
        return lookup(self.document, split(self.pointer(path)))

    def write(self, path: str, value: Any) -> Edit:
        """The edit that gives `path` the value. Raises ValueError when it cannot be made."""
        prefix, _, rest = path.partition("/")
        if prefix == "@vllm.args":
            return self._set_flag(rest, value)
        if prefix == "@vllm.env":
            return self._set_variable(rest, value)
        return Edit(self.pointer(path), value)

    def remove(self, path: str) -> Edit:
        """The edit that takes away what a pointer names. Raises ValueError for a flag or a variable."""
        if path.startswith(("@vllm.args/", "@vllm.env/")):
            raise ValueError(f"{path} can be set, not removed")
        return Edit(self.pointer(path))

    def pointer(self, path: str) -> str:
        """`path` as a JSON pointer into the object."""
        if path.startswith("@vllm/"):
            return join(self._container_at()) + path.removeprefix("@vllm")
        if path.startswith("@"):
            raise ValueError(f"{path} is not a place: known are /…, @vllm/…, @vllm.args/… and @vllm.env/…")
        return path

    def _container_at(self) -> tuple[str, ...]:
        containers = lookup(self.document, _CONTAINERS)
        names = [item.get("name") for item in containers] if isinstance(containers, list) else []
        wanted = self._name or self._found_name()
        if wanted not in names:
            raise ValueError(f"there is no container {wanted!r} among {', '.join(map(str, names)) or 'none'}")
        return (*_CONTAINERS, str(names.index(wanted)))

    def _found_name(self) -> str:
        spec = msgspec.convert(lookup(self.document, _CONTAINERS[:-1]), PodSpec)
        found = vllm_container(Pod(metadata=Meta(), spec=spec))
        return found.name if found else "vllm"

    def _container(self) -> Container:
        return msgspec.convert(lookup(self.document, self._container_at()), Container)

    def _flag(self, name: str) -> Any:
        args = EngineArgs.of(self._container())
        if name == "model":
            return args.model or ABSENT
        flag = args.location(name)
        return ABSENT if flag is None else flag.value

    def _set_flag(self, name: str, value: Any) -> Edit:
        container = self._container()
        text = str(value)
        field, words = with_model(container, text) if name == "model" else with_flag(container, name, text)
        return Edit(join((*self._container_at(), field)), words)

    def _env(self) -> list[Document]:
        found = lookup(self.document, (*self._container_at(), "env"))
        return found if isinstance(found, list) else []

    def _env_index(self, name: str) -> int | None:
        return next((at for at, item in enumerate(self._env()) if item.get("name") == name), None)

    def _set_variable(self, name: str, value: Any) -> Edit:
        """A variable in its own place; a new one makes the list longer, so the whole list is what is tested."""
        item = {"name": name, **value} if isinstance(value, dict) else {"name": name, "value": str(value)}
        at = self._env_index(name)
        whole = (*self._container_at(), "env")
        if at is not None:
            return Edit(join((*whole, str(at))), item)
        return Edit(join(whole), [*copy.deepcopy(self._env()), item])
