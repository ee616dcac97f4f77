"""What a look may want to know beyond a snapshot: it asks, and the plan is made again once the answer is there.

So planning stays pure, and nothing is read that no step wants. vops.operations.running.asking answers.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from vops.model.objects import Kind


class HubAsk(msgspec.Struct, frozen=True):
    """The files of a model at a revision; the answer is a HubListing."""

    model: str
    revision: str = ""


class ConfigAsk(msgspec.Struct, frozen=True):
    """A model's config.json and the bytes of its weights; the answer is a HubModel, or None where it cannot be had."""

    model: str


class ListAsk(msgspec.Struct, frozen=True):
    """Every object of a kind, in one namespace or in all; the answer is a tuple, or None where that is forbidden."""

    kind: Kind
    namespace: str = ""
    labels: str = ""
    fields: str = ""
    """Selectors, as the API takes them."""


class LogAsk(msgspec.Struct, frozen=True):
    """The end of a container's log; the answer is text, empty where there is none."""

    namespace: str
    pod: str
    container: str
    previous: bool = False
    """Whether it is the log of the container that ran before this one."""
    lines: int = 200


class QueryAsk(msgspec.Struct, frozen=True):
    """The instant value of a PromQL query; the answer is a list of series, or None without a Prometheus server."""

    promql: str


Ask: TypeAlias = HubAsk | ConfigAsk | ListAsk | LogAsk | QueryAsk


class Unanswered(Exception):
    """A look wants to know something that was not asked yet."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(str(ask))
        self.ask = ask
