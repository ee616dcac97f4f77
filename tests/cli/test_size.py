"""`vops size` as users run it: from a file, from stdin, from a Hub, and with everything that can be wrong."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import RunVops
from tests.hub import StandInHub, stand_in_hub

DATA = Path(__file__).parents[1] / "data" / "sizing"
LLAMA = DATA / "configs" / "llama3-8b.json"
LLAMA_70B = DATA / "configs" / "llama3-70b.json"
CONTRACT = {
    "fits",
    "limited_by",
    "weights_bytes_per_gpu",
    "activation_bytes_per_gpu",
    "graph_bytes_per_gpu",
    "kv_cache_bytes_per_gpu",
    "kv_bytes_per_token",
    "kv_cache_tokens",
    "max_concurrent_sequences",
    "suggestions",
}
ON_L4 = ("--gpu", "L4", "--config", str(LLAMA))
LLAMA_ID = "meta-llama/Meta-Llama-3-8B-Instruct"


@pytest.fixture
def hub(environment: dict[str, str], tmp_path: Path) -> Iterator[StandInHub]:
    with stand_in_hub() as started:
        environment |= {"HF_ENDPOINT": started.url, "HF_HOME": str(tmp_path / "hf")}
        yield started


def _llama() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(LLAMA.read_text("utf-8"))
    return found


async def test_the_document_keeps_the_contract(vops: RunVops) -> None:
    done = await vops("size", "llama", *ON_L4, "--vllm", "0.8.5", "-o", "json")
    document = done.document
    assert (done.code, done.err, document["schema"]) == (0, "", "vops.size/v1")
    assert document.keys() >= CONTRACT
    assert document["kv_bytes_per_token"] == 131072
    assert document["kv_cache_tokens"] == pytest.approx(29_000, rel=0.05)
    assert (document["fits"], document["limited_by"], document["max_concurrent_sequences"]) == (True, "kv-cache", 3)


async def test_text_says_the_verdict_first_and_stays_within_eighty_columns(vops: RunVops) -> None:
    done = await vops("size", LLAMA_ID, "--gpu", "L4", "--tp", "2", "-q", "awq", "--config", str(LLAMA_70B))
    assert done.out.startswith("✗ does not fit  " + LLAMA_ID)
    assert max(map(len, done.out.splitlines())) < 80
    assert done.out.index("= KV cache") < done.out.index("to make it fit") < done.out.index("--tensor-parallel-size 4")


async def test_a_model_that_does_not_fit_is_an_answer_and_not_an_error(vops: RunVops) -> None:
    done = await vops("size", "--gpu", "T4", "--config", str(LLAMA), "-o", "json")
    assert (done.code, done.document["fits"], done.document["limited_by"]) == (0, False, "weights")
    assert done.document["kv_cache_bytes_per_gpu"] == 0
    assert done.document["short_bytes_per_gpu"] > 0
    assert done.document["placements"]


async def test_a_configuration_comes_from_stdin_too(vops: RunVops) -> None:
    piped = await vops("size", "llama", "--gpu", "L4", "--config", "-", "-o", "json", given=LLAMA.read_bytes())
    filed = await vops("size", "llama", *ON_L4, "-o", "json")
    assert piped.document == filed.document


async def test_a_folder_is_a_model(vops: RunVops, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(LLAMA.read_bytes())
    done = await vops("size", str(tmp_path), "--gpu", "L4", "-o", "json")
    assert done.document["parameters"] == 8030261248


async def test_weights_bytes_override_the_shapes(vops: RunVops) -> None:
    done = await vops("size", *ON_L4, "--weights-bytes", "5000000000", "-o", "json")
    assert done.document["weights_bytes_per_gpu"] == pytest.approx(5e9, rel=0.01)


async def test_flags_are_read_as_vllm_reads_them(vops: RunVops) -> None:
    done = await vops("size", *ON_L4, "--max-model-len", "4k", "--kv-cache-dtype", "fp8", "--pp", "2", "-o", "json")
    settings = done.document["settings"]
    assert (settings["max_model_len"], settings["pipeline_parallel_size"]) == (4000, 2)
    assert (done.document["gpus"], done.document["kv_bytes_per_token"]) == (2, 32768)


async def test_a_concurrency_without_a_card_is_answered_for_the_cheapest_one(vops: RunVops) -> None:
    done = await vops("size", "--config", str(LLAMA), "--max-model-len", "8192", "--concurrency", "40", "-o", "json")
    found = done.document
    assert found["fits"]
    assert found["max_concurrent_sequences"] >= 40
    first = found["placements"][0]
    assert (found["gpu"], found["gpus"]) == (first["gpu"], first["gpus"])


async def test_the_cheapest_cards_for_a_concurrency_are_found(vops: RunVops) -> None:
    done = await vops("size", *ON_L4, "--max-model-len", "8192", "--concurrency", "40", "-o", "json")
    placements = done.document["placements"]
    assert all(item["max_concurrent_sequences"] >= 40 for item in placements)
    assert placements[0]["gpu"] != "H100"


async def test_what_a_start_logged_is_preferred_from_then_on(vops: RunVops) -> None:
    log = (DATA / "starts" / "size-l8-027.log").read_bytes()
    asked = ["size", "llama", "--gpu", "H100", "--config", str(LLAMA), "--gpu-memory-utilization", "0.27"]
    asked += ["--enforce-eager", "--vllm", "0.25.1", "-o", "json"]
    learned = await vops(*asked, "--learn", "-", given=log)
    assert learned.err.startswith("recorded in ")
    again = (await vops(*asked)).document
    assert (again["kv_cache_tokens"], again["measured"]["kv_available_gib"]) == (43568, 5.32)
    other = (await vops(*asked, "--max-num-seqs", "64")).document
    assert other["measured"] is None


async def test_a_start_is_recorded_for_the_flags_that_its_log_begins_with(vops: RunVops) -> None:
    log = (DATA / "starts" / "size-l8-045-fp8.log").read_bytes()
    asked = ["size", "llama", "--gpu", "H100", "--config", str(LLAMA), "-o", "json"]
    learned = await vops(*asked, "--learn", "-", given=log)
    assert (learned.document["kv_cache_tokens"], learned.document["fits"]) == (213568, True)
    assert "flags that the log begins with" in learned.err
    flags = ["--vllm", "0.25.1", "--gpu-memory-utilization", "0.45", "-q", "fp8", "--enforce-eager"]
    again = await vops(*asked, *flags, "--max-model-len", "8192")
    assert again.document["measured"]["weights_gib"] == 8.49
    assert (await vops(*asked)).document["measured"] is None


async def test_a_node_of_the_cluster_names_its_card(vops: RunVops) -> None:
    fleet = (await vops("--lab", "fleet", "-o", "json")).document
    node = next(replica["node"] for replica in fleet["replicas"] if replica["node"])
    done = await vops("--lab", "size", "--node", node, "--config", str(LLAMA), "-o", "json")
    assert (done.code, done.document["fits"]) == (0, True)


PROBE = """
import sys
from vops.cli.main import main
sys.argv = ["vops", "size", "--gpu", "L4", "--config", {config!r}, "-o", "json"]
try:
    main()
