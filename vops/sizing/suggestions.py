"""What to change so that it fits: flags first, from the harmless to the costly, then more cards, then others.

A suggestion is tried, not guessed: each one is sized again, and carries what it would hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from vops.sizing.architecture import Architecture
from vops.sizing.capacity import Sizing, Verdict, size
from vops.sizing.gpus import CARDS, Card
from vops.sizing.parallelism import Parallelism
from vops.sizing.settings import Asked

MOST_UTILIZATION = 0.95
FEW_SEQUENCES = 32
SMALL_BATCH = 2048
MOST_CARDS = 8
LEAST_LENGTH = 1024
ENOUGH = 4
LEAST_CAPABILITY = (7, 5)
RENTED = tuple(card for card in CARDS if not card.workstation and card.capability >= LEAST_CAPABILITY)


class Suggestion(msgspec.Struct, frozen=True):
    """One change, or several that only help together: flags as to be written, the price, and the sizing with them."""

    flags: tuple[str, ...]
    cost: str
    sizing: Sizing


class Placement(msgspec.Struct, frozen=True):
    """A card and how many of them; `rank` is what they usually cost, in the catalogue's unit."""

    card: Card
    gpus: int
    rank: float
    sizing: Sizing


Resize = Callable[[Card, Asked], Sizing]
_Change = tuple[str, str, Asked]


def suggestions(sizing: Sizing, resize: Resize) -> tuple[Suggestion, ...]:
    """Single changes that make it fit; where none does, the shortest list of flags that does together."""
    if sizing.verdict is Verdict.FITS or sizing.obstacle:
        return ()
    found = [
        Suggestion((flag,), cost, again)
        for flag, cost, asked in _changes(sizing)
        if (again := resize(sizing.card, asked)).fits and _better(again, sizing)
    ]
    return tuple(found[:ENOUGH]) or tuple(_together(sizing, resize))


def _better(again: Sizing, before: Sizing) -> bool:
    return not before.fits or again.concurrency > before.concurrency * 1.1


def _together(sizing: Sizing, resize: Resize) -> Iterator[Suggestion]:
    """Adds one change after another, the cheap ones first, until it fits."""
    if sizing.fits:
        return
    flags: list[str] = []
    costs: list[str] = []
    current = sizing
    taken: set[str] = set()
    while step := next((change for change in _changes(current) if change[0].split()[0] not in taken), None):
        taken.add(step[0].split()[0])
        again = resize(sizing.card, step[2])
        if again.kv_cache_bytes / again.request_bytes <= current.kv_cache_bytes / current.request_bytes:
            continue
        flags.append(step[0])
        costs.append(step[1])
        current = again
        if current.fits:
            yield Suggestion(tuple(flags), "; ".join(cost for cost in costs if cost), current)
            return


def _changes(sizing: Sizing) -> Iterator[_Change]:
    """Every change worth trying on this card, the harmless first."""
    yield from _batch_changes(sizing)
    yield from _cache_changes(sizing)
    yield from _weight_changes(sizing)


def _batch_changes(sizing: Sizing) -> Iterator[_Change]:
    asked, now = sizing.asked, sizing.settings
    if now.max_num_seqs > FEW_SEQUENCES:
        yield (
            f"--max-num-seqs {FEW_SEQUENCES}",
            f"at most {FEW_SEQUENCES} requests at once",
            msgspec.structs.replace(asked, max_num_seqs=FEW_SEQUENCES),
        )
    if now.max_num_batched_tokens > SMALL_BATCH:
        yield (
            f"--max-num-batched-tokens {SMALL_BATCH}",
            "slower prefill",
            msgspec.structs.replace(asked, max_num_batched_tokens=SMALL_BATCH),
        )
    if now.gpu_memory_utilization < MOST_UTILIZATION:
        yield (
            f"--gpu-memory-utilization {MOST_UTILIZATION}",
            "the card must be its alone",
            msgspec.structs.replace(asked, gpu_memory_utilization=MOST_UTILIZATION),
        )


def _cache_changes(sizing: Sizing) -> Iterator[_Change]:
    asked, now = sizing.asked, sizing.settings
    if now.kv_bytes > 1 and sizing.card.fp8 and not sizing.model.is_recurrent:
        yield (
            "--kv-cache-dtype fp8",
            "slightly less exact attention",
            msgspec.structs.replace(asked, kv_cache_dtype="fp8"),
        )
    length = _length_that_fits(sizing)
    if length:
        yield (
            f"--max-model-len {length}",
            "longer requests are refused",
            msgspec.structs.replace(asked, max_model_len=length),
        )


def _length_that_fits(sizing: Sizing) -> int:
    """The longest power of two that the cache holds with a little to spare; 0 where it is too short to be useful."""
    length = LEAST_LENGTH
    longest = min(sizing.longest_context * 0.95, sizing.settings.max_model_len / 2)
    if longest < LEAST_LENGTH:
        return 0
    while length * 2 <= longest:
        length *= 2
    return length


def _weight_changes(sizing: Sizing) -> Iterator[_Change]:
    asked, now = sizing.asked, sizing.settings
    unquantized = asked.quantization is None and not sizing.model.quantization.active
    if unquantized and sizing.card.fp8:
        yield (
            "--quantization fp8",
            "slightly less exact weights",
            msgspec.structs.replace(asked, quantization="fp8"),
        )
    wider = now.parallelism.tensor * 2
    if wider <= MOST_CARDS:
        parallelism = msgspec.structs.replace(now.parallelism, tensor=wider)
        yield (
            f"--tensor-parallel-size {wider}",
            f"{parallelism.gpus} GPUs",
            msgspec.structs.replace(asked, parallelism=parallelism),
        )
    if not now.eager and sizing.overhead.graphs_in_budget:
        yield ("--enforce-eager", "slower decode", msgspec.structs.replace(asked, enforce_eager=True))


def placements(
    model: Architecture,
    asked: Asked,
    concurrency: int,
    *,
    checkpoint_bytes: int | None = None,
    cards: tuple[Card, ...] = RENTED,
) -> tuple[Placement, ...]:
    """Cards and tensor parallel sizes that hold `concurrency` requests of the whole length, the cheapest first."""
    found: list[Placement] = []
    for card in cards:
        for tensor in (1, 2, 4, 8):
            parallelism = Parallelism(tensor=tensor, expert=asked.parallelism.expert)
            wanted = msgspec.structs.replace(asked, parallelism=parallelism)
            sizing = size(model, card, wanted, checkpoint_bytes=checkpoint_bytes)
            if sizing.fits and sizing.sequences >= concurrency:
                found.append(Placement(card, tensor, card.rank * tensor, sizing))
                break
    return tuple(sorted(found, key=lambda item: (item.rank, item.gpus, item.card.memory_gib)))


def resizer(model: Architecture, checkpoint_bytes: int | None) -> Resize:
    """`size` for this model with another card or other settings."""

    def resize(card: Card, asked: Asked) -> Sizing:
        return size(model, card, asked, checkpoint_bytes=checkpoint_bytes)

    return resize
