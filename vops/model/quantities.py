"""Kubernetes quantities, Go durations and byte sizes: read exactly, written for people.

Quantities are read as Decimal, so that sums of `100m` compare exactly with `1`. Leaves out locale and money.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


@lru_cache(maxsize=4096)
def quantity(text: str) -> Decimal:
    """A Kubernetes quantity (`1500m`, `16Gi`, `1e3`) in its base unit: cores, bytes, pieces. Raises ValueError."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a Kubernetes quantity: {text!r}")
    number, exponent, suffix = match.groups()
    scale = Decimal(10) ** int(exponent) if exponent else _SUFFIXES[suffix or ""]
    return Decimal(number) * scale


def whole(text: str) -> int:
    """A quantity rounded up to a whole number, as the scheduler counts bytes and devices. Raises ValueError."""
    return int(quantity(text).to_integral_value(ROUND_CEILING))


def millis(text: str) -> int:
    """A CPU quantity in thousandths of a core, rounded up. Raises ValueError."""
    return int((quantity(text) * 1000).to_integral_value(ROUND_CEILING))


def duration_s(text: str) -> float:
    """A Go duration (`1h30m`, `250ms`, `0`) in seconds. Raises ValueError."""
    body = text.strip()
    sign = -1.0 if body.startswith("-") else 1.0
    body = body.lstrip("+-")
    if body == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(body))
    if not parts or "".join(part.group() for part in parts) != body:
        raise ValueError(f"not a duration: {text!r}")
    return sign * sum(float(part[1]) * _SECONDS[part[2]] for part in parts)


def format_bytes(size: float) -> str:
    """Bytes with a binary unit and three significant digits or so: `15.3 GiB`."""
    value = float(size)
    for unit in _BINARY:
        if abs(value) < 1024 or unit == _BINARY[-1]:
            break
        value /= 1024
    if unit == "B":
        return f"{value:.0f} B"
    return f"{value:.1f} {unit}" if abs(value) < 100 else f"{value:.0f} {unit}"


def format_duration(seconds: float) -> str:
    """Seconds in the two largest units, as kubectl writes ages: `42s`, `3m12s`, `2h5m`, `3d4h`."""
    total = int(abs(seconds))
    sign = "-" if seconds < 0 and total else ""
    days, rest = divmod(total, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return sign + "".join(f"{count}{unit}" for count, unit in parts[:2] if count or len(parts) == 1)
