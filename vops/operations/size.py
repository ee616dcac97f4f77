"""Sizes a model before it is deployed: finds its configuration and the card, predicts, and looks for what would fit.

The configuration comes from a file, a folder, stdin or the Hub; the card from the catalogue or from a node's labels.
Measurements of earlier starts are preferred to the prediction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.reading import LogReading
from vops.errors import InputError, UsageError
from vops.model.dialects import version_of
from vops.model.resources import Node
from vops.operations.measured import measured_by, measurement_key, recall, record
from vops.ports import Hub
from vops.sizing.answer import Answer
from vops.sizing.architecture import Architecture
from vops.sizing.capacity import Measured, Sizing, size
from vops.sizing.families import known_family
from vops.sizing.gpus import Card, card_names, find_card
from vops.sizing.loading import start
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.notes import notes
from vops.sizing.parallelism import Parallelism
from vops.sizing.reading import architecture
from vops.sizing.roofline import roofline
from vops.sizing.settings import Asked, Speculation
from vops.sizing.suggestions import Placement, placements, resizer, suggestions
from vops.sizing.weights import draft_bytes, weights

CONFIG_NAME = "config.json"
STDIN = "<stdin>"
LARGEST_CONFIG = 8_000_000
DEFAULT_READ_GBS = 1.0
MOST_DRAFT_TOKENS = 128


class Source(msgspec.Struct, frozen=True):
    """A model's description: `checkpoint_bytes` of its weights as stored, where something told them."""

    name: str
    config: ModelConfig
    checkpoint_bytes: int | None = None


class Wanted(msgspec.Struct, frozen=True):
    """A question: the model's source, the card, the settings, and the concurrency to find a placement for (0: none)."""

    source: Source
    card: Card
    asked: Asked
    concurrency: int = 0
    read_gbs: float = DEFAULT_READ_GBS
    weights_bytes: int | None = None


def answer(wanted: Wanted, state: Path) -> Answer:
    """Sizes, preferring what was measured before. Raises InputError for a configuration it cannot read."""
    model = architecture(wanted.source.config)
    checkpoint = wanted.weights_bytes or trusted_checkpoint(model, wanted.source)
    predicted = size(model, wanted.card, wanted.asked, checkpoint_bytes=checkpoint)
    measured = recall(state, measurement_key(wanted.source.name, predicted))
    sizing = _with_measured(predicted, measured, checkpoint) if measured else predicted
    return Answer(
        name=wanted.source.name,
        sizing=sizing,
        suggestions=suggestions(sizing, resizer(model, checkpoint)),
        placements=_placements(sizing, wanted, checkpoint),
        concurrency=wanted.concurrency,
        start=start(sizing, wanted.read_gbs),
        roofline=roofline(sizing) if sizing.kv_cache_bytes > 0 else None,
        notes=notes(sizing, wanted.source.config, known=known_family(wanted.source.config)),
    )


def cheapest(source: Source, asked: Asked, concurrency: int, weights_bytes: int | None) -> tuple[Card, Asked]:
    """The card that holds `concurrency` requests for the least, and what is asked of it.

    Raises UsageError where none holds them.
    """
    model = architecture(source.config)
    checkpoint = weights_bytes or trusted_checkpoint(model, source)
    found = next(iter(placements(model, asked, concurrency, checkpoint_bytes=checkpoint)), None)
    if found is None:
        raise UsageError(
            f"no card that vops knows holds {concurrency} such requests at once, on up to 8 of them",
            hint="fewer requests, a shorter --max-model-len, or --gpu CARD with --tp and --pp",
        )
    return found.card, found.sizing.asked


def learn(wanted: Wanted, state: Path, log: str, at: str) -> tuple[Wanted, Path]:
    """Records what a real start logged, and returns the question that it answers from now on: the settings it had.

    Raises InputError for a log that tells nothing.
    """
    reading = read_log(log)
    measured = measured_by(reading, at)
    wanted = msgspec.structs.replace(wanted, asked=as_started(wanted.asked, reading))
    model = architecture(wanted.source.config)
    checkpoint = wanted.weights_bytes or trusted_checkpoint(model, wanted.source)
    predicted = size(model, wanted.card, wanted.asked, checkpoint_bytes=checkpoint)
    return wanted, record(state, measurement_key(wanted.source.name, predicted), measured)


def as_started(asked: Asked, reading: LogReading) -> Asked:
    """The settings that a log begins with (`non-default args`); what was asked where the log does not begin so."""
    given = reading.arguments
    if not given or not reading.version:
        return asked
    numbers = {name: _whole(given.get(name)) for name in _LOGGED_NUMBERS}
    share = given.get("gpu_memory_utilization")
    caching = given.get("enable_prefix_caching")
    return msgspec.structs.replace(
        asked,
        version=version_of(reading.version),
        parallelism=msgspec.structs.replace(
            asked.parallelism,
            tensor=_whole(given.get("tensor_parallel_size")) or 1,
            pipeline=_whole(given.get("pipeline_parallel_size")) or 1,
            expert=given.get("enable_expert_parallel") == "True",
        ),
        gpu_memory_utilization=float(share) if share and _is_share(share) else None,
        kv_cache_dtype=given.get("kv_cache_dtype", "auto"),
        dtype=given.get("dtype", "auto"),
        quantization=given.get("quantization"),
        enforce_eager=given.get("enforce_eager") == "True",
        prefix_caching=None if caching is None else caching == "True",
        **numbers,
    )


