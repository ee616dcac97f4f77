"""A real control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

RBAC is on. `admin` may do everything; every other user of a token made here may do what a test grants.
"""

from __future__ import annotations

import base64
import http.client
import json
import signal
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.processes import Server, Workspace, wait_for

ADDRESS = "10.88.0.1"
PORT = 6443
ETCD_PORT = 2379
USERS = ("reader", "stranger")
"""Users without any permission of their own, beside `admin`."""
ISSUER = "https://kubernetes.default.svc"

Document = dict[str, Any]


class KubectlFailed(RuntimeError):
    """kubectl ended with another code than 0."""


@dataclass
class ControlPlane:
    """The four servers and what is needed to talk to them."""

    workspace: Workspace
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return self.workspace.directory("controlplane")

    @property
    def url(self) -> str:
        return f"https://{ADDRESS}:{PORT}"

    @property
    def admin(self) -> Path:
        """The kubeconfig of a cluster administrator."""
        return self.directory / "admin.kubeconfig"

    def start(self) -> ControlPlane:
        """Everything, until the API server is ready and default service accounts are made; 4 to 6 s on two cores."""
        self._write_credentials()
        self._serve("etcd", *self._etcd())
        self._serve("kube-apiserver", *self._api_server())
        wait_for("the API server's certificate", (self.directory / "tls/apiserver.crt").exists, within_s=30)
        self.kubeconfig("admin", token="admin")
        self.wait_until_ready()
        self._serve("kube-controller-manager", *self._controller_manager())
        self._serve("kube-scheduler", *self._scheduler())
        wait_for("the default service account", self._service_account_exists, within_s=30, servers=self._all())
        return self

    def stop(self) -> None:
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self.servers:
                self.servers[name].stop(by=signal.SIGKILL)

    def kill_api_server(self) -> None:
        """As a machine that loses power would: nobody is told."""
        self.servers["kube-apiserver"].stop(by=signal.SIGKILL)

    def restart_api_server(self) -> None:
        """Starts it where it does not run, and returns when it is ready."""
        if self.servers["kube-apiserver"].process is None:
            self.servers["kube-apiserver"].start()
        self.wait_until_ready()

    def wait_until_ready(self, within_s: float = 60.0) -> None:
        wait_for("the API server", self.is_ready, within_s=within_s, servers=self._all())

    def kubeconfig(self, user: str, *, token: str, namespace: str = "default", server: str = "") -> Path:
        """Writes `USER.kubeconfig`, whose only context is called USER, and returns its path."""
        path = self.directory / f"{user}.kubeconfig"
        certificate = base64.b64encode((self.directory / "tls/apiserver.crt").read_bytes()).decode()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "real",
                    "cluster": {"server": server or self.url, "certificate-authority-data": certificate},
                }
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": user, "context": {"cluster": "real", "user": user, "namespace": namespace}}],
            "current-context": user,
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def kubectl(self, *arguments: str, given: str | None = None, within_s: float = 60.0) -> str:
        """What kubectl prints for the administrator; `given` is its standard input. Raises KubectlFailed."""
        done = subprocess.run(
            ["kubectl", "--kubeconfig", str(self.admin), *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Document:
        """`kubectl get … -o json`, decoded, with its managedFields."""
        answer: Document = json.loads(self.kubectl("get", *arguments, "--show-managed-fields", "-o", "json"))
        return answer

    def make_namespace(self, name: str) -> None:
        """Returns when pods can be made in it."""
        self.kubectl("create", "namespace", name)
        wait_for("its service account", lambda: self._service_account_exists(name))

    def apply(self, *documents: Document) -> None:
        listing = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self.kubectl("apply", "--server-side", "--field-manager=kubectl", "-f", "-", given=json.dumps(listing))

    def expired_token(self, namespace: str = "default", account: str = "default") -> str:
        """A service account token that this API server signed and that expired an hour ago."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": [ISSUER],
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "iat": now - 7200,
            "nbf": now - 7200,
            "exp": now - 3600,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": "unknown"}},
        }
        signed = f"{_base64url(json.dumps({'alg': 'RS256'}).encode())}.{_base64url(json.dumps(claims).encode())}"
        key = str(self.directory / "service-account.key")
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", key], input=signed.encode(), capture_output=True, check=True
        )
        return f"{signed}.{_base64url(signature.stdout)}"

    # --- the parts --------------------------------------------------------------------------------------------

    def _serve(self, name: str, *flags: str) -> None:
        self.servers[name] = Server(name, [name, *flags], self.workspace.logs / f"{name}.log").start()

    def _all(self) -> Sequence[Server]:
        return tuple(self.servers.values())

    def _write_credentials(self) -> None:
        key = self.directory / "service-account.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        rows = ["admin,admin,admin,system:masters", *(f"{user},{user},{user}" for user in USERS)]
        (self.directory / "tokens.csv").write_text("\n".join(rows) + "\n")

    def _etcd(self) -> Sequence[str]:
        client = f"http://127.0.0.1:{ETCD_PORT}"
        return (
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def _api_server(self) -> Sequence[str]:
        key = self.directory / "service-account.key"
        return (
            f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
            f"--advertise-address={ADDRESS}",
            f"--secure-port={PORT}",
            f"--cert-dir={self.directory / 'tls'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged=true",
        )

    def _controller_manager(self) -> Sequence[str]:
        return (
            f"--kubeconfig={self.admin}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self.directory / 'service-account.key'}",
            f"--root-ca-file={self.directory / 'tls/apiserver.crt'}",
            f"--cert-dir={self.directory / 'controller-manager-tls'}",
            "--concurrent-deployment-syncs=5",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        )

    def _scheduler(self) -> Sequence[str]:
        return (
            f"--kubeconfig={self.admin}",
            "--leader-elect=false",
            f"--cert-dir={self.directory / 'scheduler-tls'}",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        )

    def is_ready(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.directory / "tls/apiserver.crt"))
        connection = http.client.HTTPSConnection(ADDRESS, PORT, timeout=2, context=context)
        try:
            connection.request("GET", "/readyz", headers={"Authorization": "Bearer admin"})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _service_account_exists(self, namespace: str = "default") -> bool:
        try:
            self.kubectl("get", "serviceaccount", "default", "-n", namespace)
        except KubectlFailed:
            return False
        return True


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
