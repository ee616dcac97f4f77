"""The model hub as a server sees it: what exists, what is gated, and who may read it."""

from __future__ import annotations

from enum import Enum

from vops.lab.engine.catalogue import CATALOGUE, ModelFacts


class Refusal(Enum):
    """Why the hub does not hand a model out; the value names the recorded text."""

    NOT_FOUND = "not-found"
    UNAUTHENTICATED = "gated-401"
    FORBIDDEN = "gated-403"


class Hub:
    """Public models for everybody; gated ones for the tokens that were granted access."""

    def __init__(self) -> None:
        self._granted: dict[str, set[str]] = {}
        self.gib_per_s = 1.0
        """How fast it hands out files."""

    def know(self, token: str, *repositories: str) -> None:
        """Registers a token and the gated repositories that its user was granted."""
        self._granted.setdefault(token, set()).update(repositories)

    @staticmethod
    def facts(repository: str) -> ModelFacts | None:
        """What the files of a model say, for whoever has them already."""
        return CATALOGUE.get(repository)

    def ask(self, repository: str, token: str) -> ModelFacts | Refusal:
        """The model, or why not."""
        model = CATALOGUE.get(repository)
        if model is None:
            return Refusal.NOT_FOUND
        if not model.gated:
            return model
        if token not in self._granted:
            return Refusal.UNAUTHENTICATED
        return model if repository in self._granted[token] else Refusal.FORBIDDEN
