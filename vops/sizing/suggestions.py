"""What to change so that it fits: flags first, from the harmless to the costly, then more cards, then others.

A suggestion is tried, not guessed: each one is sized again, and carries what it would hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, KeysView, Sequence
from typing import Any

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
OFFERED = tuple(card for card in CARDS if card.offered and card.capability >= LEAST_CAPABILITY)


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


class Change(msgspec.Struct, frozen=True):
    """One flag: as to be written, the price, and the settings it stands for."""

    flag: str
    cost: str
    settings: dict[str, Any]


Resize = Callable[[Card, Asked], Sizing]


def suggestions(sizing: Sizing, resize: Resize) -> tuple[Suggestion, ...]:
    """Single changes that make it fit, or hold more; where none does, the few flags that do together."""
    if sizing.verdict is Verdict.FITS or sizing.obstacle:
        return ()
    tried = [_with(sizing, [change], resize) for change in _changes(sizing)]
    alone = [item for item in tried if item.sizing.fits and _better(item.sizing, sizing)]
    return tuple(alone[:ENOUGH]) or _together(sizing, resize)


def _with(sizing: Sizing, changes: Sequence[Change], resize: Resize) -> Suggestion:
    asked = sizing.asked
    for change in changes:
        asked = msgspec.structs.replace(asked, **change.settings)
    costs = "; ".join(change.cost for change in changes)
    return Suggestion(tuple(change.flag for change in changes), costs, resize(sizing.card, asked))


def _better(again: Sizing, before: Sizing) -> bool:
    return not before.fits or again.concurrency > before.concurrency * 1.1


def _together(sizing: Sizing, resize: Resize) -> tuple[Suggestion, ...]:
    """Adds one change after another, the harmless first, until it fits, and takes back those that were not needed."""
    if sizing.fits:
        return ()
    taken: list[Change] = []
    current = sizing
    while change := next((item for item in _changes(current) if item.settings.keys() not in _keys(taken)), None):
        taken.append(change)
        current = _with(sizing, taken, resize).sizing
        if current.fits:
            return (_with(sizing, _needed(sizing, taken, resize), resize),)
    return ()


def _keys(changes: Sequence[Change]) -> list[KeysView[str]]:
    return [change.settings.keys() for change in changes]


def _needed(sizing: Sizing, changes: list[Change], resize: Resize) -> list[Change]:
    kept = changes
    for change in changes:
        fewer = [other for other in kept if other is not change]
        if _with(sizing, fewer, resize).sizing.fits:
            kept = fewer
    return kept


def _changes(sizing: Sizing) -> Iterator[Change]:
    """Every change worth trying on this card, the harmless first."""
    yield from _batch_changes(sizing)
    yield from _cache_changes(sizing)
    yield from _weight_changes(sizing)


def _batch_changes(sizing: Sizing) -> Iterator[Change]:
    now = sizing.settings
    if now.max_num_seqs > FEW_SEQUENCES:
        cost = f"at most {FEW_SEQUENCES} requests at once"
        yield Change(f"--max-num-seqs {FEW_SEQUENCES}", cost, {"max_num_seqs": FEW_SEQUENCES})
    if now.max_num_batched_tokens > SMALL_BATCH:
        changed = {"max_num_batched_tokens": SMALL_BATCH}
        yield Change(f"--max-num-batched-tokens {SMALL_BATCH}", "slower prefill", changed)
    if now.gpu_memory_utilization < MOST_UTILIZATION:
        changed_share = {"gpu_memory_utilization": MOST_UTILIZATION}
        yield Change(f"--gpu-memory-utilization {MOST_UTILIZATION}", "nothing else on the card", changed_share)


def _cache_changes(sizing: Sizing) -> Iterator[Change]:
    if sizing.settings.kv_bytes > 1 and sizing.card.fp8 and not sizing.model.is_recurrent:
        yield Change("--kv-cache-dtype fp8", "slightly less exact attention", {"kv_cache_dtype": "fp8"})
    if sizing.settings.prefix_caching:
        cost = "prompts that begin alike are computed again"
        yield Change("--no-enable-prefix-caching", cost, {"prefix_caching": False})
    if length := _length_that_fits(sizing):
        yield Change(f"--max-model-len {length}", "longer requests are refused", {"max_model_len": length})


def _length_that_fits(sizing: Sizing) -> int:
    """The longest round length that the cache holds with a little to spare; 0 where it is too short to be useful."""
    longest = int(min(sizing.longest_context * 0.95, sizing.settings.max_model_len / 2**0.5))
    step = max(LEAST_LENGTH, 1 << max(0, longest.bit_length() - 3))
    return longest // step * step


def _weight_changes(sizing: Sizing) -> Iterator[Change]:
    now = sizing.settings
    unquantized = sizing.asked.quantization is None and not sizing.model.quantization.active
    if unquantized and sizing.card.fp8:
        yield Change("--quantization fp8", "slightly less exact weights", {"quantization": "fp8"})
    wider = msgspec.structs.replace(now.parallelism, tensor=now.parallelism.tensor * 2)
    if wider.tensor <= MOST_CARDS:
        yield Change(f"--tensor-parallel-size {wider.tensor}", f"{wider.gpus} GPUs", {"parallelism": wider})
    if not now.eager and sizing.overhead.graphs_in_budget:
        yield Change("--enforce-eager", "slower decode", {"enforce_eager": True})


def placements(
    model: Architecture,
    asked: Asked,
    concurrency: int,
    *,
    checkpoint_bytes: int | None = None,
    cards: tuple[Card, ...] = OFFERED,
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
