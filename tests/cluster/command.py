"""vops as users run it: a process of its own, with a kubeconfig and nothing of this machine's settings."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VOPS = Path(__file__).parents[2] / ".venv/bin/vops"
Document = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """What one run of vops left behind."""

    command: str
    code: int
    out: str
    err: str
    seconds: float

    def json(self) -> Any:
        """Standard output as JSON. Raises AssertionError with everything that was printed when it is none."""
        try:
            return json.loads(self.out)
        except json.JSONDecodeError as error:
            raise AssertionError(f"{self} is not JSON") from error

    def __str__(self) -> str:
        return f"`{self.command}` ended with {self.code} after {self.seconds:.1f} s\n{self.out}\n{self.err}"


@dataclass(frozen=True)
class Vops:
    """Runs vops for one user; `home` holds its settings and journals."""

    home: Path
    kubeconfig: Path
    namespace: str = ""

    def __call__(self, *arguments: str, given: str | None = None, within_s: float = 180) -> Done:
        scope = ("--namespace", self.namespace) if self.namespace else ()
        command = [str(VOPS), "--kubeconfig", str(self.kubeconfig), *scope, *arguments]
        started = time.monotonic()
        done = subprocess.run(
            command,
            input=given or "",
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            env=self.environment(),
        )
        shown = " ".join(["vops", *scope, *arguments])
        return Done(shown, done.returncode, done.stdout, done.stderr, time.monotonic() - started)

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VOPS_", "XDG_"))}
        home = str(self.home)
        return inherited | {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}

    def replica(self, name_prefix: str) -> Document | None:
        """The row of `vops fleet -o json` whose pod's name starts with `name_prefix`."""
        rows = self("fleet", "-o", "json").json()["replicas"]
        return next((row for row in rows if row["pod"].startswith(name_prefix)), None)

    def diagnose(self, pod: str) -> Document:
        """The report on one pod; findings or none."""
        done = self("diagnose", pod, "-o", "json")
        assert done.code in (0, 1), done
        report = done.json()
        assert isinstance(report, dict), done
        return report