_LOGGED_NUMBERS = ("max_model_len", "max_num_seqs", "max_num_batched_tokens", "block_size")


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _is_share(text: str) -> bool:
    try:
        return 0 < float(text) <= 1
    except ValueError:
        return False


def _with_measured(predicted: Sizing, measured: Measured, checkpoint: int | None) -> Sizing:
    return size(predicted.model, predicted.card, predicted.asked, checkpoint_bytes=checkpoint, measured=measured)


def _placements(sizing: Sizing, wanted: Wanted, checkpoint: int | None) -> tuple[Placement, ...]:
    """For the concurrency that was asked for; without one, what would hold a model that does not fit."""
    if not wanted.concurrency and sizing.fits:
        return ()
    return placements(sizing.model, wanted.asked, max(1, wanted.concurrency), checkpoint_bytes=checkpoint)


def trusted_checkpoint(model: Architecture, source: Source) -> int | None:
    """The stored bytes, where they say more than the shapes: unknown families, towers, quantized checkpoints.

    Plain checkpoints of known families hold what vLLM does not load (a copy of tied embeddings, float32), so there
    the shapes are right; draft layers stored beside the model are taken off.
    """
    stored = source.checkpoint_bytes
    if stored is None:
        return None
    stored -= draft_bytes(model, Parallelism()) if model.draft_layers else 0
    known = known_family(source.config)
    if known and not model.multimodal and not model.quantization.active:
        return None
    ratio = stored / max(1, weights(model).total_bytes)
    if known and not 0.8 < ratio < 1.25:
        return None
    return stored


# --- where the model comes from ---------------------------------------------------------------------------


async def hub_source(hub: Hub, name: str, revision: str = "") -> Source:
    """The model that the Hub calls `name`. Raises the errors of Hub.model, and InputError for its configuration."""
    found = await hub.model(name, revision)
    return Source(name, ModelConfig.parse(found.config, f"{name}/{CONFIG_NAME}"), found.weights_bytes)


def stdin_source(raw: bytes, name: str) -> Source:
    """A `config.json` on stdin."""
    return Source(name or STDIN, ModelConfig.parse(_decoded(raw, STDIN), STDIN))


def local_source(path: Path, name: str) -> Source:
    """A `config.json`, or a folder with one and maybe the weights. Raises InputError naming the file."""
    file = path / CONFIG_NAME if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_CONFIG + 1)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", path=str(file), hint="give a config.json or its folder"
        ) from error
    if len(raw) > LARGEST_CONFIG:
        raise InputError("is too large for a model's configuration", path=str(file), hint="give a config.json")
    stored = sum(part.stat().st_size for part in path.glob("*.safetensors")) if path.is_dir() else 0
    return Source(name or str(path), ModelConfig.parse(_decoded(raw, str(file)), str(file)), stored or None)


def _decoded(raw: bytes, path: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", path=path, hint="give a config.json") from error


def speculation_of(text: str) -> Speculation:
    """`--speculative-config`, as vLLM takes it; a draft model must be a file or folder. Raises UsageError."""
    if not text:
        return Speculation()
    try:
        values: Any = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"--speculative-config is not JSON: {error}", hint='as in {"method": "mtp"}') from error
    if not isinstance(values, dict):
        raise UsageError("--speculative-config is not a JSON object", hint='as in {"method": "mtp"}')
    draft = values.get("model")
    method = str(values.get("method") or ("draft_model" if draft else ""))
    tokens = values.get("num_speculative_tokens", 0)
    if not isinstance(tokens, int) or not 0 <= tokens <= MOST_DRAFT_TOKENS:
        raise UsageError(
            f"num_speculative_tokens {tokens!r} is not a whole number up to {MOST_DRAFT_TOKENS}",
            hint='as in {"method": "ngram", "num_speculative_tokens": 4}',
        )
    return Speculation(
        method=method,
        tokens=tokens,
        draft=architecture(local_source(Path(draft), draft).config) if isinstance(draft, str) else None,
    )


# --- where the card comes from ----------------------------------------------------------------------------


def card_called(name: str, memory_gib: float | None = None) -> Card:
    """A card of the catalogue, or one of another memory. Raises UsageError naming those that are known."""
    card = find_card(name)
    if card is None:
        raise UsageError(
            f"--gpu {name!r} is not a card vops knows",
            hint=f"one of {', '.join(card_names())}, a MIG instance such as H100-1g.10gb, or a node's --node NAME",
        )
    return card if memory_gib is None else msgspec.structs.replace(card, memory_gib=memory_gib)


def card_of_node(node: Node) -> Card:
    """The card that a node's labels name. Raises UsageError for a node without GPU labels."""
    labels = node.metadata.labels
    for label in ("nvidia.com/gpu.product", "cloud.google.com/gke-accelerator", "karpenter.k8s.aws/instance-gpu-name"):
        if name := labels.get(label):
            card = find_card(name, labels.get("nvidia.com/gpu.memory", ""))
            if card is None:
                raise UsageError(f"node {node.metadata.name} has {name}, which vops does not know", hint="use --gpu")
            return card
    raise UsageError(
        f"node {node.metadata.name} has no label that names its GPU", hint="use --gpu, or run GPU feature discovery"
    )
