"""The places that a runbook may change, as it writes them, and the values that stand there.

/spec/strategy                  a JSON pointer into the object
@vllm/startupProbe              a JSON pointer into the vLLM container of the pod template
@vllm.args/max-model-len        a flag of its command line, wherever that stands; `model` is the model itself
@vllm.args                      several flags by name: a value, true for a switch, null to take one away
@vllm.env/HF_TOKEN              a variable of its environment: text, or a mapping with `valueFrom`
@vllm.volume/dev/shm            the volume of the pod template that it mounts at /dev/shm
@vllm.gpus                      how many GPUs it asks for, in requests and limits, of whichever resource
@vllm.gpu-resource              the resource that they are of, as `nvidia.com/gpu`

In a pointer, `[name=shm]` stands for the item of a list with that field; an item that is not there is added at the end.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec

from vops.diagnosis.placement.demands import is_gpu
from vops.model.commandline import with_flag, with_model, without_flag
from vops.model.objects import Meta
from vops.model.pods import Container, Pod, PodSpec
from vops.model.serving import EngineArgs, vllm_container
from vops.planning.patches import Document, Edit
from vops.planning.pointers import ABSENT, Tokens, join, lookup, split

_CONTAINERS = ("spec", "template", "spec", "containers")
_VOLUMES = ("spec", "template", "spec", "volumes")
_GPUS, _GPU_RESOURCE = "@vllm.gpus", "@vllm.gpu-resource"
_ITEM = re.compile(r"\[(\w+)=(.*)\]")


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
        if prefix in (_GPUS, _GPU_RESOURCE):
            name, count = self._gpus()
            return ABSENT if not count else int(count) if prefix == _GPUS else name
        place, missing = self._resolved(path)
        return ABSENT if missing else lookup(self.document, place)

    def write(self, path: str, value: Any) -> Edit:
        """The edit that gives `path` the value. Raises ValueError when it cannot be made."""
        prefix, _, rest = path.partition("/")
        if prefix == "@vllm.args":
            return self._set_flag(rest, value) if rest else self._set_flags(value)
        if prefix == "@vllm.env":
            return self._set_variable(rest, value)
        if prefix in (_GPUS, _GPU_RESOURCE):
            name, count = self._gpus()
            return self._set_gpus(*((name, str(value)) if prefix == _GPUS else (str(value), count or "1")))
        at, missing = self._resolved(path)
        if not missing:
            return Edit(join(at), _as_item(split(self.pointer(path))[-1], value))
        items = lookup(self.document, at)
        present = copy.deepcopy(items) if isinstance(items, list) else []
        return Edit(join(at), [*present, _new(missing, value)])

    def remove(self, path: str) -> Edit | None:
        """The edit that takes away what stands at `path`; None when nothing does."""
        prefix, _, rest = path.partition("/")
        if prefix == "@vllm.args":
            left = without_flag(self._container(), rest)
            return None if left is None else Edit(join((*self._container_at(), left[0])), left[1])
        if prefix == "@vllm.env":
            return self._remove_variable(rest)
        at, missing = self._resolved(path)
        return None if missing else Edit(join(at))

    def pointer(self, path: str) -> str:
        """`path` as a JSON pointer into the object, items by their fields as they are written."""
        if path.startswith("@vllm/"):
            return join(self._container_at()) + path.removeprefix("@vllm")
        if path.startswith("@vllm.volume/"):
            return self._volume_at(path.removeprefix("@vllm.volume"))
        if path.startswith("@"):
            raise ValueError(f"{path} is not a place: known are /…, @vllm/… and @vllm.NAME/…")
        return path

    def _volume_at(self, path: str) -> str:
        """The pointer to the volume that is mounted at the beginning of `path`; what follows leads into it."""
        mounts = lookup(self.document, (*self._container_at(), "volumeMounts"))
        known = {item["mountPath"].rstrip("/"): item["name"] for item in mounts} if isinstance(mounts, list) else {}
        found = max((mount for mount in known if f"{path}/".startswith(f"{mount}/")), key=len, default=None)
        if found is None:
            raise ValueError(f"no volume is mounted at {path}")
        return join((*_VOLUMES, f"[name={known[found]}]")) + path.removeprefix(found)

    def _gpus(self) -> tuple[str, str]:
        """The GPU resource that the container asks for and how many; of NVIDIA's, and none, when it asks for none."""
        resources = self._container().resources
        asked = {**resources.requests, **resources.limits}
        return next(((name, count) for name, count in asked.items() if is_gpu(name)), ("nvidia.com/gpu", ""))

    def _set_gpus(self, name: str, count: str) -> Edit:
        """Requests only where there are some: Kubernetes takes the limits for them otherwise."""
        at = (*self._container_at(), "resources")
        present = lookup(self.document, at)
        resources = copy.deepcopy(present) if isinstance(present, dict) else {}
        for part in ("requests", "limits"):
            kept = {key: value for key, value in resources.get(part, {}).items() if not is_gpu(key)}
            had_gpus = len(kept) < len(resources.get(part, {}))
            if part == "limits" or had_gpus:
                resources[part] = {**kept, name: count}
        return Edit(join(at), resources)

    def _resolved(self, path: str) -> tuple[Tokens, Tokens]:
        """Where `path` leads, items as places in their lists, and what is left of it from an item that is not there."""
        tokens = split(self.pointer(path))
        at: Tokens = ()
        for depth, token in enumerate(tokens):
            wanted = _ITEM.fullmatch(token)
            if wanted is None:
                at = (*at, token)
                continue
            items = lookup(self.document, at)
            found = _index(items if isinstance(items, list) else [], wanted[1], wanted[2])
            if found is None:
                return at, tokens[depth:]
            at = (*at, str(found))
        return at, ()

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

    def _set_flags(self, flags: Any) -> Edit:
        """One edit of the list that the command line stands in. Raises ValueError when it takes both of them."""
        if not isinstance(flags, dict) or not flags:
            raise ValueError("@vllm.args takes flags by name")
        container, touched = self._container(), set[str]()
        for name, value in flags.items():
            field, words = _with(container, name, value)
            container = msgspec.structs.replace(container, **{field: tuple(words)})
            touched.add(field)
        if len(touched) > 1:
            raise ValueError("the flags stand both in `command` and in `args`")
        (field,) = touched
        return Edit(join((*self._container_at(), field)), list(getattr(container, field)))

    def _env(self) -> list[Document]:
        found = lookup(self.document, (*self._container_at(), "env"))
        return found if isinstance(found, list) else []

    def _env_index(self, name: str) -> int | None:
        return next((at for at, item in enumerate(self._env()) if item.get("name") == name), None)

    def _remove_variable(self, name: str) -> Edit | None:
        whole = join((*self._container_at(), "env"))
        left = [item for item in self._env() if item.get("name") != name]
        return None if len(left) == len(self._env()) else Edit(whole, left)

    def _set_variable(self, name: str, value: Any) -> Edit:
        """A variable in its own place; a new one makes the list longer, so the whole list is what is tested."""
        item = {"name": name, **value} if isinstance(value, dict) else {"name": name, "value": str(value)}
        at = self._env_index(name)
        whole = (*self._container_at(), "env")
        if at is not None:
            return Edit(join((*whole, str(at))), item)
        return Edit(join(whole), [*copy.deepcopy(self._env()), item])


def _index(items: list[Any], key: str, value: str) -> int | None:
    """The place of the first item whose field `key` has that value."""
    return next((at for at, item in enumerate(items) if isinstance(item, dict) and str(item.get(key)) == value), None)


def _as_item(token: str, value: Any) -> Any:
    """An item's new value, with the field that it was found by."""
    wanted = _ITEM.fullmatch(token)
    return {wanted[1]: wanted[2], **value} if wanted and isinstance(value, dict) else value


def _new(tokens: Tokens, value: Any) -> Any:
    """An item that was not there, with `value` at the rest of the path."""
    for token in reversed(tokens[1:]):
        value = {token: value}
    return _as_item(tokens[0], value)


def _with(container: Container, flag: str, value: Any) -> tuple[str, list[str]]:
    """The list that holds a flag, with the flag as wished."""
    if value is None:
        left = without_flag(container, flag)
        if left is None:
            raise ValueError(f"--{flag} is not given on the command line")
        return left
    return with_flag(container, flag, None if value is True else str(value))
