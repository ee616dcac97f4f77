"""Reads a model's `config.json`: typed values by any of the names that model families use, and where one stands.

Knows JSON and the nesting of vision-language models. Leaves what the values mean to vops.sizing.architecture.
"""

from __future__ import annotations

import json
import re
from typing import Any

from vops.errors import InputError

TEXT_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config", "decoder", "text")
_HINT = "give the model's own config.json, as the Hub has it"


class ModelConfig:
    """One object of a configuration; `path` and `text` say where it came from, for errors with a line."""

    def __init__(self, values: dict[str, Any], *, path: str, text: str = "") -> None:
        self.values = values
        self.path = path
        self._text = text

    @classmethod
    def parse(cls, text: str, path: str) -> ModelConfig:
        """Raises InputError with the line for what is not a JSON object."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"is not JSON: {error.msg}", path=path, line=error.lineno, hint=_HINT) from error
        except RecursionError as error:
            raise InputError("is nested too deeply for a model's configuration", path=path, hint=_HINT) from error
        if not isinstance(values, dict):
            raise InputError(f"is a JSON {type(values).__name__}, not an object", path=path, line=1, hint=_HINT)
        return cls(values, path=path, text=text)

    def with_values(self, values: dict[str, Any]) -> ModelConfig:
        """Other values from the same place."""
        return ModelConfig(values, path=self.path, text=self._text)

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def wrong(self, message: str, name: str = "") -> InputError:
        """The error to raise about the value called `name`."""
        return InputError(message, path=self.path, line=self._line(name) if name else None, hint=_HINT)

    def _line(self, name: str) -> int | None:
        match = re.search(rf'"{re.escape(name)}"\s*:', self._text)
        return None if match is None else self._text.count("\n", 0, match.start()) + 1

    def part(self, name: str) -> ModelConfig | None:
        """A nested object; None where there is none. Raises InputError when it is something else."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(f"{name} is {_kind(value)}, not an object", name)
        return self.with_values(value)

    def text_model(self) -> ModelConfig:
        """The language model's part of a vision-language or audio configuration; the whole for other models."""
        for name in TEXT_CONFIGS:
            nested = self.part(name) if isinstance(self.values.get(name), dict) else None
            if nested is not None and nested.values.keys() - {"model_type", "dtype", "torch_dtype"}:
                return nested.text_model()
        return self

    def count(self, *names: str, default: int | None = None) -> int:
        """The first of `names` that is present, a whole number of at least 0. Raises InputError naming it."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, list) and value and len(set(map(str, value))) == 1:
                value = value[0]
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not _is_count(value):
                raise self.wrong(f"{name} is {_kind(value)}, not a whole number", name)
            return int(value)
        if default is None:
            raise self.wrong(f"has no {names[0]}, which sizing needs")
        return default

    def extent(self, *names: str, default: int | None = None) -> int:
        """Like `count`, at least 1: a dimension that something is divided by or made of."""
        found = self.count(*names, default=default)
        if found < 1:
            name = next((name for name in names if name in self), names[0])
            raise self.wrong(f"{name} is {found}, which cannot be", name)
        return found

    def optional(self, *names: str) -> int | None:
        """Like `count`, None where none is present."""
        return self.count(*names) if any(name in self for name in names) else None

    def flag(self, *names: str, default: bool = False) -> bool:
        value = next((self.values[name] for name in names if name in self), default)
        if not isinstance(value, bool):
            raise self.wrong(f"{names[0]} is {_kind(value)}, not true or false", names[0])
        return value

    def word(self, *names: str, default: str = "") -> str:
        value = next((self.values[name] for name in names if name in self), default)
        return value if isinstance(value, str) else default

    def words(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty where there is none."""
        value = self.values.get(name)
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def counts(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; empty where there is none."""
        value = self.values.get(name)
        if not isinstance(value, list):
            return ()
        if not all(isinstance(item, int) for item in value):
            raise self.wrong(f"{name} is not a list of whole numbers", name)
        return tuple(value)


def hidden_width(text: ModelConfig) -> int:
    """The width of the residual stream, by the name that the family gives it."""
    return text.extent("hidden_size", "n_embd", "d_model", "dim")


def _is_count(value: float) -> bool:
    return 0 <= value < 2**53 and value == int(value)


def _kind(value: object) -> str:
    return f"{value!r}" if isinstance(value, str | int | float | bool) else f"a {type(value).__name__}"
