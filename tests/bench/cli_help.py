"""`vops --help` beside the smallest Typer app, and what it imports."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench.measure import process, ratios, side_by_side, tell
from tests.cluster.command import VOPS

FORBIDDEN = ("kubernetes", "aiohttp", "httpx", "textual", "requests", "ruamel", "cel_expr_python")
TIMES = 15
BARE = """import typer
app = typer.Typer()

@app.command()
def hello(name: str) -> None:
    typer.echo(name)

app()
"""
IMPORTED = """import sys
sys.argv = ["vops", "--help"]
from vops.cli.app import main
try:
    main()
except SystemExit:
    print("\\n".join(sorted(sys.modules)))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        bare = Path(directory) / "bare.py"
        bare.write_text(BARE)
        ours, theirs = side_by_side(process(VOPS, "--help"), process(sys.executable, bare, "--help"), times=TIMES)
    ratio = ours.median / theirs.median
    tell("vops --help", ours)
    tell("a bare Typer app's --help", theirs)
    tell("ratio", ratios(ours, theirs), target="< 2", met=ratio < 2)
    modules = process(sys.executable, "-c", IMPORTED)().splitlines()
    heavy = [name for name in FORBIDDEN if name in modules]
    tell("modules loaded", len(modules))
    tell("of these heavy", ", ".join(heavy) or "none", target="none", met=not heavy)
