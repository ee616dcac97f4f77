"""What vLLM's own modules raise: as a whole traceback, as the last line of one, and as a sentence without its class.

Each line of tests/data/errors/vllm-sentences.tsv is of one module of vLLM 0.6 to 0.33: the cause, whether the sentence
tells it without its class too, the class, where it is raised, and the sentence with likely values.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from index_sentences import Origin, Said, index, sentences

from tests.unit.diagnosis.cluster_parts import DATA
from vops.diagnosis.logs.sentences import located, opening_of, raised
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.operations.intake.bundle import diagnose_bundle


class Row(NamedTuple):
    """What one place of vLLM raises."""

    cause: str
    alone: str
    type: str
    place: str
    sentence: str


ROWS = [Row(*line.split("\t")) for line in (DATA / "errors" / "vllm-sentences.tsv").read_text("utf-8").splitlines()]
OF_CAUSE = pytest.mark.parametrize("cause", sorted({row.cause for row in ROWS}))
TRACEBACK = """\
(EngineCore_DP0 pid=272) ERROR 10-24 00:10:50 [core.py:700] EngineCore failed to start.
(EngineCore_DP0 pid=272) ERROR 10-24 00:10:50 [core.py:700] Traceback (most recent call last):
(EngineCore_DP0 pid=272) ERROR 10-24 00:10:50 [core.py:700]   File "/usr/lib/dist-packages/{path}", line 9, in {name}
(EngineCore_DP0 pid=272) ERROR 10-24 00:10:50 [core.py:700]     raise it
(EngineCore_DP0 pid=272) ERROR 10-24 00:10:50 [core.py:700] {text}
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {{}}
"""
BLOCKS = "--mamba-block-size can only be set with --enable-prefix-caching"


def first(text: str) -> str:
    (report,), _ = diagnose_bundle([], text.encode())
    return next((finding.cause for finding in report.findings), "")


def others(cause: str, pasted: Callable[[Row], str]) -> dict[str, str]:
    """What is found instead, by what is pasted of the places that raise what shows a cause."""
    found = {text: first(text) for row in ROWS if row.cause == cause and (text := pasted(row))}
    return {text: instead for text, instead in found.items() if instead != cause}


@OF_CAUSE
def test_the_last_line_of_a_traceback_is_enough(cause: str) -> None:
    assert others(cause, lambda row: f"{row.type}: {row.sentence}\n") == {}


@OF_CAUSE
def test_its_calls_change_nothing(cause: str) -> None:
    assert others(cause, below_its_calls) == {}


@OF_CAUSE
def test_a_sentence_of_its_own_is_enough(cause: str) -> None:
    assert others(cause, lambda row: f"{row.sentence}\n" if row.alone == "alone" else "") == {}


def below_its_calls(row: Row) -> str:
    path, _, name = row.place.partition(":")
    return TRACEBACK.format(path=path, name=name, text=f"{row.type}: {row.sentence}")


def error(message: str, kind: str = "ValueError") -> LoggedError:
    return LoggedError(kind, message, 1)


def test_a_sentence_is_found_where_it_is_raised() -> None:
    assert located(error(BLOCKS)).frames == ("vllm/config/vllm.py:validate_mamba_block_size",)
    assert located(error(BLOCKS[:41])).frames == ("vllm/config/vllm.py:validate_mamba_block_size",)


@pytest.mark.parametrize(
    "found",
    [
        located(error("The quick brown fox jumps over the lazy dog.")),
        located(error("")),
        located(error(BLOCKS, "sqlalchemy.exc.OperationalError")),
        raised(error("The number of heads must be divisible by something else.", "Said")),
        raised(error("Using FlashInfer for top-p & top-k sampling.", "Said")),
    ],
    ids=["no sentence of vLLM", "empty", "another library's class", "few words of it", "what it says in health"],
)
def test_what_vllm_does_not_raise_has_no_place(found: LoggedError) -> None:
    assert found.frames == ()


def test_calls_that_were_copied_are_kept() -> None:
    given = LoggedError("ValueError", BLOCKS, 1, frames=("a.py:f",))
    assert located(given) is given


def test_an_opening_needs_three_words_without_a_value() -> None:
    assert opening_of("ValueError", "Unknown backend here") is not None
    assert opening_of("ValueError", "Unknown \0 backend here") is None


def test_words_that_two_parts_share_are_left_out() -> None:
    words = "the same words of two parts"
    said = [
        Said(Origin("vllm/config/a.py", "f", "ValueError"), words),
        Said(Origin("vllm/lora/b.py", "g", "ValueError"), words),
    ]
    assert index(said) == {}
    assert list(index(said[:1])) == [said[0].origin]


def test_what_a_module_raises_is_read_with_its_values(tmp_path: Path) -> None:
    module = tmp_path / "vllm" / "config" / "a.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        'def check(size):\n    text = "no " + f"size {size} at all"\n    raise ValueError(text)\n'
        'def log(logger):\n    logger.info("all is %s here", 1)\n    assert size, "a {} is missing".format(size)\n'
    )
    assert [(item.origin.function, item.sentence) for item in sentences(tmp_path)] == [
        ("check", "no size \0 at all"),
        ("", "all is \0 here"),
        ("log", "a \0 is missing"),
    ]


HARMLESS = [
    "Custom allreduce is disabled because it's not supported on more than two PCIe-only GPUs.",
    "UMBP lookup returned an invalid result length request=cmpl-1",
    "flashinfer is unavailable; vocab-parallel top-k uses torch.topk, at roughly half the speed.",
    "Skipping FlashInfer SM120 sparse MLA decode autotune because FlashInfer autotuner is unavailable.",
    "Model Runner V2 does not yet support pooling models; using the V1 model runner instead.",
    "FlashInfer top-p/top-k sampling disabled via VLLM_USE_FLASHINFER_SAMPLER=0.",
    "No DeepseekV2MoE layer found in model.layers.",
    "The KV cache of this server is full of blocks that nobody has asked for in a while.",
]
"""What vLLM says and goes on, and words as people write them."""


@pytest.mark.parametrize("line", HARMLESS)
@pytest.mark.parametrize("mark", ["", "WARNING 10-24 00:10:50 [x.py:7] "], ids=["bare", "logged"])
def test_what_ends_no_server_is_no_finding(mark: str, line: str) -> None:
    assert first(f"{mark}{line}\n") == ""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: '/etc/vllm/config.yaml'", "bad-argument"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/models/m/config.json'", "model-not-found"),
        ("RuntimeError: Not support device type: cpu", "no-cuda-visible"),
        ("RuntimeError: Could not find open port after 50 attempts starting from port 29500", "port-in-use"),
        ("AssertionError: PD with decode_context_parallel_size > 1 is only supported for MLA models.", "bad-argument"),
        (
            "ValueError: Elastic EP with async EPLB requires the NIXL package. Either install NIXL or set x",
            "bad-argument",
        ),
        ("RuntimeError: NIXL compatibility hash mismatch. Local: 1, Remote: 2.", "nixl-handshake"),
    ],
)
def test_causes_that_share_words_are_told_apart(text: str, cause: str) -> None:
    assert first(f"{text}\n") == cause
