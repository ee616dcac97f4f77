"""The configuration part of the official `kubernetes` package, loaded without the rest of it.

`import kubernetes.aio.config` executes the package's `__init__` files, which pull in the blocking client, requests
and pydantic: three times the cost of everything else that a command does before its first request (the numbers are
in docs/decisions/0003-loading-the-kubernetes-package.md). Here the parent packages stand in hollow while the four
needed modules are imported, and are taken away again, so that anybody else's `import kubernetes` is the whole one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_PARENTS = ("kubernetes", "kubernetes.aio", "kubernetes.aio.client", "kubernetes.aio.config")


def _hollow(name: str, folder: str) -> ModuleType:
    """A package that finds its submodules and executes nothing."""
    module = ModuleType(name)
    module.__path__ = [folder]
    return module


def _load() -> tuple[Any, Any, Any, Any]:
    """The modules kube_config, incluster_config, exec_provider and the class Configuration."""
    if "kubernetes" in sys.modules:
        return _import()
    spec = find_spec("kubernetes")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the kubernetes package is not installed", name="kubernetes")
    root = spec.submodule_search_locations[0]
    for name in _PARENTS:
        sys.modules[name] = _hollow(name, root + name.removeprefix("kubernetes").replace(".", "/"))
    try:
        # What kube_config imports from kubernetes.aio.client; ApiClient only makes clients, which vops never asks for.
        client: Any = sys.modules["kubernetes.aio.client"]
        client.Configuration = import_module("kubernetes.aio.client.configuration").Configuration
        client.ApiClient = object
        return _import()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes"]:
            del sys.modules[name]


def _import() -> tuple[Any, Any, Any, Any]:
    return (
        import_module("kubernetes.aio.config.kube_config"),
        import_module("kubernetes.aio.config.incluster_config"),
        import_module("kubernetes.aio.config.exec_provider"),
        import_module("kubernetes.aio.client.configuration").Configuration,
    )


kube_config, incluster_config, exec_provider, Configuration = _load()
# incluster_config and exec_provider each import the exception from the same module as kube_config does.
ConfigException: type[Exception] = kube_config.ConfigException
