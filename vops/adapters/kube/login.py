"""Logs in: turns a kubeconfig context, or a pod's service account, into an Endpoint.

The `kubernetes` package reads users and clusters, runs exec plugins and refreshes tokens; vops adds the errors a
person can act on, impersonation, and kubectl's reading of proxies. Nothing here talks to the API server.
"""

from __future__ import annotations

import ast
import asyncio
import binascii
import hashlib
import os
import re
import shlex
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote as url_quote

from vops.adapters.kube import kubeconfig as files
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.package import ConfigException, Configuration, exec_provider, incluster_config, kube_config
from vops.adapters.kube.proxies import proxy_for
from vops.errors import InputError, Unauthorized, UsageError
from vops.model.text import one_line, scrub

IN_CLUSTER = "in-cluster"
"""The name of the context that a pod's service account stands for."""
PLUGIN_TIMEOUT_S = 120.0
"""A plugin may open a browser and wait for a person."""
PLUGIN_LOGINS = {
    "aws": "aws sso login",
    "aws-iam-authenticator": "aws sso login",
    "gke-gcloud-auth-plugin": "gcloud auth login",
    "gcloud": "gcloud auth login",
    "kubelogin": "az login",
    "oci": "oci session authenticate",
    "doctl": "doctl auth init",
    "tsh": "tsh login",
}
"""How a person logs in again, by the name of the exec plugin."""
SERVICE_ACCOUNT_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


async def log_in(kubeconfig: str, context: str) -> Endpoint:
    """The endpoint of `context` (empty: the current one) as the files and plugins give it now.

    Raises InputError (a broken file), UsageError (no such context, no configuration), Unauthorized (a plugin failed).
    """
    merged = files.merge(kubeconfig, os.environ)
    if merged is not None:
        name = files.choose_context(merged, context)
        file = f" --kubeconfig {shlex.quote(kubeconfig)}" if kubeconfig else ""
        return await _from_kubeconfig(merged, name, f"--context {shlex.quote(name)}{file}")
    if os.environ.get(incluster_config.SERVICE_HOST_ENV_NAME) and context in ("", IN_CLUSTER):
        return _in_cluster()
    raise UsageError(
        "there is no kubeconfig: neither $KUBECONFIG nor ~/.kube/config, and this is not a pod",
        hint="pass --kubeconfig FILE, or try vops --lab",
    )


async def _from_kubeconfig(merged: Any, name: str, flags: str) -> Endpoint:
    context = files.section_of(merged, "contexts", name)
    cluster = files.section_of(merged, "clusters", str(context.safe_get("cluster") or ""))
    user_name = str(context.safe_get("user") or "")
    user = files.section_of(merged, "users", user_name).value if user_name else {}
    if not cluster.safe_get("server"):
        raise InputError(f"the cluster of context {name!r} has no server", path=str(cluster.path or merged.path))
    loader = _Loader(merged, active_context=name, config_base_path=None)
    configuration = Configuration()
    try:
        await loader.load_and_set(configuration)
        tls = tls_context(configuration)
        certificate = _fingerprint(configuration.cert_file)
    except (ConfigException, OSError, ValueError, KeyError, binascii.Error) as error:
        raise InputError(
            f"context {name!r}: {_reason(error)}", path=str(merged.path), hint="check with: kubectl config view"
        ) from error
    finally:
        # The package writes embedded certificates and keys to files for the TLS library; nobody needs them any more.
        kube_config._cleanup_temp_files()
    return Endpoint(
        url=configuration.host,
        context=name,
        namespace=str(context.safe_get("namespace") or "default"),
        headers=_headers(configuration, user),
        tls=tls,
        certificate=certificate,
        server_name=configuration.tls_server_name or "",
        proxy=proxy_for(configuration.host, configuration.proxy or "", os.environ),
        expires=getattr(loader, "exec_plugin_expiry", None),
        login=_login(user),
        flags=flags,
    )


def _in_cluster() -> Endpoint:
    """The service account of the pod that vops runs in."""
    configuration = Configuration()
    try:
        incluster_config.load_incluster_config(configuration, try_refresh_token=False)
        tls = tls_context(configuration)
        namespace = Path(SERVICE_ACCOUNT_NAMESPACE).read_text("utf-8").strip()
    except (ConfigException, OSError) as error:
        raise UsageError(
            f"this pod's service account cannot be used: {_reason(error)}",
            hint="mount its token (automountServiceAccountToken), or pass --kubeconfig FILE",
        ) from error
    return Endpoint(
        url=configuration.host,
        context=IN_CLUSTER,
        namespace=namespace or "default",
        headers=_headers(configuration, {}),
        tls=tls,
    )


