"""Numbers as people read them: fixed few digits, a unit, and `–` for what is not known (never 0)."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

UNKNOWN = "–"


def count(value: float | None) -> str:
    """A whole count: `0`, `128`, `12.5k`, `3.1M`."""
    if value is None:
        return UNKNOWN
    for limit, divisor, unit in ((10_000, 1, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M")):
        if abs(value) < limit:
            return f"{value:.0f}" if not unit else f"{value / divisor:.1f}{unit}"
    return f"{value / 1e9:.1f}G"


def percent(share: float | None) -> str:
    """A share of 0..1 as `0%` to `100%`."""
    return UNKNOWN if share is None else f"{share * 100:.0f}%"


def latency(seconds: float | None) -> str:
    """A latency: `84ms`, `1.24s`, `83s`; a histogram's open end is `>` its last bound nowhere else known, so `inf`."""
    if seconds is None:
        return UNKNOWN
    if seconds == float("inf"):
        return "inf"
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.0f}s"


def duration(seconds: float | None) -> str:
    """A span of time in at most two units: `8s`, `1m40s`, `3h12m`, `14d`."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return _two(whole, 60, "m", 1, "s", plain_from=600)
    if whole < 86_400:
        return _two(whole, 3600, "h", 60, "m", plain_from=36_000)
    return _two(whole, 86_400, "d", 3600, "h", plain_from=864_000)


def _two(whole: int, large: int, large_unit: str, small: int, small_unit: str, *, plain_from: int) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first}{large_unit}" if whole >= plain_from or not second else f"{first}{large_unit}{second}{small_unit}"


def age_s(since: datetime | None, now: datetime) -> float | None:
    """Seconds from `since` to `now`, at least 0; None when `since` is not known."""
    return None if since is None else max(0.0, (now - since).total_seconds())


def clock(at: datetime | None) -> str:
    """A time of day, `14:02:31`."""
    return UNKNOWN if at is None else f"{at:%H:%M:%S}"


_BLOCKS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def sparkline(values: list[float | None], width: int, top: float | None = None) -> str:
    """The last `width` values as block characters scaled to `top` (their own maximum by default); unknown is `·`."""
    shown = values[-width:]
    if all(value is None for value in shown):
        return ""
    high = top or max((value for value in shown if value is not None), default=0.0)
    return "".join(_block(value, high) for value in shown)


def _block(value: float | None, high: float) -> str:
    if value is None:
        return "·"
    return _BLOCKS[1] if high <= 0 else _BLOCKS[max(1, min(8, round(value / high * 8)))]


def bar(level: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells filled to `level` (0..1): the filled part, then the empty part."""
    eighths = round(max(0.0, min(1.0, level)) * width * 8)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    return filled, " " * (width - len(filled))


_MAKERS = re.compile(r"(NVIDIA|AMD|Tesla|Instinct|GeForce|SXM\d?|PCIe|OAM|HBM\w*)([- ]|$)", re.IGNORECASE)


@lru_cache(maxsize=256)
def gpu_name(product: str) -> str:
    """A GPU product in short: `NVIDIA-H100-80GB-HBM3` is `H100 80GB`."""
    return _MAKERS.sub("", product).replace("-", " ").strip() or product
