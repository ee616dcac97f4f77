"""Measurements of real starts are kept by what decides memory, and a broken record is as good as none."""

from pathlib import Path

import pytest

from tests.unit.sizing.models import DATA, sized
from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.reading import LogReading
from vops.errors import InputError
from vops.operations.measured import measured_by, measurement_key, recall, record

LOG = DATA / "starts" / "size-l8-045.log"


def test_what_was_recorded_is_recalled(tmp_path: Path) -> None:
    measured = measured_by(read_log(LOG.read_text("utf-8")), "2026-01-02")
    record(tmp_path, "key", measured)
    assert recall(tmp_path, "key") == measured
    assert (measured.weights_gib, measured.kv_available_gib, measured.kv_tokens) == (14.96, 19.57, 160_320)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"kv_tokens": "many"}', b"\xff", b'{"kv_tokens": "\xff"}'])
def test_a_broken_record_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sizing").mkdir()
    (tmp_path / "sizing" / "key.json").write_bytes(content)
    assert recall(tmp_path, "key") is None


def test_a_log_without_numbers_is_refused() -> None:
    with pytest.raises(InputError, match="Model loading took"):
        measured_by(LogReading(), "2026-01-02")


def test_only_what_decides_memory_makes_another_key() -> None:
    key = measurement_key("llama", sized("llama3-8b"))
    assert key == measurement_key("llama", sized("llama3-8b", max_model_len=8192, max_num_seqs=1024))
    others = [
        measurement_key("other", sized("llama3-8b")),
        measurement_key("llama", sized("llama3-8b", "L4")),
        measurement_key("llama", sized("llama3-8b", tp=2)),
        measurement_key("llama", sized("llama3-8b", enforce_eager=True)),
        measurement_key("llama", sized("llama3-8b", quantization="fp8")),
        measurement_key("llama", sized("llama3-8b", version=(0, 33, 0))),
    ]
    assert len({key, *others}) == 7


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "sizing").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        record(tmp_path, "key", measured_by(read_log(LOG.read_text("utf-8")), ""))
