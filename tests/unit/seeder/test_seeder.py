"""The seeder as a process, with the real huggingface_hub, against a Hub that answers everything that one may."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import COMMIT, StandInHub, Trouble, stand_in_hub
from tests.seeding import MODEL, Seeding, events, manifest_of

FIRST = "model-00001-of-00003.safetensors"
FILES = 7


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with stand_in_hub() as started:
        started.add_model(MODEL)
        yield started


@pytest.fixture
def seeding(tmp_path: Path, hub: StandInHub) -> Seeding:
    return Seeding(tmp_path, hub)


def whole(seeding: Seeding) -> bool:
    """Whether the volume holds the served files, byte for byte, and nothing else."""
    wanted = {item["name"]: seeding.hub.files[f"{MODEL}/{item['name']}"] for item in manifest_of(seeding.hub)["files"]}
    found = {
        str(path.relative_to(seeding.model)): path.read_bytes() for path in seeding.model.rglob("*") if path.is_file()
    }
    return found == wanted


def test_every_served_file_arrives_proven_and_is_marked(seeding: Seeding) -> None:
    code, lines = seeding.run()
    assert (code, whole(seeding)) == (0, True)
    marker = json.loads(seeding.marker.read_bytes())
    assert marker["digest"] == manifest_of(seeding.hub)["digest"]
    assert (lines[0]["event"], lines[0]["missing_files"]) == ("begin", FILES)
    done = lines[-1]
    assert (done["event"], done["files"], done["digest"]) == ("done", FILES, marker["digest"])
    assert json.loads((seeding.directory / "termination-log").read_bytes()) == done
    assert not [path for path in (seeding.root / ".vops").iterdir() if path != seeding.marker]


def test_what_is_there_is_not_fetched_again(seeding: Seeding) -> None:
    seeding.run()
    asked = len(seeding.hub.requests)
    code, (done,) = seeding.run()
    assert (code, done["event"], done["again"]) == (0, "done", True)
    assert len(seeding.hub.requests) == asked


def test_a_killed_download_goes_on_at_whole_files(seeding: Seeding) -> None:
    last = "model-00003-of-00003.safetensors"
    seeding.hub.trouble[last] = ["stalled"]
    process = seeding.start(VOPS_STALL_S="60", VOPS_PARALLEL="1")
    assert process.stdout is not None
    lines = (json.loads(line) for line in process.stdout)
    next(line for line in lines if line["event"] == "file" and line["name"] == "model-00002-of-00003.safetensors")
    process.kill()
    process.wait()
    process.stdout.close()
    seeding.hub.released.set()
    seeding.hub.bodies.clear()
    code, again = seeding.run(VOPS_LOCK_STALE_S="0.2")
    assert (code, whole(seeding)) == (0, True)
    (begin,) = events(again, "begin")
    assert 0 < begin["missing_files"] < FILES - 2
    assert FIRST not in seeding.hub.bodies


@pytest.mark.parametrize("trouble", ["truncated", 429, 503, "corrupt", "slow"])
def test_what_passes_is_waited_out(seeding: Seeding, trouble: Trouble) -> None:
    seeding.hub.trouble[FIRST] = [trouble]
    code, _ = seeding.run()
    assert (code, whole(seeding)) == (0, True)


def test_a_stream_that_stalls_is_killed_and_begun_anew_without_xet(seeding: Seeding) -> None:
    seeding.hub.trouble[FIRST] = ["stalled"]
    code, lines = seeding.run(VOPS_STALL_S="5")
    (again,) = events(lines, "again")
    assert (code, whole(seeding), again["code"], again["without_xet"]) == (0, True, 52, True)


@pytest.mark.parametrize(
    ("refusal", "code", "said"),
    [
        ((401, "", {}), 41, "401"),
        ((403, "", {}), 43, "403"),
        ((404, "RepoNotFound", {}), 44, "Repository Not Found"),
        ((404, "RevisionNotFound", {}), 44, "Revision Not Found"),
    ],
)
def test_what_does_not_pass_ends_at_once_with_its_own_code(
    seeding: Seeding, refusal: tuple[int, str, dict[str, str]], code: int, said: str
) -> None:
    seeding.hub.refusal = refusal
    found, lines = seeding.run()
    assert (found, lines[-1]["event"], lines[-1]["code"]) == (code, "failed", code)
    assert said in lines[-1]["say"]
    assert not events(lines, "again")


def test_a_gated_model_needs_a_token_that_was_granted_and_never_tells_it(seeding: Seeding) -> None:
    seeding.hub.granted[MODEL] = {"hf_granted"}
    assert seeding.run()[0] == 41
    assert seeding.run(HF_TOKEN="hf_other")[0] == 43
    code, lines = seeding.run(HF_TOKEN="hf_granted")
    assert (code, whole(seeding)) == (0, True)
    assert "hf_" not in json.dumps(lines)
    assert not seeding.hub.leaked


def test_bytes_that_stay_wrong_are_told_as_such(seeding: Seeding) -> None:
    seeding.hub.trouble[FIRST] = ["corrupt"] * 3
    code, lines = seeding.run()
    assert code == 46
    assert FIRST in lines[-1]["say"]
    assert not seeding.marker.exists()


def test_what_may_pass_is_worth_another_pod(seeding: Seeding) -> None:
    seeding.hub.trouble[FIRST] = [503]
    code, lines = seeding.run(VOPS_TRIES="1")
    assert (code, lines[-1]["code"]) == (51, 51)


def broken_index(hub: StandInHub) -> None:
    hub.files[f"{MODEL}/model.safetensors.index.json"] = b'{"weight_map": {"layer.9": "' + FIRST.encode() + b'"}}'


def broken_config(hub: StandInHub) -> None:
    hub.files[f"{MODEL}/config.json"] = b"<!doctype html>"


def broken_weights(hub: StandInHub) -> None:
    hub.files[f"{MODEL}/{FIRST}"] = hub.files[f"{MODEL}/{FIRST}"][:-5]


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (broken_index, "puts layer.9 into"),
        (broken_config, "config.json is not JSON"),
        (broken_weights, "its header speaks of"),
    ],
)
def test_a_repository_that_could_not_be_loaded_is_found_before_a_server_tries(
    seeding: Seeding, breaks: Any, said: str
) -> None:
    breaks(seeding.hub)
    code, lines = seeding.run()
    assert (code, seeding.marker.exists()) == (47, False)
    assert said in lines[-1]["say"]


def test_space_is_looked_at_before_the_first_byte(seeding: Seeding) -> None:
    manifest = manifest_of(seeding.hub)
    manifest["files"][0]["size"] = 10**15
    (seeding.directory / "manifest.json").write_text(json.dumps(manifest))
    code, lines = seeding.run()
    assert (code, seeding.hub.bodies) == (45, [])
    assert "the volume has" in lines[-1]["say"]


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd"])
def test_a_manifest_cannot_lead_out_of_the_volume(seeding: Seeding, name: str) -> None:
    manifest = manifest_of(seeding.hub)
    manifest["files"][0]["name"] = name
    (seeding.directory / "manifest.json").write_text(json.dumps(manifest))
    assert seeding.run()[0] == 48


def test_two_pods_do_not_work_at_once_and_a_dead_ones_lock_is_taken(seeding: Seeding) -> None:
    notes = seeding.root / ".vops"
    notes.mkdir(parents=True)
    (notes / f"{COMMIT}.lock").write_text("other-pod")
    code, lines = seeding.run(VOPS_LOCK_STALE_S="0.5")
    assert (code, lines[0]["event"], lines[0]["holder"]) == (0, "waiting", "other-pod")


def test_sigterm_is_heard_and_leaves_no_download_behind(seeding: Seeding) -> None:
    seeding.hub.trouble[FIRST] = ["stalled"]
    process = seeding.start(VOPS_STALL_S="60")
    assert process.stdout is not None
    next(line for line in process.stdout if '"file"' in line)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    process.stdout.close()
    assert not list((seeding.root / ".vops").glob("*.lock"))


def test_a_manifest_with_other_files_takes_what_is_there_over(seeding: Seeding) -> None:
    seeding.run()
    seeding.hub.bodies.clear()
    manifest = manifest_of(seeding.hub) | {"digest": "f" * 64}
    (seeding.directory / "manifest.json").write_text(json.dumps(manifest))
    code, _ = seeding.run()
    assert (code, whole(seeding), seeding.hub.bodies) == (0, True, [])


# --- verify -------------------------------------------------------------------------------------------------


def test_verify_reads_every_byte_without_the_hub_and_writes_nothing(seeding: Seeding) -> None:
    seeding.run()
    before = sorted((path, os.stat(path).st_mtime_ns) for path in seeding.root.rglob("*"))
    code, lines = seeding.run(VOPS_MODE="verify", HF_ENDPOINT="http://127.0.0.1:9")
    assert (code, lines[-1]["event"], len(events(lines, "file"))) == (0, "done", FILES)
    assert sorted((path, os.stat(path).st_mtime_ns) for path in seeding.root.rglob("*")) == before


def test_verify_names_the_damaged_file_and_recheck_mends_just_that(seeding: Seeding) -> None:
    seeding.run()
    body = bytearray((seeding.model / FIRST).read_bytes())
    body[-1] ^= 1
    (seeding.model / FIRST).write_bytes(body)
    code, lines = seeding.run(VOPS_MODE="verify")
    assert (code, lines[-1]["say"].split()[0]) == (46, FIRST)
    seeding.hub.bodies.clear()
    assert seeding.run(VOPS_RECHECK="1")[0] == 0
    assert (whole(seeding), seeding.hub.bodies) == (True, [FIRST])


def test_verify_of_what_was_never_seeded_says_so(seeding: Seeding) -> None:
    code, lines = seeding.run(VOPS_MODE="verify")
    assert code == 44
    assert "never seeded" in lines[-1]["say"]


def test_progress_tells_bytes_rate_and_time_left(seeding: Seeding) -> None:
    seeding.hub.trouble[FIRST] = ["slow"]
    seeding.hub.files[f"{MODEL}/{FIRST}"] = seeding.hub.files[f"{MODEL}/{FIRST}"]
    started = time.monotonic()
    _, lines = seeding.run(VOPS_PARALLEL="1", VOPS_PROGRESS_S="0.1")
    progress = events(lines, "progress")
    assert progress[-1]["of_bytes"] == lines[0]["bytes"]
    assert all(line["bytes"] <= line["of_bytes"] for line in progress)
    assert time.monotonic() - started < 30


def test_far_from_any_hub_the_marker_says_what_has_to_be_there(seeding: Seeding) -> None:
    seeding.run()
    (seeding.directory / "manifest.json").write_text(json.dumps({"model": MODEL, "commit": COMMIT}))
    code, lines = seeding.run(VOPS_MODE="verify", HF_ENDPOINT="http://127.0.0.1:9")
    assert (code, lines[-1]["files"], lines[-1]["digest"]) == (0, FILES, manifest_of(seeding.hub)["digest"])
    (seeding.model / FIRST).unlink()
    assert seeding.run(VOPS_MODE="verify")[0] == 46


@pytest.mark.parametrize("damage", ["digest", "model"])
def test_a_marker_that_was_changed_proves_nothing(seeding: Seeding, damage: str) -> None:
    seeding.run()
    seeding.marker.write_text(json.dumps(json.loads(seeding.marker.read_bytes()) | {damage: "0" * 64}))
    (seeding.directory / "manifest.json").write_text(json.dumps({"model": MODEL, "commit": COMMIT}))
    code, lines = seeding.run(VOPS_MODE="verify")
    assert (code, "is damaged, or of another model" in lines[-1]["say"]) == (46, True)
