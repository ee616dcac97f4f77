"""Renders the library: a base or stack, components over it, parameters in place; the same YAML each time.

Does of kustomize what the library uses, and no more: `resources`, and components whose `patches` are JSON Patches of
all objects of a kind, or delete one. A test holds it against `kubectl kustomize`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonpatch
import yaml

from vops.errors import InputError
from vops.manifests.documents import read_documents, reads_as_text
from vops.manifests.template import Value, fill

Manifest = dict[str, Any]
Library = Mapping[str, str]
"""The text of each file by its path, such as `base/deployment.yaml`."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CLUSTER_SCOPED = frozenset({"ClusterRole", "ClusterRoleBinding", "NodePool", "EC2NodeClass", "PriorityClass"})


def render(
    library: Library, root: str, components: Sequence[str], values: Mapping[str, Value], namespace: str = ""
) -> list[Manifest]:
    """The objects of a folder of the library with components over them, in the order of the folder.

    Objects of a namespace are put into `namespace`, unless they name one. Raises InputError for a folder, a parameter
    or a patch that does not fit.
    """
    objects = _resources(library, root, values)
    for component in components:
        folder = f"overlays/{component}"
        objects += _resources(library, folder, values)
        for patch in _kustomization(library, folder).get("patches", []):
            path = f"{folder}/{patch['path']}"
            objects = _patched(objects, str(patch["target"]["kind"]), _read(library, path, values), path)
    return [_placed(item, namespace) for item in objects]


def kinds(library: Library) -> dict[str, str]:
    """What can be rendered, with a line about each: `deploy`, and the stacks."""
    stacks = {path.split("/")[1] for path in library if path.startswith("stacks/") and path.endswith(".yaml")}
    return {"deploy": _about(library, "base"), **{name: _about(library, f"stacks/{name}") for name in sorted(stacks)}}


def overlays(library: Library) -> dict[str, str]:
    """The components for a Deployment, with a line about each."""
    names = {path.split("/")[1] for path in library if path.startswith("overlays/") and path.endswith(".yaml")}
    return {name: _about(library, f"overlays/{name}") for name in sorted(names)}


def to_yaml(objects: Sequence[Manifest]) -> str:
    """The objects as one text of several documents."""
    return "---\n".join(
        yaml.dump(item, Dumper=_Dumper, sort_keys=False, width=1_000_000, allow_unicode=True) for item in objects
    )


def _about(library: Library, folder: str) -> str:
    first = library.get(f"{folder}/kustomization.yaml", "").partition("\n")[0]
    return first.removeprefix("#").strip()


def _kustomization(library: Library, folder: str) -> Manifest:
    path = f"{folder}/kustomization.yaml"
    if path not in library:
        raise InputError("is not in the library", path=folder)
    return read_documents(library[path], path)[0].value


def _resources(library: Library, folder: str, values: Mapping[str, Value]) -> list[Manifest]:
    names = _kustomization(library, folder).get("resources", [])
    return [item for name in names for item in _documents(library, f"{folder}/{name}", values)]


def _documents(library: Library, path: str, values: Mapping[str, Value]) -> list[Manifest]:
    if path not in library:
        raise InputError("is not in the library", path=path)
    return [document.value for document in read_documents(fill(library[path], values, path), path)]


def _read(library: Library, path: str, values: Mapping[str, Value]) -> Any:
    if path not in library:
        raise InputError("is not in the library", path=path)
    return yaml.load(fill(library[path], values, path), Loader=_Loader)  # noqa: S506 - a safe one


def _patched(objects: list[Manifest], kind: str, patch: Any, path: str) -> list[Manifest]:
    if isinstance(patch, dict):
        if patch.get("$patch") != "delete":
            raise InputError("only JSON Patches and `$patch: delete` are known", path=path)
        return [item for item in objects if item["kind"] != kind]
    try:
        return [jsonpatch.apply_patch(item, patch) if item["kind"] == kind else item for item in objects]
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise InputError(f"does not fit: {error}", path=path) from error


def _placed(item: Manifest, namespace: str) -> Manifest:
    metadata = item["metadata"]
    if not namespace or item["kind"] in _CLUSTER_SCOPED or "namespace" in metadata:
        return item
    name, *rest = metadata.items()
    return item | {"metadata": dict([name, ("namespace", namespace), *rest])}


class _Dumper(yaml.SafeDumper):
    """Block style, literal text of several lines, and quotes wherever a reader could see something else than text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None if reads_as_text(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
