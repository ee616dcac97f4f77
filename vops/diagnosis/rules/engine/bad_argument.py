"""vLLM refuses its command line: an unknown flag, a value out of range, a length the model does not have.

What it finds
    argparse's words (exit code 2), the validation of values, and a model whose own code may not be run.

Why it matters
    Flags come and go between versions: a manifest that worked with one image fails with the next.

Evidence
    vLLM's own words, and the version that runs; a flag that this version has dropped is named as such.

Fix
    `fix-argument`, else by hand: correct or remove the flag; the nearest known one is named.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.dialects import DIALECTS, MULTIPLE_VALUES, SHORT_FLAGS, dialect, version_of
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_TELLING = (
    r"unrecognized arguments: (?:(?P<again>(?:vllm )?serve )|(?P<unknown>--?[\w-]{1,80}))"
    r"|User-specified max_model_len \((?P<asked>\d{1,9})\) is greater than the derived max_model_len "
    r"\((?:\w{1,60}=)?(?P<derived>\d{1,9})"
    r"|(?P<remote>requires you to execute the |(?:argument|option|set)[^\w]{1,3}trust_remote_code=True"
    r"|trust[_-]remote[_-]code` (?:flag|option)"
    r"|EOFError: EOF when reading a line|custom code "
    r"(?:contained in \S{1,200} )?which must be executed)"
    r"|(?P<batched>max_num_batched_tokens \((?P<tokens>\d{1,9})\) (?:is smaller than|must be greater than or equal to) "
    r"max_(?:model_len|num_seqs) \((?P<least>\d{1,9})\))"
)
"""Messages that say what would be right."""

_CONTEXT = lazy_pattern(r"context_length \((\d{1,9})\) is greater than the derived context_length \((\d{1,9})")
_TOLD = lazy_pattern(_TELLING, re.DOTALL)
_REFUSED = lazy_pattern(
    rf"{_TELLING}|^ArgumentError: |invalid choice: |expected (?:one|at least one|\d+) argument"
    r"|the following arguments are required"
    r"|User-specified max_model_len \(|invalid literal for int\(\) with base 10: '(?:true|false|yes|no|on|off|)'"
    r"|invalid \w{1,20} value|validation errors? for \w{1,30}Config\b|not allowed with argument"
    r"|conflicting option|cannot be converted to|mutually exclusive"
    r"|Input should be |Extra inputs are not permitted|^pydantic\S{0,60}ValidationError: "
    r"|nvalid (?:tool call|reasoning) parser|[Pp]arser '[^']{0,80}' not found"
    r"|(?:[Pp]arser|extractor) could not locate|requires --tool-call-parser"
    r"|requires --enable-auto-tool-choice|enable-auto-tool-choice (?:requires|and --)"
    r"|Unsupported connector type|CPU tensor must be pinned"
    r"|Cannot assign requested address.{0,200} @ \S{0,200}:(?:create_server_socket|bind\w{0,20})$"
    r"|Remote engine \S{1,20} must (?:not )?use --headless|Configuration mismatch detected for engine"
    r"|Invalid partition string|KV cache is not supported (?:by|on) |Re-run with --kv-cache-dtype"
    r"|No such file or directory: '[^']{1,300}\.ya?ml'|\w{1,40}Error: .{0,400} @ (?:uvicorn/config\.py"
    r"|(?:vllm/)?utils(?:/\w{1,30})?\.py:load_config_file)"
    r"|VLLM_LOOPBACK_IP|Inconsistent GPU visibility env vars"
    r"|Load format .{1,60} is not supported|No valid MLA|Unknown (?:load_format|config format)|(?:GPU"
    r"|gpu)[ _]memory[ _]utilization must be|Invalid attention backend"
    r"|is not valid for this configuration|No valid attention backend|Unrecognized distributed executor backend"
    r"|is not a valid (?:argument|config field|kv_|KV cache)|No such option|Consider increasing max_num_batched_tokens"
    r"|does not support the '\w{1,30}' task|Supported tasks: "
    r"|does not support `--runner|Unsupported kv_role|Please specify kv_role|Pipeline parallelism is not supported"
    r"|VLLM_USE_V1=1 is not supported|Make sure that .max_model_len. is no smaller|Config file must be of a yaml"
    r"|RunaiStreamerMemoryLimit|attempting to bind on address .{0,80}: cannot assign requested address"
    r"|An attempt has been made to start a new process before|\[SSL(?:: KEY_VALUES_MISMATCH)?\] (?:PEM lib|key values)"
    r"|No such file or directory: '[^']{1,200}(?:\.key|/tls\.\w{1,4})'|Window left is not the same"
    r"|cap object store memory usage"
    r"|vLLM cannot currently support max_model_len=|Hybrid KV cache manager is disabled but"
    r"|\bDCP (?:not support|requires)|At most \d{1,4} (?:image|video|audio)\(s\) may be provided"
    r"|Invalid data-parallel launch options|partitions\\?\)=\d|oader extra config"
    r"|extra config keys for load format|Cannot re-initialize CUDA in forked subprocess"
    r"|(?:Value|Assertion|NotImplemented|Type)Error: .{1,1500} @ (?:vllm/)?(?:config(?:/\w{1,60})?|engine/arg_utils"
    r"|entrypoints/openai/cli_args|entrypoints/cli/serve|utils/argparse_utils|envs"
    r"|model_executor/model_loader/(?:__init__|tensorizer|runai_streamer_loader))\.py:",
    re.DOTALL,
)
_NEEDED = lazy_pattern(
    r"(?:requires?|must set|please (?:set|use|specify|add)|need(?:s|ed)?) (?:the )?[`'\"]?--([a-z][\w-]{1,80})", re.I
)
"""A flag that is missing beside another one."""

_ARGUMENT = lazy_pattern(r"argument (?:-\w+/)?--([\w-]{1,80})")
_COMMON = (
    "model",
    "served-model-name",
    "max-model-len",
    "gpu-memory-utilization",
    "max-num-seqs",
    "swap-space",
    "tensor-parallel-size",
    "pipeline-parallel-size",
    "data-parallel-size",
    "block-size",
    "cpu-offload-gb",
    "reasoning-parser",
    "attention-backend",
    "distributed-executor-backend",
    "kv-transfer-config",
    "max-num-batched-tokens",
    "enforce-eager",
    "kv-cache-dtype",
    "dtype",
    "load-format",
    "download-dir",
    "tokenizer",
    "trust-remote-code",
    "port",
    "host",
    "api-key",
    "chat-template",
    "enable-prefix-caching",
    "enable-auto-tool-choice",
    "tool-call-parser",
    "revision",
    "tokenizer-mode",
)


@rule(cause="bad-argument", branch=Branch.DIED, needs={Source.LOGS}, order=60, signature=_REFUSED)
def bad_argument(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _REFUSED)
    if hit is None:
        return None
    match = _TOLD.search(hit[0].text)
    return Verdict(
        summary=f"vLLM refuses its arguments: {deaths.quoted(hit, 200)}",
        evidence=(
            *deaths.shown(replica, hit),
            evidence.container_field(replica, "image", replica.container.image),
        ),
        confidence=deaths.confidence(replica),
        fixes=(_fix(replica, match, hit[0].text),),
    )


def _fix(replica: Replica, match: re.Match[str] | None, text: str) -> Fix:
    """The flags as the message wants them; by hand where it does not say how."""
    title, advice = "Correct the argument", _advice(replica, match, text)
    flags = _flags(replica, match)
    if not flags:
        return remedies.by_steps(replica, title, (advice,))
    params = {"container": replica.container.name, "flags": flags}
    trusts = "trust-remote-code" in flags
    applicability = Applicability.ASK if trusts else Applicability.SAFE
    return remedies.runbook(replica, "fix-argument", title, applicability, params, by_hand=(advice,), notes=(advice,))


def _flags(replica: Replica, match: re.Match[str] | None) -> dict[str, Any]:
    """What to set, by flag; null takes one away."""
    if match is None:
        return {}
    if match["derived"]:
        return {"max-model-len": int(match["derived"])}
    if match["remote"]:
        return {"trust-remote-code": True}
    if match["batched"]:
        return {"max-num-batched-tokens": int(match["least"])}
    if match["again"]:
        return {}
    unknown = match["unknown"].lstrip("-")
    given = replica.args.location(unknown)
    if given is None:
        return {}
    near = "" if _was_removed(replica, unknown) else _nearest(unknown)
    return {given.name: None, **({near: True if given.value is None else given.value} if near else {})}


def _advice(replica: Replica, match: re.Match[str] | None, text: str) -> str:
    if match is None:
        return _untold(text)
    if match["derived"]:
        return (
            f"Lower --max-model-len from {match['asked']} to {match['derived']}, the most that the model was made for."
        )
    if match["remote"]:
        return "If you trust the model's repository, add --trust-remote-code: it runs code from there in the container."
    if match["batched"]:
        return f"Raise --max-num-batched-tokens from {match['tokens']} to {match['least']} or more."
    if match["again"]:
        return (
            f"Leave `{match['again'].strip()}` out of the arguments: the image's entrypoint is `vllm serve` already. "
            "Or set the whole command (command:, --entrypoint), in place of arguments."
        )
    flag = match["unknown"].lstrip("-")
    if _was_removed(replica, flag):
        return f"Remove --{flag}: vLLM dropped it before this version."
    near = _nearest(flag)
    return f"Replace --{flag} by --{near}." if near else f"Remove --{flag}: this version does not know it."


def _untold(text: str) -> str:
    """What to do where the message does not say what would be right."""
    if "in forked subprocess" in text:
        return "Set env VLLM_WORKER_MULTIPROC_METHOD=spawn: something uses CUDA before vLLM starts its workers."
    if (context := _CONTEXT.search(text)) is not None:
        return f"Lower --context-length from {context[1]} to {context[2]}, the most that the model was made for."
    if "must be pinned" in text:
        return "Remove --cpu-offload-gb (or try another vLLM version): what it moves to host memory cannot be pinned."
    if (needed := _NEEDED.search(text)) is not None:
        return f"Set --{needed[1]} too: what is set asks for it; or leave that out."
    flag = named_flag(text)
    what = f"--{flag}" if flag else "the argument"
    return f"Give {what} a value that the message allows, or leave it out."


def _was_removed(replica: Replica, flag: str) -> bool:
    """Whether an earlier version of vLLM knew it."""
    log = replica.death_log
    version = version_of(log.version) if log is not None and log.version else replica.args.version
    return any(flag in item.removed_flags for item in DIALECTS if item.since <= dialect(version).since)


def named_flag(text: str) -> str:
    """The flag that a message is about, as argparse or by the name of its setting; empty where it names none."""
    given = _ARGUMENT.search(text)
    if given is not None:
        return given[1]
    if "assign requested address" in text:
        return "host"
    if "connector" in text:
        return "kv-transfer-config"
    words = text.lower().replace("_", "-").replace(" ", "-")
    return max((flag for flag in _known_flags() if "-" in flag and flag in words), key=len, default="")


def _nearest(flag: str) -> str:
    """The known flag that is spelt most alike; empty when none is."""
    return next(iter(difflib.get_close_matches(flag, _known_flags(), n=1)), "")


def _known_flags() -> list[str]:
    added = {flag for item in DIALECTS for flag in item.added_flags}
    return sorted({*_COMMON, *SHORT_FLAGS.values(), *MULTIPLE_VALUES, *added})
