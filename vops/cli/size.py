"""`vops size`: will a model fit a card, before anything is scheduled."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vops.cli.options import Globals
from vops.errors import UsageError

if TYPE_CHECKING:
    from vops.operations.size import Source, Wanted
    from vops.settings import Settings
    from vops.sizing.gpus import Card

FORMATS = ("text", "json")
DEFAULT_TIMEOUT_S = 10.0
MOST_RANKS = 4096
MOST_GIB = 10_000
MOST_COUNT = 2**31 - 1
LARGEST_LOG = 64_000_000


def register(app: typer.Typer) -> None:
    app.command("size", help="Will it fit: KV tokens, sequences, what limits them, what to change. -o text|json")(size)


def size(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a Hub id, or a folder with config.json")] = "",
    gpu: Annotated[str, typer.Option(help="card, MIG instance (H100-1g.10gb) or product label")] = "",
    node: Annotated[str, typer.Option(metavar="NAME", help="the card of this node, by its labels")] = "",
    tp: Annotated[int, typer.Option("--tp", "--tensor-parallel-size", min=1, max=MOST_RANKS)] = 1,
    pp: Annotated[int, typer.Option("--pp", "--pipeline-parallel-size", min=1, max=MOST_RANKS)] = 1,
    dp: Annotated[int, typer.Option("--dp", "--data-parallel-size", min=1, max=MOST_RANKS)] = 1,
    expert_parallel: Annotated[bool, typer.Option("--ep", "--enable-expert-parallel")] = False,
    max_model_len: Annotated[str, typer.Option(metavar="N", help="tokens, as vLLM reads them: 8192, 8k, 8K")] = "",
    utilization: Annotated[float | None, typer.Option("--gpu-memory-utilization", metavar="F")] = None,
    kv_cache_dtype: Annotated[str, typer.Option(metavar="DTYPE")] = "auto",
    dtype: Annotated[str, typer.Option(metavar="DTYPE", help="of weights and activations, as vLLM takes it")] = "auto",
    quantization: Annotated[str | None, typer.Option("--quantization", "-q", metavar="METHOD")] = None,
    max_num_seqs: Annotated[int | None, typer.Option(metavar="N", min=1, max=MOST_COUNT)] = None,
    max_num_batched_tokens: Annotated[str, typer.Option(metavar="N")] = "",
    block_size: Annotated[int | None, typer.Option(metavar="N", min=1, max=MOST_COUNT)] = None,
    enforce_eager: Annotated[bool, typer.Option("--enforce-eager")] = False,
    prefix_caching: Annotated[
        bool | None,
        typer.Option(
            "--enable-prefix-caching/--no-enable-prefix-caching", help="costs hybrids of attention and Mamba memory"
        ),
    ] = None,
    lora_rank: Annotated[int, typer.Option("--max-lora-rank", metavar="N", min=0, help="with LoRA adapters")] = 0,
    max_loras: Annotated[int, typer.Option(metavar="N", min=1)] = 1,
    speculative_config: Annotated[str, typer.Option(metavar="JSON", help="as vLLM takes it")] = "",
    cpu_offload_gb: Annotated[float, typer.Option(metavar="F", min=0)] = 0.0,
    memory_gib: Annotated[
        float | None, typer.Option("--gpu-memory-gib", metavar="F", help="what CUDA reports, instead of the card's")
    ] = None,
    vllm: Annotated[str, typer.Option(metavar="VERSION", help="version or image tag; newest by default")] = "",
    config: Annotated[str, typer.Option(metavar="FILE", help="config.json or its folder; - for stdin")] = "",
    weights_bytes: Annotated[int | None, typer.Option(metavar="N", min=1, help="the checkpoint's size")] = None,
    revision: Annotated[str, typer.Option(help="the Hub's branch, tag or commit")] = "",
    concurrency: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=MOST_COUNT,
            help="also: the cheapest cards for N long requests at once; needs no card",
        ),
    ] = 0,
    read_gbs: Annotated[float, typer.Option(metavar="F", min=0.01, help="10⁹ bytes/s that weights load at")] = 1.0,
    learn: Annotated[str, typer.Option(metavar="LOG", help="record what a real start logged; - for stdin")] = "",
) -> None:
    from vops.cli.output import chosen, emit, emit_lines
    from vops.cli.running import settings_of
    from vops.operations.size import Wanted, answer, cheapest, speculation_of
    from vops.render.size import size_json, size_lines
    from vops.sizing.parallelism import Parallelism
    from vops.sizing.settings import Asked

    options: Globals = context.obj
    output = chosen(options.output, FORMATS)
    asked = Asked(
        version=_version(vllm),
        parallelism=Parallelism(tensor=tp, pipeline=pp, data=dp, expert=expert_parallel),
        max_model_len=_tokens("--max-model-len", max_model_len),
        gpu_memory_utilization=_share(utilization),
        kv_cache_dtype=kv_cache_dtype,
        dtype=dtype,
        quantization=quantization,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=_tokens("--max-num-batched-tokens", max_num_batched_tokens),
        block_size=block_size,
        enforce_eager=enforce_eager,
        prefix_caching=prefix_caching,
        lora_rank=lora_rank,
        lora_slots=max_loras,
        speculation=speculation_of(speculative_config),
        cpu_offload_gib=_gib("--cpu-offload-gb", cpu_offload_gb),
    )
    settings = settings_of(options)
    card = None if concurrency and not gpu and not node else _card(gpu, node, memory_gib, settings)
    source = _source(model, config, revision, settings, stdin_taken=learn == "-")
    if card is None:
        card, asked = cheapest(source, asked, concurrency, weights_bytes)
    wanted = Wanted(source, card, asked, concurrency, read_gbs, weights_bytes)
    if learn:
        wanted = _learn(wanted, learn, settings, quiet=options.quiet)
    found = answer(wanted, settings.state_path)
    if output == "json":
        emit(size_json(found))
    else:
        emit_lines(size_lines(found), no_color=options.no_color)


def _version(text: str) -> tuple[int, int, int] | None:
    from vops.model.dialects import version_of

    if not text or text == "latest":
        return None
    version = version_of(text)
    if version is None:
        raise UsageError(f"--vllm {text!r} is not a version", hint="as in --vllm 0.25.1")
    return version


def _tokens(flag: str, text: str) -> int | None:
    from vops.model.serving import token_count

    if not text or text in ("auto", "-1"):
        return None
    tokens = token_count(text)
    if not tokens or tokens > MOST_COUNT:
        raise UsageError(f"{flag} {text!r} is not a number of tokens", hint="as in 8192, 8k (8000) or 8K (8192)")
    return tokens


def _share(value: float | None) -> float | None:
    if value is not None and not 0 < value <= 1:
        raise UsageError(f"--gpu-memory-utilization {value} is not in 0 to 1", hint="as in 0.9")
    return value


def _gib(flag: str, value: float) -> float:
    if not 0 <= value <= MOST_GIB:
        raise UsageError(f"{flag} {value} is not a size", hint="as in 8")
    return value


def _card(gpu: str, node: str, memory_gib: float | None, settings: Settings) -> Card:
    from vops.operations.size import card_called

    if memory_gib is not None and not 0 < memory_gib <= MOST_GIB:
        raise UsageError(f"--gpu-memory-gib {memory_gib} is not a card's memory", hint="as in 22.05")
    if gpu and node:
        raise UsageError("--gpu and --node both name a card", hint="give one of them")
    if node:
        from vops.cli.running import run

        return run(_node_card(node, settings))
    if not gpu:
        raise UsageError(
            "no card to size for",
            hint="give --gpu L4, --gpu H100, …, --node NAME, or --concurrency N for the cheapest cards",
        )
    return card_called(gpu, memory_gib)


async def _node_card(name: str, settings: Settings) -> Card:
    import msgspec

    from vops.model.resources import NODES, Node
    from vops.operations.session import open_session
    from vops.operations.size import card_of_node

    async with open_session(settings) as session:
        return card_of_node(msgspec.convert(await session.cluster.get(NODES, name), Node))


def _source(model: str, config: str, revision: str, settings: Settings, *, stdin_taken: bool) -> Source:
    """A file is read at once; only a Hub id needs the Hub's client, and its import."""
    from vops.operations.size import local_source, stdin_source

    if config == "-":
        if stdin_taken:
            raise UsageError("--config - and --learn - both read stdin", hint="give one of them a file")
        return stdin_source(sys.stdin.buffer.read(), model)
    if config or _is_local(model):
        return local_source(Path(config or model).expanduser(), model)
    if not model:
        raise UsageError("nothing to size", hint="give a Hub id, a folder, or --config FILE")
    from vops.cli.running import run

    return run(_from_hub(model, revision, settings))


