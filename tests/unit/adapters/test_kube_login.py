"""From a kubeconfig context, or a pod's service account, to an Endpoint."""

from __future__ import annotations

import base64
import json
import os
import ssl
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from vops.adapters.kube import login
from vops.adapters.kube.login import log_in
from vops.adapters.kube.package import incluster_config
from vops.errors import InputError, Unauthorized, UsageError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def kubeconfig(directory: Path, *, user: dict[str, Any] | None = None, user_name: str = "u", **cluster: Any) -> str:
    """The path of a kubeconfig with one context, `prod`."""
    context = {"cluster": "c", "namespace": "ml"} | ({} if user is None else {"user": user_name})
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "prod", "context": context}],
        "current-context": "prod",
    }
    path = directory / "config"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def plugin(directory: Path, script: str, name: str = "get-token") -> dict[str, Any]:
    """The `user` of an exec plugin that is a shell script."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path)}}


def credential(**status: Any) -> str:
    """A script that prints what a plugin prints."""
    document = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"cat <<'END'\n{json.dumps(document)}\nEND"


async def test_a_context_says_where_and_who(tmp_path: Path) -> None:
    endpoint = await log_in(kubeconfig(tmp_path, user={"token": "secret"}), "")
    assert (endpoint.url, endpoint.context, endpoint.namespace) == ("https://api.example:6443", "prod", "ml")
    assert endpoint.headers == (("Authorization", "Bearer secret"),)
    assert "secret" not in repr(endpoint)
    assert endpoint.kubectl("version") == f"kubectl version --context prod --kubeconfig {tmp_path / 'config'}"


async def test_a_token_file_is_read_without_its_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    endpoint = await log_in(kubeconfig(tmp_path, user={"tokenFile": "token"}), "")
    assert endpoint.headers == (("Authorization", "Bearer from-file"),)


@pytest.mark.parametrize("user", [None, {}])
async def test_a_context_may_have_no_credentials(tmp_path: Path, user: dict[str, Any] | None) -> None:
    assert (await log_in(kubeconfig(tmp_path, user=user), "prod")).headers == ()


async def test_a_password_is_basic_authentication(tmp_path: Path) -> None:
    endpoint = await log_in(kubeconfig(tmp_path, user={"username": "a", "password": "b"}), "")
    assert endpoint.headers == (("Authorization", "Basic YTpi"),)


async def test_impersonation_is_passed_on(tmp_path: Path) -> None:
    user = {"token": "t", "as": "alice", "as-uid": "7", "as-groups": ["x", "y"], "as-user-extra": {"a/b": ["c"]}}
    endpoint = await log_in(kubeconfig(tmp_path, user=user), "")
    assert endpoint.headers[1:] == (
        ("Impersonate-User", "alice"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "x"),
        ("Impersonate-Group", "y"),
        ("Impersonate-Extra-a%2Fb", "c"),
    )


@pytest.mark.parametrize("how", ["data", "file"])
async def test_certificates_come_from_data_or_files_and_leave_no_copies(
    tmp_path: Path, certificate: tuple[Path, Path], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "tmp"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    entries = {"certificate-authority": 0, "client-certificate": 0, "client-key": 1}
    if how == "file":
        given = {name: str(certificate[which]) for name, which in entries.items()}
    else:
        given = {
            f"{name}-data": base64.b64encode(certificate[which].read_bytes()).decode()
            for name, which in entries.items()
        }
    authority = {name: value for name, value in given.items() if "authority" in name}
    user = {name: value for name, value in given.items() if "client" in name}
    endpoint = await log_in(kubeconfig(tmp_path, user=user, **authority), "")
    assert endpoint.tls is not None
    assert endpoint.tls.verify_mode is ssl.CERT_REQUIRED
    assert len(endpoint.tls.get_ca_certs()) == 1
    assert endpoint.certificate
    assert list(copies.iterdir()) == []


async def test_verification_is_off_only_where_the_kubeconfig_says_so(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"insecure-skip-tls-verify": True}
    insecure = await log_in(kubeconfig(tmp_path, user={}, **settings), "")
    assert insecure.tls is not None
    assert insecure.tls.verify_mode is ssl.CERT_NONE


async def test_server_name_and_proxy_are_kept(tmp_path: Path) -> None:
    settings = {"tls-server-name": "inner.example", "proxy-url": "http://proxy.example:3128"}
    endpoint = await log_in(kubeconfig(tmp_path, user={}, **settings), "")
    assert (endpoint.server_name, endpoint.proxy) == ("inner.example", "http://proxy.example:3128")


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"server": ""}, {}, "has no server"),
        ({"certificate-authority": "/nowhere/ca.crt"}, {}, "/nowhere/ca.crt"),
        ({"certificate-authority-data": "bm90IGEgY2VydA=="}, {}, "certificate or key cannot be used"),
        ({"certificate-authority-data": "%%%"}, {}, "prod"),
        ({}, {"tokenFile": "/nowhere/token"}, "/nowhere/token"),
    ],
)
async def test_what_cannot_be_used_is_said(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        await log_in(kubeconfig(tmp_path, user=user, **cluster), "")


async def test_a_plugin_gives_a_token_until_it_expires(tmp_path: Path) -> None:
    script = credential(token="fresh", expirationTimestamp="2026-01-02T03:04:05Z")
    endpoint = await log_in(kubeconfig(tmp_path, user=plugin(tmp_path, script)), "")
    assert endpoint.headers == (("Authorization", "Bearer fresh"),)
    assert endpoint.expires is not None
    assert endpoint.expires.isoformat() == "2026-01-02T03:04:05+00:00"


async def test_a_plugin_may_give_a_certificate(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    pair = [path.read_text() for path in certificate]
    script = credential(clientCertificateData=pair[0], clientKeyData=pair[1])
    endpoint = await log_in(kubeconfig(tmp_path, user=plugin(tmp_path, script)), "")
    assert endpoint.certificate
    assert endpoint.headers == ()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'SSO session has expired' >&2; exit 255", "ended with exit code 255: SSO session has expired$"),
        ("exit 3", "ended with exit code 3$"),
        ("echo 'not json'", "failed to decode process output"),
        (credential(), "neither a token nor a certificate"),
        (credential(clientCertificateData="x"), "neither a token nor a certificate"),
    ],
)
async def test_a_failing_plugin_is_named_with_its_words_and_the_login(
    tmp_path: Path, script: str, message: str
) -> None:
    path = kubeconfig(tmp_path, user=plugin(tmp_path, script, name="aws"))
    with pytest.raises(Unauthorized, match=f"(?s)'aws'.*{message}") as raised:
        await log_in(path, "")
    assert raised.value.hint == "log in again: aws sso login"


async def test_a_plugin_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "v1", "command": "no-such-plugin", "args": ["--secret=x"]}}
    with pytest.raises(Unauthorized, match="'no-such-plugin' of this context is not installed") as raised:
        await log_in(kubeconfig(tmp_path, user=user), "")
    assert "install no-such-plugin" in raised.value.hint
    user["exec"]["installHint"] = "brew install it"
    with pytest.raises(Unauthorized) as hinted:
        await log_in(kubeconfig(tmp_path, user=user), "")
    assert hinted.value.hint == "brew install it"


async def test_a_user_that_is_not_defined_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="user 'other' is not defined"):
        await log_in(kubeconfig(tmp_path, user={}, user_name="other"), "")


@pytest.fixture
def service_account(tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pod's mounted service account, and no kubeconfig."""
    (tmp_path / "token").write_text("projected")
    (tmp_path / "namespace").write_text("tools")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(certificate[0]))
    monkeypatch.setattr(login, "SERVICE_ACCOUNT_NAMESPACE", str(tmp_path / "namespace"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    for name, value in (("HOST", "fd00::1"), ("PORT", "443")):
        monkeypatch.setitem(os.environ, f"KUBERNETES_SERVICE_{name}", value)
    return tmp_path


async def test_in_a_pod_the_service_account_is_used(service_account: Path) -> None:
    endpoint = await log_in("", "")
    assert (endpoint.url, endpoint.context, endpoint.namespace) == ("https://[fd00::1]:443", "in-cluster", "tools")
    assert endpoint.headers == (("Authorization", "bearer projected"),)


async def test_in_a_pod_there_are_no_other_contexts(service_account: Path) -> None:
    with pytest.raises(UsageError, match="there is no kubeconfig"):
        await log_in("", "prod")


async def test_a_pod_without_a_token_is_told_so(service_account: Path) -> None:
    (service_account / "token").unlink()
    with pytest.raises(UsageError, match="service account cannot be used"):
        await log_in("", "")


async def test_without_any_configuration_the_lab_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(UsageError, match="there is no kubeconfig") as raised:
        await log_in("", "")
    assert "vops --lab" in raised.value.hint


def oidc(expires: int) -> dict[str, Any]:
    """The `user` of an OIDC login whose token expires at a Unix time."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({}, {"exp": expires})]
    config = {
        "id-token": ".".join([*parts, "signature"]),
        "refresh-token": "r",
        "idp-issuer-url": "https://idp.example",
    }
    return {"auth-provider": {"name": "oidc", "config": config | {"client-id": "c", "client-secret": "s"}}}


@pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")  # the package, on Python 3.12
async def test_an_oidc_token_is_used_until_it_expires(tmp_path: Path) -> None:
    user = oidc(expires=4_000_000_000)
    endpoint = await log_in(kubeconfig(tmp_path, user=user), "")
    assert endpoint.headers == (("Authorization", f"Bearer {user['auth-provider']['config']['id-token']}"),)
    with pytest.raises(Unauthorized, match="OIDC token in the kubeconfig has expired") as raised:
        await log_in(kubeconfig(tmp_path, user=oidc(expires=1_000_000_000)), "")
    assert "kubelogin" in raised.value.hint
