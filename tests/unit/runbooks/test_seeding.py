"""What a seeder's lines come to, and the Job that is made for a manifest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vops.library import read_program
from vops.runbooks.seeding import (
    FATAL,
    PASSING,
    Wanted,
    failure,
    job_name,
    job_objects,
    left,
    progress_line,
    read_lines,
)

MANIFEST: dict[str, Any] = {
    "model": "Qwen/Qwen3-8B",
    "commit": "c" * 40,
    "digest": "d" * 64,
    "files": [{"name": "config.json", "size": 700, "blob": "b" * 40}],
}
WANTED = Wanted("seed", MANIFEST, "models", "inference", "image:1")


def lines(*items: dict[str, Any]) -> list[str]:
    return [json.dumps(item) for item in items]


PROGRAM = Path(__file__).parents[3] / "runbooks/programs/seed"
BEGIN = {"event": "begin", "files": 64, "bytes": 112 * 2**30, "missing_files": 37, "missing_bytes": 71 * 2**30}
PROGRESS = {
    "event": "progress", "verb": "fetched", "files": 30, "of": 64, "bytes": 50 * 2**30, "of_bytes": 112 * 2**30,
    "rate": 210 * 2**20, "eta_s": 302,
}  # fmt: skip


def test_a_seeders_beginning_says_what_was_there() -> None:
    told = read_lines(lines(BEGIN))
    assert (told.files, told.missing_files, progress_line(told)) == (27, 37, "27 of 64 files, 41.0 GiB of 112 GiB")


def test_progress_has_rate_and_time_left_and_what_is_no_line_is_passed_over() -> None:
    told = read_lines(["Traceback (most recent call last):", *lines(BEGIN, PROGRESS), "{"])
    assert progress_line(told) == "30 of 64 files, 50.0 GiB of 112 GiB, 210 MiB/s, 5 min left"


def test_what_another_program_writes_is_passed_over_and_words_are_scrubbed() -> None:
    told = read_lines([*lines(BEGIN), '{"event": "begin"}', "[1]", '{"event": "waiting", "holder": "\\u001b[2J"}'])
    assert told.missing_files == 37
    assert told.doing == "waits for \ufffd[2J, which fills the claim"


@pytest.mark.parametrize(
    "line",
    [
        {"event": "done"},
        {"event": "done", "path": "/m", "digest": ["x"], "bytes": 1, "seconds": 1, "files": 1, "again": False},
        {"event": "failed", "code": "many", "say": "x"},
        {"event": "failed", "code": 1},
        PROGRESS | {"bytes": "many"},
        PROGRESS | {"rate": {}},
    ],
)
def test_a_line_that_only_looks_like_a_seeders_is_passed_over(line: dict[str, Any]) -> None:
    assert read_lines(lines(BEGIN, line)) == read_lines(lines(BEGIN))


def test_what_holds_it_up_is_shown() -> None:
    told = read_lines(lines({"event": "waiting", "holder": "seed-x-1"}))
    assert progress_line(told) == "waits for seed-x-1, which fills the claim"
    again = read_lines(lines(BEGIN, {"event": "again", "code": 52, "say": "no byte has come for 300 s"}))
    assert progress_line(again).endswith("begins again: no byte has come for 300 s")


def test_the_codes_are_those_of_the_seeder() -> None:
    """Two programs that never run together have one table each."""
    story = read_program("seed")["story.py"]
    codes = {name: int(code) for name, code in re.findall(r"^([A-Z][A-Z_]+) = (\d+)$", story, re.MULTILINE)}
    assert set(FATAL) | set(PASSING) == set(codes.values())
    assert failure(codes["FORBIDDEN"], "say")[0] == "the token may not read this model: say"
    assert failure(9, "") == ("it ended with code 9", "")


@pytest.mark.parametrize(
    "change",
    [
        {"claim": "others"},
        {"image": "image:2"},
        {"recheck": True},
        {"mode": "verify"},
        {"manifest": {**MANIFEST, "digest": "e" * 64}},
    ],
)
def test_a_job_is_named_by_what_it_does(change: dict[str, Any]) -> None:
    other = msgspec.structs.replace(WANTED, **change)
    assert job_name(other) != job_name(WANTED) == job_name(msgspec.structs.replace(WANTED, stall_s=1.0))
    assert len(job_name(other, 12)) <= 63


def test_the_job_takes_no_gpu_no_shell_and_no_token_in_sight() -> None:
    config, job = job_objects(msgspec.structs.replace(WANTED, token={"name": "hf", "key": "token"}), "seed-x")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python3", "/seeder/seeder.py"]
    assert "nvidia" not in str(job)
    token = next(item for item in container["env"] if item["name"] == "HF_TOKEN")
    assert token == {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    assert json.loads(config["data"]["manifest.json"]) == MANIFEST
    assert set(config["data"]) == {"manifest.json", *(path.name for path in PROGRAM.glob("*.py"))}
    assert len(json.dumps(config)) < 100_000


def test_a_verifying_job_mounts_read_only() -> None:
    _, job = job_objects(msgspec.structs.replace(WANTED, mode="verify"), "verify-x")
    spec = job["spec"]["template"]["spec"]
    assert spec["volumes"][0]["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    assert spec["containers"][0]["volumeMounts"][0]["readOnly"] is True


@pytest.mark.parametrize(("seconds", "said"), [(40, "40 s"), (302, "5 min"), (7800, "2 h 10 min")])
def test_time_left_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert left(seconds) == said
