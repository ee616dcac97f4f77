"""`vops render`: manifests from the library, filled in for a model and a card, on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vops.cli.options import Globals
from vops.errors import UsageError

FORMATS = ("yaml", "json")


MOST_GPUS, MOST_REPLICAS = 64, 10_000
MOST_NUMBER = 2**31 - 1
MOST_BYTES = 10**14


def register(app: typer.Typer) -> None:
    app.command("render", help="Manifests from the library; `vops render` alone lists what there is. -o yaml|json")(
        render
    )


def render(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="deploy, or a stack such as seed, keda, monitoring")] = "",
    model: Annotated[str, typer.Option(metavar="MODEL", help="Hub id or path")] = "Qwen/Qwen3-8B",
    name: Annotated[str, typer.Option(help="the workload's name; from the model by default")] = "",
    gpu: Annotated[str, typer.Option(metavar="CARD", help="L4, T4, A100-80GB, H100, …")] = "",
    tp: Annotated[int, typer.Option("--tp", "--tensor-parallel-size", help="GPUs a replica", min=1, max=MOST_GPUS)] = 1,
    nodes: Annotated[int, typer.Option(help="nodes a replica, for multi-node", min=2, max=MOST_REPLICAS)] = 2,
    replicas: Annotated[int, typer.Option(help="replicas, and an autoscaler's floor", min=1, max=MOST_REPLICAS)] = 1,
    max_replicas: Annotated[int, typer.Option(help="an autoscaler's ceiling", min=1, max=MOST_REPLICAS)] = 4,
    image: Annotated[str, typer.Option(help="vLLM's image; its tag decides the flags")] = "",
    max_model_len: Annotated[
        int | None, typer.Option(help="tokens; the model's own by default", min=1, max=MOST_NUMBER)
    ] = None,
    max_num_seqs: Annotated[int, typer.Option(help="sequences at once", min=1, max=MOST_NUMBER)] = 256,
    gpu_memory_utilization: Annotated[float, typer.Option(help="share of the card", min=0.05, max=0.95)] = 0.9,
    quantization: Annotated[str, typer.Option(help="such as awq")] = "",
    weights_bytes: Annotated[
        int | None, typer.Option(help="bytes of weights, when the name does not tell", min=1, max=MOST_BYTES)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the model's config.json: sized, and refused if it cannot fit")
    ] = None,
    overlays: Annotated[
        list[str] | None, typer.Option("--with", metavar="OVERLAY", help="gke, spot, fp8-kv, …")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="KIND", help="leave a kind out: PodMonitor, …")] = None,
    params: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="a parameter of the library")
    ] = None,
    into: Annotated[Path | None, typer.Option(metavar="FILE", help="write there instead of stdout")] = None,
) -> None:
    from vops.cli.diagnostics import narrate
    from vops.cli.output import chosen, emit, write_file
    from vops.manifests.values import DEFAULT_IMAGE, Asked
    from vops.operations.render import Order, as_json, as_yaml, catalogue, guessed, render_order

    options: Globals = context.obj
    output = chosen(options.output, FORMATS)
    if not kind:
        emit(catalogue())
        return
    asked = Asked(
        model=model,
        name=name,
        namespace=options.namespace or "",
        image=image or DEFAULT_IMAGE,
        replicas=replicas,
        max_replicas=max_replicas,
        tensor_parallel_size=tp,
        nodes=nodes,
        max_model_len=max_model_len,
        max_num_seqs=max_num_seqs,
        gpu_memory_utilization=gpu_memory_utilization,
        weights_bytes=weights_bytes,
        parameters=_pairs(params or []),
    )
    order = Order(kind, asked, gpu, quantization, tuple(overlays or ()), tuple(without or ()), config)
    objects = render_order(order)
    if guess := guessed(order):
        narrate(f"vops: {guess}", quiet=options.quiet)
    text = as_json(objects) if output == "json" else as_yaml(objects)
    if into is None:
        emit(text)
    else:
        write_file(into, text.encode(), "--into")


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is no NAME=VALUE", hint="such as -p token_secret=my-token")
        pairs[key] = value
    return pairs