def _is_local(model: str) -> bool:
    return model.startswith((".", "/", "~")) or (bool(model) and Path(model).is_dir())


async def _from_hub(model: str, revision: str, settings: Settings) -> Source:
    from vops.adapters.hub import HuggingFaceHub
    from vops.operations.size import hub_source

    return await hub_source(HuggingFaceHub(settings.timeout_s or DEFAULT_TIMEOUT_S), model, revision)


def _learn(wanted: Wanted, log: str, settings: Settings, *, quiet: bool) -> Wanted:
    """Records a start, and answers for the settings that it had."""
    from vops.adapters.clock import MachineClock
    from vops.cli.diagnostics import narrate
    from vops.errors import InputError
    from vops.operations.size import learn

    try:
        with sys.stdin.buffer if log == "-" else Path(log).open("rb") as file:
            raw = file.read(LARGEST_LOG)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=log, hint="give --learn a vLLM log") from error
    at = MachineClock().now().strftime("%Y-%m-%d")
    started, path = learn(wanted, settings.state_path, raw.decode("utf-8", "replace"), at)
    narrate(f"recorded in {path}", quiet=quiet)
    if started.asked != wanted.asked:
        narrate("for the version and flags that the log begins with; ask with them to meet it again", quiet=quiet)
    return started
