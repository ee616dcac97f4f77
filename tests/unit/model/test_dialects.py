"""Each version speaks the newest dialect that is not newer than itself."""

from __future__ import annotations

import pytest

from vops.model.dialects import DIALECTS, ENGINE_METRICS, Unit, Version, dialect, is_switch, version_of

TEXTS = [
    ("0.25.1", (0, 25, 1)),
    ("v0.12.0rc1", (0, 12, 0)),
    ("docker.io/vllm/vllm-openai:v0.8.5@sha256:ab", (0, 8, 5)),
    ("host:5000/vllm:v0.32", (0, 32, 0)),
    ("vllm/vllm-openai:latest", None),
    ("host:5000/vllm", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "version"), TEXTS)
def test_versions_are_read_from_tags(text: str, version: Version | None) -> None:
    assert version_of(text) == version


@pytest.mark.parametrize(
    ("version", "since"),
    [((0, 7, 0), 0), ((0, 8, 5), 0), ((0, 11, 9), 0), ((0, 12, 0), 1), ((0, 31, 0), 2), ((1, 0, 0), 3), (None, 3)],
)
def test_unknown_and_newer_versions_speak_the_newest_dialect(version: Version | None, since: int) -> None:
    assert dialect(version) is DIALECTS[since]


def test_dialects_rise_and_the_newest_names_come_first() -> None:
    assert [entry.since for entry in DIALECTS] == sorted(entry.since for entry in DIALECTS)
    assert ENGINE_METRICS.kv_usage == ("kv_cache_usage_perc", "gpu_cache_usage_perc")
    assert DIALECTS[0].prefix_unit is Unit.BLOCKS


@pytest.mark.parametrize(
    ("flag", "alone"),
    [
        ("enforce-eager", True),
        ("no-enable-prefix-caching", True),
        ("disable-access-log-for-endpoints", False),
        ("port", False),
    ],
)
def test_switches_are_told_from_flags_with_a_value(flag: str, alone: bool) -> None:
    assert is_switch(flag) is alone
