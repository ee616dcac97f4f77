"""Pods that keep changing: a thread that patches one after the other at a steady pace until it is left."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from tests.cluster.controlplane import ADDRESS, PORT, ControlPlane


class Churn:
    """`per_s` annotations a second on `pods` of a namespace, while it is entered; `made` counts them."""

    def __init__(self, plane: ControlPlane, namespace: str, pods: Sequence[str], per_s: float) -> None:
        self._certificate = str(plane.directory / "tls/apiserver.crt")
        self._namespace, self._pods, self._pause_s = namespace, pods, 1 / per_s
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._change, daemon=True)
        self.made = 0

    def __enter__(self) -> Churn:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def _change(self) -> None:
        context = ssl.create_default_context(cafile=self._certificate)
        connection = http.client.HTTPSConnection(ADDRESS, PORT, timeout=10, context=context)
        headers = {"Authorization": "Bearer admin", "Content-Type": "application/merge-patch+json"}
        due = time.monotonic()
        for number, pod in enumerate(itertools.cycle(self._pods)):
            if self._left.wait(max(0.0, due - time.monotonic())):
                break
            body = json.dumps({"metadata": {"annotations": {"churn": str(number)}}})
            connection.request("PATCH", f"/api/v1/namespaces/{self._namespace}/pods/{pod}", body, headers)
            connection.getresponse().read()
            self.made += 1
            due += self._pause_s
        connection.close()
