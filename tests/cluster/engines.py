"""Fake vLLM servers and DCGM exporters on the addresses of kwok's pods, as one process for hundreds of them.

Pages are the recorded ones; their counters go on at the recorded speed, so that rates move. Standard input names the
servers, one JSON object a line: `{"address", "port", "load", "model"}` or `{"address", "port", "gpus": […]}`.
Run by `python -m tests.cluster.engines`; it prints a line when all that were named listen.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tests.cluster.images import LOADS

_MODEL = re.compile(r'model_name="[^"]*"')


class Page:
    """One recorded load, as a page for any later second; made once a second, whoever asks."""

    def __init__(self, load: Mapping[str, Any], started: float) -> None:
        early = dict(_samples(load["early"]))
        self._started = started
        self._lines: list[tuple[str, float, float, bool]] = []
        counts = False
        for line in load["late"].splitlines():
            if line.startswith("#"):
                counts = not line.endswith(" gauge") if line.startswith("# TYPE") else counts
                self._lines.append((line, 0.0, 0.0, False))
                continue
            name, value = _sample(line)
            speed = (value - early.get(name, value)) / load["seconds"] if counts else 0.0
            value = started if name.startswith("process_start_time_seconds") else value
            self._lines.append((name, value, speed, value.is_integer() and early.get(name, value).is_integer()))
        self._made = (-1, "")

    def text(self, now: float) -> str:
        second = int(now - self._started)
        if self._made[0] != second:
            self._made = (second, "\n".join(_line(*line, second) for line in self._lines) + "\n")
        return self._made[1]


def _line(name: str, value: float, speed: float, whole: bool, seconds: int) -> str:
    if name.startswith("#"):
        return name
    value += speed * seconds
    return f"{name} {float(int(value)) if whole else value}"


def _samples(page: str) -> Sequence[tuple[str, float]]:
    return [_sample(line) for line in page.splitlines() if not line.startswith("#")]


def _sample(line: str) -> tuple[str, float]:
    name, _, value = line.rpartition(" ")
    return name, float(value)


def vllm_routes(model: str, page: Page) -> Callable[[str], str | None]:
    """What a ready vLLM answers by path; None is a 404."""
    label = f'model_name="{model}"'
    models = {"object": "list", "data": [{"id": model, "object": "model", "owned_by": "vllm", "max_model_len": 8192}]}
    fixed = {"/health": "", "/version": '{"version":"0.25.1"}', "/v1/models": json.dumps(models)}
    made = (0.0, "")

    def answer(path: str) -> str | None:
        nonlocal made
        if path != "/metrics":
            return fixed.get(path)
        now = float(int(time.time()))
        if made[0] != now:
            made = (now, _MODEL.sub(label, page.text(now)))
        return made[1]

    return answer


def dcgm_routes(gpus: Sequence[Mapping[str, str]]) -> Callable[[str], str | None]:
    """What a DCGM exporter answers for the GPUs of its node; `gpus` are their labels."""

    def answer(path: str) -> str | None:
        return dcgm_page(gpus, time.time()) if path == "/metrics" else None

    return answer


def dcgm_page(gpus: Sequence[Mapping[str, str]], now: float) -> str:
    """The exporter's default gauges; utilisation goes up and down, differently for each GPU."""
    gauges: dict[str, Callable[[int], float]] = {
        "DCGM_FI_DEV_GPU_UTIL": lambda index: 40 + (int(now) * 7 + index * 13) % 60,
        "DCGM_FI_DEV_FB_USED": lambda index: 60000 + index,
        "DCGM_FI_DEV_FB_FREE": lambda index: 20000 - index,
        "DCGM_FI_DEV_POWER_USAGE": lambda index: 300 + (int(now) + index) % 100,
        "DCGM_FI_DEV_GPU_TEMP": lambda index: 50 + index % 8,
        "DCGM_FI_DEV_XID_ERRORS": lambda _index: 0,
    }
    lines = []
    for name, value in gauges.items():
        lines += [f"# HELP {name} As recorded by DCGM.", f"# TYPE {name} gauge"]
        for index, labels in enumerate(gpus):
            lines.append(
                f"{name}{{{','.join(f'{key}={json.dumps(text)}' for key, text in labels.items())}}} {value(index)}"
            )
    return "\n".join(lines) + "\n"


class _Http(asyncio.Protocol):
    """Just enough HTTP/1.1 for GET with keep-alive."""

    def __init__(self, answer: Callable[[str], str | None]) -> None:
        self._answer = answer
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while b"\r\n\r\n" in self._pending:
            head, _, self._pending = self._pending.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode().partition("?")[0]
            body = self._answer(path)
            status = "404 Not Found" if body is None else "200 OK"
            content = (body or "").encode()
            self._transport.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                + content
            )


async def _serve(servers: Sequence[Mapping[str, Any]]) -> None:
    loop = asyncio.get_running_loop()
    started = float(int(time.time()))
    pages = {name: Page(load, started) for name, load in LOADS.items()}
    for server in servers:
        answer = (
            dcgm_routes(server["gpus"]) if "gpus" in server else vllm_routes(server["model"], pages[server["load"]])
        )
        await loop.create_server(partial(_Http, answer), server["address"], server["port"], backlog=64)
    sys.stdout.write(f"listening: {len(servers)}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve([json.loads(line) for line in sys.stdin if line.strip()]))