def tls_context(configuration: Any) -> ssl.SSLContext | None:
    """The TLS settings of one connection; None over plain HTTP."""
    if not configuration.host.startswith("https"):
        return None
    if configuration.verify_ssl:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        # As kubectl: cluster CAs without an authority key identifier are common, and Python 3.13 would refuse them.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _fingerprint(certificate_file: str | None) -> str:
    return hashlib.sha256(Path(certificate_file).read_bytes()).hexdigest() if certificate_file else ""


def _headers(configuration: Any, user: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Who asks: the credentials, and whom they impersonate (without that vops would act with other rights)."""
    token = configuration.api_key.get("BearerToken", "").strip()
    headers = [("Authorization", token)] if token else []
    if user.get("as"):
        headers.append(("Impersonate-User", str(user["as"])))
    if user.get("as-uid"):
        headers.append(("Impersonate-Uid", str(user["as-uid"])))
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{url_quote(str(key), safe='')}", str(value)) for value in values]
    return tuple(headers)


def _login(user: dict[str, Any]) -> str:
    plugin = user.get("exec")
    return PLUGIN_LOGINS.get(_plugin_name(plugin), "") if isinstance(plugin, dict) else ""


def _plugin_name(plugin: dict[str, Any]) -> str:
    return Path(str(plugin.get("command") or "")).name


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"a certificate or key cannot be used ({error.reason or error})"
    return one_line(str(error)) or type(error).__name__


# --- exec plugins -----------------------------------------------------------------------------------------


class _Loader(kube_config.KubeConfigLoader):  # type: ignore[misc]  # the package has no types
    """The package's loader, which logs a plugin's failure and goes on without credentials; this one raises it."""

    exec_plugin_expiry: datetime

    def set_active_context(self, context_name: str | None = None) -> None:
        super().set_active_context(context_name)
        if self._user is None:  # type: ignore[has-type]
            self._user = kube_config.ConfigNode("users", {})

    async def _refresh_oidc(self, provider: Any) -> None:
        # The package would send the refresh token and the client's secret without verifying who gets them.
        raise Unauthorized(
            "the OIDC token in the kubeconfig has expired",
            hint="log in again with the tool that wrote it, or use an exec plugin such as kubelogin",
        )

    async def load_from_exec_plugin(self) -> bool:
        plugin = self._user["exec"].value
        status = await _run(self._user["exec"])
        if status.get("token"):
            self.token = f"Bearer {status['token']}"
        elif not (status.get("clientCertificateData") and status.get("clientKeyData")):
            raise _failed(plugin, "it gave neither a token nor a certificate with its key")
        if status.get("clientCertificateData") and status.get("clientKeyData"):
            self.cert_file = kube_config._create_temp_file_with_content(status["clientCertificateData"])
            self.key_file = kube_config._create_temp_file_with_content(status["clientKeyData"])
        if status.get("expirationTimestamp"):
            self.exec_plugin_expiry = kube_config.parse_rfc3339(status["expirationTimestamp"])
        return True


async def _run(node: Any) -> dict[str, Any]:
    """The `status` that the exec plugin of a ConfigNode prints. Raises Unauthorized."""
    plugin = node.value
    try:
        async with asyncio.timeout(PLUGIN_TIMEOUT_S):
            status = await exec_provider.ExecProvider(node).run()
    except FileNotFoundError as error:
        raise Unauthorized(
            f"the login plugin {_plugin_name(plugin)!r} of this context is not installed",
            hint=one_line(str(plugin.get("installHint") or ""))
            or f"install {_plugin_name(plugin)}, or put it on PATH; kubectl needs it too",
        ) from error
    except TimeoutError as error:
        raise _failed(plugin, f"it did not end within {PLUGIN_TIMEOUT_S:.0f} s") from error
    except (ConfigException, OSError) as error:
        raise _failed(plugin, _said(_reason(error))) from error
    return status if isinstance(status, dict) else {}


_ENDED = re.compile(r"process returned (-?\d+)(?:\. (b['\"].*))?", re.DOTALL)


def _said(reason: str) -> str:
    """The package's words for how a plugin ended, with the plugin's own as text: the package gives their bytes."""
    found = _ENDED.fullmatch(reason.removeprefix("exec: "))
    if found is None:
        return reason.removeprefix("exec: ")
    code, written = found.groups()
    text = ast.literal_eval(written).decode(errors="replace") if written else ""
    return f"it ended with exit code {code}" + (f": {one_line(scrub(text))}" if text.strip() else "")


def _failed(plugin: dict[str, Any], reason: str) -> Unauthorized:
    name = _plugin_name(plugin)
    login = PLUGIN_LOGINS.get(name)
    return Unauthorized(
        f"the login plugin {name!r} of this context failed: {reason}",
        hint=f"log in again: {login}" if login else "run kubectl get --raw /version to see the plugin's own messages",
    )
