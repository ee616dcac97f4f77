"""Quantities are read exactly and written for people."""

from __future__ import annotations

from decimal import Decimal

import pytest

from vops.model.quantities import duration_s, format_bytes, format_duration, millis, quantity, whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1500m", Decimal("1.5")),
        ("16Gi", Decimal(16 * 2**30)),
        ("1e3", Decimal(1000)),
        ("1E", Decimal(10**18)),
        ("129M", Decimal(129_000_000)),
        (".5", Decimal("0.5")),
        ("-2", Decimal(-2)),
        ("0", Decimal(0)),
        ("100n", Decimal("1e-7")),
    ],
)
def test_quantities_are_exact(text: str, value: Decimal) -> None:
    assert quantity(text) == value


def test_ten_tenths_of_a_core_are_a_core() -> None:
    assert sum((quantity("100m") for _ in range(10)), Decimal(0)) == quantity("1")


def test_rounding_is_upwards_as_the_scheduler_rounds() -> None:
    assert (whole("1500m"), whole("128974848"), millis("0.0001"), millis("2")) == (2, 128_974_848, 1, 2000)


@pytest.mark.parametrize("text", ["", "Gi", "1gi", "1 Gi", "0x10", "1e", "NaN", "1e9999", "٣"])
def test_what_kubernetes_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        quantity(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h30m", 5400), ("250ms", 0.25), ("0", 0), ("-1.5s", -1.5), ("5m", 300)]
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "1x", "1h 5m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration_s(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1536, "1.5 KiB"), (16 * 2**30, "16.0 GiB"), (200 * 2**20, "200 MiB"), (2**60, "1024 PiB")],
)
def test_sizes_have_a_binary_unit(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (42.9, "42s"),
        (192, "3m12s"),
        (120, "2m"),
        (7_500, "2h5m"),
        (273_600, "3d4h"),
        (86_400, "1d"),
        (-61, "-1m1s"),
    ],
)
def test_durations_have_the_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
