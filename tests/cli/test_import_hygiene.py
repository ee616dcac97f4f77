"""What a command does not need, it does not import: the static graph cannot tell, so a process is asked."""

import subprocess
import sys

import pytest

HEAVY = ("kubernetes", "aiohttp", "httpx", "textual", "requests", "pandas", "prometheus_api_client", "huggingface_hub")

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
