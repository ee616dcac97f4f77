"""Which line of a text is shown for what it sounds like: one that says what went wrong."""

from __future__ import annotations

import pytest

from vops.diagnosis.evidence import of_one_row
from vops.diagnosis.guesses.likeness import hear, telling
from vops.diagnosis.guesses.telling import plain, tells

FORM = """\
### Your current environment

GPU: NVIDIA L4, driver 550.54, CUDA 12.4
docker run --gpus all --shm-size 1g vllm/vllm-openai --tensor-parallel-size 2

### Describe the bug

With two GPUs the workers cannot make a shared memory segment in /dev/shm, and NCCL fails with unhandled system error.

- [x] Before submitting, I searched for shared memory and /dev/shm.
"""


@pytest.mark.parametrize(
    "line",
    [
        "### Your current environment",
        "**To Reproduce**",
        "- [x] I searched for CUDA errors that are like this one",
        "docker run --gpus all --shm-size 1g vllm/vllm-openai --model m",
        "$ kubectl get pods -n llm -o wide",
        "GPU: NVIDIA L4, driver 550.54, CUDA 12.4",
        "kind: NetworkPolicy",
        '- "--tensor-split"',
        "If the node is under load, probes fail.",
    ],
)
def test_what_stands_around_a_failure_counts_little(line: str) -> None:
    assert (
        tells(line) < tells("The server has two GPUs and a model on a shared disk.") < tells("The server cannot start.")
    )


def test_the_sentence_that_is_shown_says_what_fails() -> None:
    assert telling(FORM, hear(FORM).causes[0].cause).startswith(
        "With two GPUs the workers cannot make a shared memory segment"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("## The pod hangs: `x` is `y`", "The pod hangs: `x` is `y`"),
        ("> - 0/3 nodes are available", "0/3 nodes are available"),
        ("`0/3 nodes are available.`", "0/3 nodes are available."),
        ("--flag is refused", "--flag is refused"),
        ("#", "#"),
    ],
)
def test_marks_of_markdown_are_not_shown(line: str, said: str) -> None:
    assert plain(line) == said


@pytest.mark.parametrize(
    "below",
    [
        " 2021-07-01T13:59:09Z Pulling Pulling image",
        "\n$ kubectl get pods",
        " IP: IPs: <none>",
    ],
)
def test_rows_below_a_message_are_not_shown_with_it(below: str) -> None:
    assert of_one_row(f"Container a failed liveness probe, will be restarted{below}").endswith("will be restarted")
