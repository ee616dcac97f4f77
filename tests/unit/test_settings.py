"""Settings come from the file, the environment and flags, in rising order."""

from pathlib import Path

import pytest

from vops.errors import InputError
from vops.settings import load_settings


def _environ(tmp_path: Path, text: str = "") -> dict[str, str]:
    folder = tmp_path / "vops"
    folder.mkdir()
    if text:
        (folder / "config.toml").write_text(text)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    environ = _environ(tmp_path, 'context = "file"\nnamespace = "file"\ntimeout_s = 3\n')
    environ |= {"VOPS_NAMESPACE": "env", "VOPS_CONTEXT": "env", "VOPS_READONLY": "true"}
    settings = load_settings(environ, {"context": "flag", "kubeconfig": None})
    assert (settings.context, settings.namespace, settings.timeout_s) == ("flag", "env", 3)
    assert settings.readonly


@pytest.mark.parametrize(
    ("text", "says"), [("context =", "cannot be read"), ('contxt = "x"', "contxt"), ('timeout_s = "soon"', "timeout_s")]
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load_settings(_environ(tmp_path, text), {})
    assert "config.toml" in caught.value.message
