"""What a report says of a text of which nobody said whose it is: no name, node, state or event that nobody gave."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from tests.eval.cases import DATA
from tests.unit.operations.test_bundle_likened import UNEVEN
from vops.diagnosis.findings import Report
from vops.operations.intake.bundle import diagnose_bundle
from vops.render.report import report_lines
from vops.render.text import plain

GATED = (DATA / "logs" / "fail-gated403.log").read_text()
SERVING = (DATA / "kubelet" / "healthy" / "vllm.log").read_text()
QUIET = "2026-06-01 10:00:00 the nightly report was written\n2026-06-01 10:00:01 the next one is due tomorrow\n"
SERVES = SERVING.partition("Application startup complete.")[0] + "Application startup complete.\n"
TOLD = (
    "The pods hang in CreateContainerConfigError. We found out that the chart does not create the secret of the token, "
    "although its values say so, and once I had made it by hand they came up.\n"
)
DENIED = (
    "  Warning  Failed  5s  kubelet  Failed to pull image: rpc error: code = Unknown desc = Error response from "
    "daemon: pull access denied for {}, repository does not exist or may require 'docker login'\n"
    "  Warning  Failed  5s  kubelet  Error: ErrImagePull\n"
)


def reported(folder: Path, **texts: str) -> Report:
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return diagnose_bundle([folder], None)[0][0]


def shown(report: Report) -> str:
    return plain(report_lines(report))


@pytest.mark.parametrize("name", ["log__log", "output__txt", "Server__log", "stderr__log", "log__previous__log"])
def test_a_file_that_is_called_by_what_it_is_names_no_pod(tmp_path: Path, name: str) -> None:
    report = reported(tmp_path, **{name: GATED})
    assert (report.subject.name, report.state) == ("(not named)", "crash-looping")


def test_a_file_that_is_called_as_its_pod_names_it(tmp_path: Path) -> None:
    assert reported(tmp_path, **{"vllm-7d9f__log": GATED}).subject.name == "vllm-7d9f"


def test_logs_that_have_to_be_told_apart_keep_the_names_of_their_files(tmp_path: Path) -> None:
    reported(tmp_path, server__log=GATED, api__log=SERVING)
    assert {item.subject.name for item in diagnose_bundle([tmp_path], None)[0]} == {"server", "api"}


def test_a_server_of_which_only_the_log_is_there_is_on_no_node(tmp_path: Path) -> None:
    report = reported(tmp_path, log__log=SERVES)
    assert report.state == "ready"
    assert report.summary.startswith("The pod is ready")
    assert "node" not in report.summary


def test_a_text_that_tells_of_nothing_has_no_state_and_says_what_to_hand_in(tmp_path: Path) -> None:
    report = reported(tmp_path, log__log=QUIET)
    assert (report.state, report.findings) == ("unknown", ())
    assert all(words in report.summary for words in ("describe pod", "--previous", "get events"))


def test_what_somebody_tells_is_text_and_no_event_and_tells_no_state(tmp_path: Path) -> None:
    report = reported(tmp_path, post__md=TOLD)
    assert (report.state, report.findings[0].cause) == ("unknown", "missing-config")
    assert {(item.source, item.where) for item in report.findings[0].evidence} == {("text", "what speaks most for it")}


@pytest.mark.parametrize("image", ["nvcr.io/acme/nim/llm", "docker.io/acme/llm:1.2"])
def test_the_image_that_a_registry_denies_is_named(tmp_path: Path, image: str) -> None:
    assert reported(tmp_path, events__txt=DENIED.format(image)).summary.endswith(f"pull {image}")


def test_a_hint_says_at_a_glance_that_it_is_one_and_how_likely() -> None:
    text = shown(diagnose_bundle([], UNEVEN)[0][0])
    assert "replica-imbalance  warning, possible, a hint by words alone" in text
    assert re.search(r"A hint, as no rule is sure: by its words this is most like replica-imbalance \(\d\d%\)", text)


def test_evidence_that_was_shown_is_not_shown_again() -> None:
    (report,) = diagnose_bundle([], UNEVEN)[0]
    twice = msgspec.structs.replace(report, findings=(report.findings[0],) * 2)
    assert shown(twice).count("one of them gets all the chats") == 1
    assert shown(twice).count("evidence: as above") == 1


SGLANG = """We serve with sglang.launch_server on one L4. It loads the model and answers. With 200 chats at a time, some
of them with prompts of 30,000 tokens, it ends:

torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 616.00 MiB.
"""


def test_advice_about_another_engine_is_in_its_words_and_names_no_container(tmp_path: Path) -> None:
    report = reported(tmp_path, post__md=SGLANG)
    steps = "\n".join(step for item in report.findings for fix in item.fixes for step in fix.steps)
    assert "--max-running-requests" in steps
    assert not re.search(r"--max-num-seqs|--gpu-memory-utilization|-c vllm", steps)


RUNC = (
    "runc create failed: unable to start container process: exec: "
    '"vllm-server": executable file not found in $PATH: unknown'
)


@pytest.mark.parametrize(
    ("text", "source", "where"),
    [
        (
            f"The pod does not start. The node says:\n\n    failed to create containerd task: {RUNC}\n",
            "text",
            "as printed",
        ),
        (
            f"  Warning  Failed  5s (x3 over 1m)  kubelet  Error: failed to create containerd task: {RUNC}\n",
            "event",
            "Failed",
        ),
    ],
)
def test_a_line_that_no_cluster_wrote_as_an_event_is_not_shown_as_one(text: str, source: str, where: str) -> None:
    found = diagnose_bundle([], text.encode())[0][0].findings[0]
    assert found.cause == "bad-entrypoint"
    assert (found.evidence[0].source, found.evidence[0].where.partition(" ×")[0]) == (source, where)


def test_a_shells_word_is_quoted_as_the_log_has_it() -> None:
    report = diagnose_bundle([], b"exec /usr/bin/start: exec format error\n")[0][0]
    assert report.findings[0].evidence[0].observed == "exec /usr/bin/start: exec format error"


def test_what_loggers_put_before_a_message_is_not_in_the_summary() -> None:
    crash = (
        "ERROR 11-03 23:41 [core.py:844] torch.AcceleratorError: CUDA error: an illegal memory access was encountered"
    )
    report = diagnose_bundle([], f"(EngineCore pid=7) Initializing an engine\n{crash}\n".encode())[0][0]
    assert "crashed during boot: torch.AcceleratorError: CUDA error: an illegal" in report.summary


def test_azures_word_is_not_ascribed_to_gke(tmp_path: Path) -> None:
    text = (
        "Code: ZonalAllocationFailed\nMessage: Allocation failed. We do not have sufficient capacity for the VM size.\n"
    )
    report = reported(tmp_path, error__txt=text)
    assert report.findings[0].cause == "gpu-stockout"
    assert "GKE" not in report.summary
