"""Where runbooks come from: the user's folder before the wheel before the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.errors import InputError, UsageError
from vops.library import read_runbook_file, runbooks


def user_folder(config: Path) -> Path:
    folder = config / "vops/runbooks"
    folder.mkdir(parents=True)
    return folder


def test_shipped_runbooks_are_found(tmp_path: Path) -> None:
    assert "fix-kv-cache" in runbooks({"XDG_CONFIG_HOME": str(tmp_path)})


def test_the_users_runbook_wins(tmp_path: Path) -> None:
    (user_folder(tmp_path) / "fix-kv-cache.yaml").write_text("mine")
    assert read_runbook_file("fix-kv-cache", {"XDG_CONFIG_HOME": str(tmp_path)})[0] == "mine"


def test_a_path_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("vops: 1")
    assert read_runbook_file(str(path), {}) == ("vops: 1", str(path))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        read_runbook_file("fix-everything")
    assert "fix-kv-cache" in caught.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 1_000_001])
def test_what_cannot_be_a_runbook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_runbook_file(str(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_runbook_file(str(tmp_path / "none.yaml"))
