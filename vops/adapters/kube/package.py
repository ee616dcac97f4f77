"""The configuration part of the official `kubernetes` package, loaded without the rest of it.

`import kubernetes.aio.config` executes the package's `__init__` files, which pull in the blocking client, requests,
aiohttp and pydantic: more than everything else that a command does before its first request (the numbers are in
docs/decisions/0003-loading-the-kubernetes-package.md). Here stand-ins take the places of what the three needed modules
import and vops does not use, and are taken away again, so that anybody else's `import kubernetes` is the whole one.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_PARENTS = ("kubernetes", "kubernetes.aio", "kubernetes.aio.config")
_UNUSED = {
    # Only functions that make clients use these; vops hands its own Configuration to the loaders.
    "kubernetes.aio.client": ("ApiClient", "Configuration"),
    # Refreshes the tokens of the old `auth-provider: oidc`, which vops.adapters.kube.login does not do.
    "kubernetes.aio.config.openid": ("OpenIDRequestor",),
}


@dataclass
class Configuration:
    """What the package's loaders fill in: the fields of its own Configuration that concern a connection."""

    host: str = ""
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify_ssl: bool = True
    tls_server_name: str | None = None
    proxy: str | None = None
    api_key: dict[str, str] = field(default_factory=dict, repr=False)


def _stand_in(name: str, root: str) -> ModuleType:
    """A package that finds its submodules and executes nothing."""
    module = ModuleType(name)
    module.__path__ = [root + name.removeprefix("kubernetes").replace(".", "/")]
    for unused in _UNUSED.get(name, ()):
        setattr(module, unused, object)
    return module


def _load() -> tuple[Any, Any, Any]:
    """The modules kube_config, incluster_config and exec_provider."""
    if "kubernetes" in sys.modules:
        return _import()
    spec = find_spec("kubernetes")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the kubernetes package is not installed", name="kubernetes")
    root = spec.submodule_search_locations[0]
    sys.modules.update({name: _stand_in(name, root) for name in (*_PARENTS, *_UNUSED)})
    try:
        return _import()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes"]:
            del sys.modules[name]


def _import() -> tuple[Any, Any, Any]:
    return (
        import_module("kubernetes.aio.config.kube_config"),
        import_module("kubernetes.aio.config.incluster_config"),
        import_module("kubernetes.aio.config.exec_provider"),
    )


kube_config, incluster_config, exec_provider = _load()
ConfigException: type[Exception] = kube_config.ConfigException
