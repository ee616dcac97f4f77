"""What a command does not need, it does not import: the static graph cannot tell, so a process is asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("kubernetes", "aiohttp", "httpx", "textual", "requests", "pandas", "prometheus_api_client", "huggingface_hub")

NOBODY_LISTENS = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nobody",
    "contexts": [{"name": "nobody", "context": {"cluster": "nobody", "user": ""}}],
    "clusters": [{"name": "nobody", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [],
}

PROBE = """
import sys
from vops.cli.app import main
sys.argv = ["vops", *{argv!r}]
try:
    main()
except SystemExit:
    pass
print("LOADED", *sorted(name for name in {heavy!r} if name in sys.modules))
"""


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["diagnose", "--help"], ["explain", "gated-model"]])
def test_help_and_local_commands_stay_light(argv: list[str]) -> None:
    code = PROBE.format(argv=argv, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_a_plain_diagnose_asks_the_cluster_before_it_loads_anything_for_later(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(json.dumps(NOBODY_LISTENS))
    later = (*HEAVY, "typer", "pydantic", "ruamel.yaml", "xml.etree", "tomllib")
    code = PROBE.replace("vops.cli.app", "vops.cli.main").format(
        argv=["--kubeconfig", str(kubeconfig), "diagnose", "pod-1"], heavy=later
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "127.0.0.1" in done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_the_first_paint_does_not_wait_for_what_only_a_run_needs() -> None:
    later = (
        *(name for name in HEAVY if name != "textual"),
        "typer",
        "pydantic",
        "ruamel.yaml",
        "vops.runbooks.planner",
    )
    code = f"import sys, vops.tui.app; print('LOADED', *sorted(set({later!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["LOADED"]
