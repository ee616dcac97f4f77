"""A log and nothing else gives a diagnosis: on standard input, or a folder of logs of servers and other components."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import RunVops

DATA = Path(__file__).parents[1] / "data"
TOKEN = "hf_abcdefghijklmnopqrstuvwx"
SHOWN = {
    "dead-engine": "engine-dead",
    "fail-arch": "unsupported-architecture",
    "fail-dns": "hub-unreachable",
    "fail-gated401": "token-missing",
    "fail-gpu-busy": "gpu-memory-not-free",
    "fail-nocuda": "no-cuda-visible",
    "fail-notfound": "model-not-found",
    "fail-port-inuse": "port-in-use",
    "fail-quant-mismatch": "quantization-mismatch",
    "fail-ratelimit": "hub-rate-limit",
    "fail-truncated": "corrupted-download",
    "fail-weights-oom": "cuda-oom-weights",
}
NEWLINE = f"""\
Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/httpx/_client.py", line 1, in send
httpx.LocalProtocolError: Illegal header value b'Bearer {TOKEN}\\n'
"""


async def test_a_log_on_standard_input_is_diagnosed(vops: RunVops) -> None:
    done = await vops("diagnose", "-", "-o", "json", given=(DATA / "logs" / "fail-gated403.log").read_bytes())
    first = done.document["findings"][0]
    assert (done.code, first["cause"]) == (1, "gated-model")
    assert first["evidence"][0]["source"] == "log"


async def test_a_folder_of_logs_gives_a_cause_for_each(vops: RunVops, tmp_path: Path) -> None:
    for name in SHOWN:
        (tmp_path / f"{name}.log").write_bytes((DATA / "logs" / f"{name}.log").read_bytes())
    done = await vops("diagnose", "--from", str(tmp_path), "-o", "json")
    found = {report["subject"]["name"]: report["findings"][0]["cause"] for report in done.document}
    assert (done.code, found) == (1, SHOWN)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("curl: (6) Could not resolve host: huggingface.co\n", "hub-unreachable"),
        ("bash: line 1: vllm: command not found\n", "bad-entrypoint"),
        (
            'time="x" level=fatal msg="Error starting dcgm-exporter: Failed to initialize NVML"\n',
            "dcgm-exporter-failure",
        ),
    ],
)
async def test_the_log_of_another_component_is_diagnosed(vops: RunVops, text: str, cause: str) -> None:
    done = await vops("diagnose", "-", "-o", "json", given=text.encode())
    assert (done.code, done.document["findings"][0]["cause"]) == (1, cause)


@pytest.mark.parametrize("name", ["log", "message", "msg"])
async def test_a_log_of_json_lines_is_a_log(vops: RunVops, name: str) -> None:
    lines = (DATA / "logs" / "fail-gated403.log").read_text("utf-8").splitlines()
    text = "".join(json.dumps({"level": "info", name: f"{line}\n"}) + "\n" for line in lines)
    done = await vops("diagnose", "-", "-o", "json", given=text.encode())
    assert (done.code, done.document["findings"][0]["cause"]) == (1, "gated-model")


@pytest.mark.parametrize("output", ["json", "text", "md"])
async def test_a_token_that_a_log_quotes_is_not_repeated(vops: RunVops, output: str) -> None:
    done = await vops("diagnose", "-", "-o", output, given=NEWLINE.encode())
    assert TOKEN not in done.out + done.err
    assert "token-missing" in done.out


async def test_a_healthy_log_is_no_failure(vops: RunVops) -> None:
    done = await vops("diagnose", "-", "-o", "json", given=(DATA / "logs" / "size-qwen06.log").read_bytes())
    assert (done.code, done.document["findings"]) == (0, [])


async def test_what_was_not_checked_is_a_line_unless_all_is_asked_for(vops: RunVops) -> None:
    text = b"0/3 nodes are available: 1 Insufficient memory, 2 node(s) had volume node affinity conflict."
    short, whole = await vops("diagnose", "-", given=text), await vops("diagnose", "-", "--verbose", given=text)
    assert short.out.count("not checked") == 1
    assert whole.out.count("not checked: ") > 10
    document = (await vops("diagnose", "-", "-o", "json", given=text)).document
    assert len(document["skipped"]) == whole.out.count("not checked: ")
