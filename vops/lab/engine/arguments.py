"""vLLM's command line, read the way vLLM reads it; leaves out the checks that need the model or the GPU."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vops.lab.engine.versions import Version

_SHORT = {"-tp": "--tensor-parallel-size", "-pp": "--pipeline-parallel-size", "-q": "--quantization"}
_SWITCHES = {
    "--enforce-eager",
    "--enable-prefix-caching",
    "--enable-chunked-prefill",
    "--trust-remote-code",
    "--enable-auto-tool-choice",
    "--enable-server-load-tracking",
    "--disable-log-requests",
    "--disable-log-stats",
    "--async-scheduling",
}
_SUFFIXES = {"k": 1000, "K": 1024, "m": 1_000_000, "M": 1_048_576}


class BadArguments(Exception):
    """What argparse says before it exits with 2."""


@dataclass(frozen=True)
class Arguments:
    """The arguments that the simulation heeds; `given` are all of them as vLLM logs its non-default args."""

    model: str = ""
    served: str = ""
    host: str = "0.0.0.0"  # noqa: S104  vLLM's own default
    port: int = 8000
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    kv_cache_dtype: str = "auto"
    quantization: str = ""
    enforce_eager: bool = False
    api_key: str = ""
    prefix_caching: bool = True
    given: Mapping[str, object] = field(default_factory=dict)


def parse(command: Sequence[str], version: Version) -> Arguments:
    """The arguments of `vllm serve MODEL …`, of the module form, or of an image whose entry point is vLLM.

    Raises BadArguments.
    """
    flags, positional = _split(_after_program(_unwrapped(command)))
    removed = [flag for flag in flags if flag in version.removed_flags]
    if removed:
        raise BadArguments(f"unrecognized arguments: {' '.join(removed)}")
    model = flags.pop("--model", None) or (positional[0] if positional else "Qwen/Qwen3-0.6B")
    served = flags.get("--served-model-name", model).split()[0]
    given: dict[str, object] = {"model_tag": model} if positional else {}
    for flag, value in flags.items():
        given[flag.lstrip("-").replace("-", "_")] = _plain(value)
    given["model"] = model
    if "--served-model-name" in flags:
        given["served_model_name"] = flags["--served-model-name"].split()
    return Arguments(
        model=model,
        served=served,
        host=flags.get("--host", Arguments.host),
        port=_whole(flags, "--port") or Arguments.port,
        max_model_len=_whole(flags, "--max-model-len"),
        gpu_memory_utilization=_share(flags, "--gpu-memory-utilization"),
        tensor_parallel=_whole(flags, "--tensor-parallel-size") or 1,
        pipeline_parallel=_whole(flags, "--pipeline-parallel-size") or 1,
        max_num_seqs=_whole(flags, "--max-num-seqs"),
        max_num_batched_tokens=_whole(flags, "--max-num-batched-tokens"),
        kv_cache_dtype=flags.get("--kv-cache-dtype", "auto"),
        quantization=flags.get("--quantization", ""),
        enforce_eager="--enforce-eager" in flags,
        api_key=flags.get("--api-key", ""),
        prefix_caching="--no-enable-prefix-caching" not in flags,
        given=given,
    )


def _unwrapped(command: Sequence[str]) -> list[str]:
    """The command inside `sh -c '…'`, if it is in one: what follows the last `&&`."""
    words = list(command)
    if len(words) >= 3 and words[0].rpartition("/")[2] in ("sh", "bash") and words[1].startswith("-"):
        words = shlex.split(" ".join(words[2].replace("\\\n", " ").splitlines()).rpartition("&&")[2])
        words = words[1:] if words[:1] == ["exec"] else words
    return words


def _after_program(words: list[str]) -> list[str]:
    """What follows the program's own name: `vllm serve`, `python3 -m vllm…api_server`, or nothing."""
    if words[:1] and words[0].rpartition("/")[2] == "vllm":
        return words[2:]
    if "-m" in words:
        return words[words.index("-m") + 2 :]
    return words


def _split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    flags: dict[str, str] = {}
    positional: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-"):
            positional.append(word)
            continue
        name, equals, value = word.partition("=")
        name = _SHORT.get(name, name).replace("_", "-")
        takes_value = name not in _SWITCHES and not name.startswith("--no-")
        if not equals and takes_value and at < len(words) and not words[at].startswith("--"):
            value = words[at]
            at += 1
        flags[name] = value
    return flags, positional


def _whole(flags: Mapping[str, str], name: str) -> int | None:
    text = flags.get(name)
    if text is None:
        return None
    scale = _SUFFIXES.get(text[-1:], 1)
    try:
        return int(float(text[:-1]) * scale) if scale != 1 else int(text)
    except ValueError:
        raise BadArguments(f"argument {name}: invalid int value: {text!r}") from None


def _share(flags: Mapping[str, str], name: str) -> float | None:
    text = flags.get(name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise BadArguments(f"argument {name}: invalid float value: {text!r}") from None


def _plain(value: str) -> object:
    """A value as Python would show it: numbers bare, switches as True."""
    if value == "":
        return True
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return value
