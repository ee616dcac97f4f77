"""What else an engineer must know is said, and nothing is said where all is well."""

from typing import Any

import pytest

from tests.unit.sizing.models import config, model, sized
from vops.sizing.notes import notes
from vops.sizing.parallelism import Parallelism


@pytest.mark.parametrize(
    ("gpu", "tp", "asked", "said"),
    [
        ("T4", 1, {"version": (0, 8, 5)}, "add --dtype half"),
        ("T4", 1, {}, "it runs in float16"),
        ("P100", 1, {}, "compute capability 7.0"),
        ("L4", 2, {}, "no NVLink"),
        ("A100", 1, {"quantization": "fp8"}, "no FP8 arithmetic"),
        ("H100", 1, {"quantization": "nvfp4"}, "no FP4 arithmetic"),
        ("V100", 1, {"quantization": "awq"}, "awq needs compute capability 7.5"),
        ("H100", 1, {"max_model_len": 100_000}, "beyond the model's 8192"),
        ("H100", 1, {"version": (0, 12, 0)}, "CUDA graphs take"),
        ("H100", 5, {}, "do not divide by tensor parallel size 5"),
        ("H100", 1, {"parallelism": Parallelism(data=2)}, "a KV cache of its own"),
        ("H100", 1, {"version": None}, "for the newest vLLM"),
    ],
)
def test_what_an_engineer_must_know_is_noted(gpu: str, tp: int, asked: dict[str, Any], said: str) -> None:
    found = sized("llama3-8b", gpu, **{"parallelism": Parallelism(tensor=tp), **asked})
    assert any(said in note for note in notes(found, config("llama3-8b"), known=True))


def test_nothing_is_noted_where_all_is_well() -> None:
    assert notes(sized("llama3-8b", enforce_eager=True), config("llama3-8b"), known=True) == ()


def test_an_unknown_family_is_sized_and_said_so() -> None:
    from vops.sizing.families import known_family

    strange = config("llama3-8b", model_type="nova")
    assert not known_family(strange)
    found = sized(model("llama3-8b", model_type="nova"))
    assert any("model type nova is not modelled" in note for note in notes(found, strange, known=False))