except SystemExit:
    pass
print("LOADED", *sorted({heavy!r} & sys.modules.keys()))
"""
HEAVY = {"huggingface_hub", "httpx2", "httpx", "aiohttp", "kubernetes", "textual", "requests"}


def test_a_file_is_sized_without_any_client(environment: dict[str, str]) -> None:
    code = PROBE.format(config=str(LLAMA), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.splitlines()[-1] == "LOADED"


async def test_a_draft_model_takes_weights_and_cache(vops: RunVops) -> None:
    draft = json.dumps(
        {"method": "draft_model", "num_speculative_tokens": 3, "model": str(DATA / "configs/qwen3-0.6b.json")}
    )
    plain = (await vops("size", *ON_L4, "-o", "json")).document
    drafting = (await vops("size", *ON_L4, "--speculative-config", draft, "-o", "json")).document
    assert drafting["weights_bytes_per_gpu"] > plain["weights_bytes_per_gpu"] + 1e9
    assert drafting["kv_bytes_per_token"] > plain["kv_bytes_per_token"]


# --- the Hub ----------------------------------------------------------------------------------------------


async def test_a_hub_id_is_sized_from_its_metadata(vops: RunVops, hub: StandInHub) -> None:
    hub.add(LLAMA_ID, _llama(), total_size=16060522496)
    done = await vops("size", LLAMA_ID, "--gpu", "L4", "-o", "json")
    assert (done.code, done.document["parameters"]) == (0, 8030261248)
    assert not any(path.endswith(".safetensors") for path in hub.requests)


async def test_a_single_file_is_measured_by_its_header_alone(vops: RunVops, hub: StandInHub) -> None:
    quantized = _llama() | {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
    hub.add("owner/llama-awq", quantized)
    header = json.dumps({"a": {"dtype": "I32", "shape": [1], "data_offsets": [0, 5_600_000_000]}}).encode()
    hub.files["owner/llama-awq/model.safetensors"] = struct.pack("<Q", len(header)) + header + b"0" * 2_000_000
    done = await vops("size", "owner/llama-awq", "--gpu", "T4", "-o", "json")
    assert done.document["weights_bytes_per_gpu"] == pytest.approx(5.6e9, rel=0.01)
    assert hub.sent_bytes < 200_000


@pytest.mark.parametrize(
    ("refusal", "code", "said", "hint"),
    [
        ((403, "GatedRepo", {}), 4, "is gated", "HF_TOKEN"),
        ((401, "GatedRepo", {}), 4, "is gated", "licence"),
        ((401, "", {}), 4, "refuses this token", "HF_TOKEN"),
        ((401, "RepoNotFound", {}), 2, "no model owner/model", "spelling"),
        ((404, "RevisionNotFound", {}), 2, "no such revision", "--revision"),
        ((429, "", {"Retry-After": "3"}), 12, "rate of requests", "wait"),
        ((503, "", {}), 12, "answers 503", "--config"),
    ],
)
async def test_refusals_of_the_hub_are_told(
    vops: RunVops, hub: StandInHub, refusal: tuple[int, str, dict[str, str]], code: int, said: str, hint: str
) -> None:
    hub.refusal = refusal
    done = await vops("size", "owner/model", "--gpu", "L4")
    assert (done.code, done.out) == (code, "")
    assert said in done.err.splitlines()[0]
    assert hint in done.err.splitlines()[1]


async def test_a_model_or_configuration_that_is_not_there_is_invalid_input(vops: RunVops, hub: StandInHub) -> None:
    hub.files["owner/adapter/README.md"] = b""
    missing, empty = (
        await vops("size", "owner/nothing", "--gpu", "L4"),
        await vops("size", "owner/adapter", "--gpu", "L4"),
    )
    assert (missing.code, empty.code) == (2, 2)
    assert "the Hub has no model owner/nothing" in missing.err
    assert "owner/adapter has no config.json" in empty.err


async def test_without_the_hub_the_error_says_what_else_to_give(vops: RunVops, environment: dict[str, str]) -> None:
    environment |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": environment["HOME"]}
    down = await vops("size", "owner/model", "--gpu", "L4")
    environment |= {"HF_HUB_OFFLINE": "1"}
    offline = await vops("size", "owner/model", "--gpu", "L4")
    assert (down.code, offline.code) == (12, 12)
    assert "does not answer" in down.err
    assert "HF_HUB_OFFLINE is set" in offline.err
    assert "--config FILE" in down.err


async def test_certificates_that_cannot_be_read_are_no_bug_of_vops(
    vops: RunVops, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("empty.pem", "missing.pem"):
        environment |= {"SSL_CERT_FILE": str(tmp_path / name)}
        ended = await vops("size", "owner/model", "--gpu", "L4")
        assert (ended.code, "SSL_CERT_FILE" in ended.err) == (12, True), ended.err


# --- wrong input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", str(LLAMA)], "no card to size for"),
        (["--config", str(LLAMA), "--concurrency", "2000000000"], "no card that vops knows holds 2000000000 such"),
        ([*ON_L4, "--max-model-len", "9" * 20], "is not a number of tokens"),
        ([*ON_L4, "--max-num-seqs", "9" * 20], "less than or equal to"),
        (["--gpu", "L5", "--config", str(LLAMA)], "--gpu 'L5' is not a card"),
        (["--gpu", "L4"], "nothing to size"),
        ([*ON_L4, "--node", "a"], "both name a card"),
        ([*ON_L4, "--vllm", "tomorrow"], "--vllm 'tomorrow'"),
        ([*ON_L4, "--max-model-len", "long"], "--max-model-len 'long'"),
        ([*ON_L4, "--gpu-memory-utilization", "1.5"], "--gpu-memory-utilization 1.5"),
        ([*ON_L4, "--kv-cache-dtype", "fp9"], "--kv-cache-dtype 'fp9'"),
        ([*ON_L4, "--quantization", "magic"], "--quantization 'magic'"),
        ([*ON_L4, "--speculative-config", "{"], "--speculative-config is not JSON"),
        ([*ON_L4, "--gpu-memory-gib", "-1"], "--gpu-memory-gib -1"),
        ([*ON_L4, "--gpu-memory-gib", "inf"], "--gpu-memory-gib inf"),
        ([*ON_L4, "--gpu-memory-gib", "nan"], "--gpu-memory-gib nan"),
        ([*ON_L4, "--cpu-offload-gb", "inf"], "--cpu-offload-gb inf"),
        ([*ON_L4, "--tp", "99999"], "less than or equal to 4096"),
        ([*ON_L4, "--dtype", "int7"], "--dtype 'int7'"),
        ([*ON_L4, "--speculative-config", '{"num_speculative_tokens": 1e9}'], "num_speculative_tokens 1000000000.0"),
        (["--gpu", "L4", "--config", "/dev/zero"], "too large for a model's configuration"),
        (["--gpu", "L4", "--config", "/nowhere/config.json"], "/nowhere/config.json: cannot be read"),
        ([*ON_L4, "--learn", "/nowhere/log"], "/nowhere/log: cannot be read"),
    ],
)
async def test_wrong_requests_name_the_flag_or_the_file(vops: RunVops, arguments: list[str], said: str) -> None:
    done = await vops("size", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{\n  'a': 1\n}", ":2: is not JSON"),
        ("[]", ":1: is a JSON list"),
        ("{}", "has no num_attention_heads"),
        ('{\n"hidden_size": 8,\n"num_attention_heads": "x"}', ":3: num_attention_heads is 'x'"),
        ('{"num_attention_heads": 8, "hidden_size": -1}', "hidden_size is -1"),
    ],
)
async def test_wrong_configurations_name_the_file_and_line(vops: RunVops, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    done = await vops("size", "--gpu", "L4", "--config", str(path))
    assert (done.code, done.out) == (2, "")
    assert f"{path}" in done.err
    assert said in done.err
