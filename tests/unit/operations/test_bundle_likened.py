"""What is said of a handed-in text that no rule is sure of."""

from __future__ import annotations

from pathlib import Path

from tests.eval.cases import DATA
from vops.diagnosis.findings import LIKENED, Finding
from vops.operations.intake.bundle import diagnose_bundle

UNEVEN = b"""Two replicas behind an ingress. Since Monday one of them gets all the chats and its GPU is at 100 %, while
the other one idles. \x1b[31mHelp\x1b[0m, the token is hf_abcdefghijklmnopqrstuv!
"""


def findings(text: bytes) -> list[Finding]:
    return [item for report in diagnose_bundle([], text)[0] for item in report.findings]


def test_somebodys_own_words_get_a_hint() -> None:
    report = diagnose_bundle([], UNEVEN)[0][0]
    assert (report.findings[0].cause, report.findings[0].rule) == ("replica-imbalance", LIKENED)
    assert report.summary == report.findings[0].summary
    assert report.state == "unknown"


def test_what_is_quoted_is_scrubbed_and_without_tokens() -> None:
    said = str(findings(UNEVEN.replace(b"while\nthe", b"while the token hf_abcdefghijklmnopqrstuv\x1b[31m of the")))
    assert "one of them gets all the chats" in said
    assert "abcdefghijklm" not in said
    assert "\x1b" not in said


def test_what_a_rule_is_certain_of_is_not_disputed() -> None:
    found = findings((DATA / "logs" / "fail-gated403.log").read_bytes() + b"\n" + UNEVEN)
    assert found
    assert not any(item.rule == LIKENED for item in found)


ONE_VOLUME = b"""Our rollout hangs again: the volume is ReadWriteOnce, the old replica has it, and with RollingUpdate
the new one cannot start before the old one is gone, which the Deployment only stops when the new one is Ready.

Warning  FailedAttachVolume  2m  attachdetach-controller  Multi-Attach error for volume "pvc-1" Volume is already used
by pod(s) llm-0
"""


def test_words_that_are_much_surer_come_before_what_a_rule_found() -> None:
    first, *others = findings(ONE_VOLUME)
    assert (first.rule, first.cause) == (LIKENED, "rollout-volume-conflict")
    assert [item.cause for item in others if item.rule != LIKENED] == ["multi-attach"]


UNDER_LOAD = """The server starts and answers. As soon as the benchmark sends its 1800 requests at a time, most of them
with long prompts, it ends with this, on a pod with one GPU and 32Gi of memory:

torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 616.00 MiB.
"""


def test_words_decide_where_a_rule_is_not_sure() -> None:
    first, other, *_ = findings(UNDER_LOAD.encode())
    assert (first.cause, first.rule) == ("cuda-oom-runtime", LIKENED)
    assert (other.cause, other.rule, other.confidence) == ("cuda-oom-weights", "cuda-oom-weights", "possible")


LOGGED_IN = """Since our registry is private both pods wait. With docker login and my own account the image is pulled on
my laptop; the service account has no imagePullSecrets, and the namespace no secret with credentials for the registry.

NAME                     READY   STATUS             RESTARTS   AGE
chat-57d8b6f967-bc5mp    0/1     ImagePullBackOff   0          9m
chat-57d8b6f967-x584p    0/1     ImagePullBackOff   0          9m
"""


def test_words_decide_for_the_first_of_several_pods_that_fail_alike(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_text(LOGGED_IN)
    first, second = diagnose_bundle([tmp_path], None)[0]
    assert [item.cause for item in first.findings][:2] == ["image-auth", "image-not-found"]
    assert second.findings[0].cause == "image-not-found"


def test_what_is_no_fault_is_not_disputed(tmp_path: Path) -> None:
    (tmp_path / "events.txt").write_text(COMING)
    found = [item for report in diagnose_bundle([tmp_path], None)[0] for item in report.findings]
    assert [item.cause for item in found] == ["autoscaler-working"]


COMING = """LAST SEEN   TYPE      REASON             OBJECT    MESSAGE
12s  Warning   FailedScheduling   pod/a-0   0/3 nodes are available: 3 Insufficient nvidia.com/gpu.
10s  Normal    TriggeredScaleUp   pod/a-0   pod triggered scale-up: [{gpu-pool 0->1 (max: 4)}]
"""


def test_prose_around_an_object_that_says_nothing_is_heard(tmp_path: Path) -> None:
    manifest = "```yaml\napiVersion: example.com/v1\nkind: Chat\nmetadata: {name: chat}\n```\n"
    (tmp_path / "post.md").write_text(UNEVEN.decode() + "\n" + manifest)
    reports, _ = diagnose_bundle([tmp_path], None)
    assert [item.findings[0].cause for item in reports] == ["replica-imbalance"]


def test_what_only_explains_gets_no_hint() -> None:
    page = b"# Uneven load\n\n## Overview\n\nWhen one replica gets all the requests, you can route by load instead.\n"
    assert not findings(page)


def test_a_pod_that_a_cluster_says_is_ready_gets_no_hint() -> None:
    reports, _ = diagnose_bundle([DATA / "kubelet" / "healthy"], UNEVEN)
    assert not [item for report in reports for item in report.findings]


def test_a_text_that_is_nothing_else_gets_a_report_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_bytes(UNEVEN)
    reports, problems = diagnose_bundle([tmp_path], None)
    assert [item.findings[0].cause for item in reports] == ["replica-imbalance"]
    assert not problems


def test_what_a_logger_wrote_as_json_is_heard(tmp_path: Path) -> None:
    said = (
        "one of the two replicas gets nearly all requests, its queue grows and its GPU is at 100 %, clients wait for "
        "minutes and time out, while the other replica idles with the same model and weight in the router"
    )
    (tmp_path / "server.log").write_text(
        f'{{"level": "info", "msg": "started"}}\n{{"level": "info", "msg": "{said}"}}\n'
    )
    assert [item.findings[0].cause for item in diagnose_bundle([tmp_path], None)[0]] == ["replica-imbalance"]


def test_what_an_api_has_answered_is_not_heard_as_words(tmp_path: Path) -> None:
    pods = (
        '{"kind": "PodList", "apiVersion": "v1", "items": [], "note": "'
        + UNEVEN.decode()[:100].replace("\n", " ")
        + '"}'
    )
    (tmp_path / "pods.json").write_text(pods)
    assert not [item for report in diagnose_bundle([tmp_path], None)[0] for item in report.findings]
