"""Runs the real seeder against the stand-in Hub, as its container would: a process with an environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.hub import COMMIT, StandInHub
from vops.model.hub import NOT_SERVED, SERVED, HubFile, HubListing, manifest

SEEDER = Path(__file__).parents[1] / "runbooks/programs/seed/seeder.py"
MODEL = "owner/small"
FOLDER = f"owner--small/{COMMIT}"


def listed(hub: StandInHub, model: str = MODEL) -> HubListing:
    """What the stand-in lists, without asking it."""
    files = tuple(
        HubFile(item["rfilename"], item["size"], item["blobId"], item.get("lfs", {}).get("sha256", ""))
        for item in hub.listing(model)
    )
    return HubListing(model, "main", COMMIT, files)


def manifest_of(hub: StandInHub, model: str = MODEL) -> dict[str, Any]:
    listing = listed(hub, model)
    return manifest(listing, listing.selected(SERVED, NOT_SERVED))


@dataclass
class Seeding:
    """A volume, a manifest, and the environment of the seeder's container."""

    directory: Path
    hub: StandInHub
    environment: dict[str, str] = field(default_factory=dict)
    program: Path = SEEDER

    @property
    def root(self) -> Path:
        return self.directory / "volume"

    @property
    def model(self) -> Path:
        return self.root / FOLDER

    @property
    def marker(self) -> Path:
        return self.root / f".vops/{COMMIT}.json"

    def start(self, **more: str) -> subprocess.Popen[str]:
        self.root.mkdir(exist_ok=True)
        manifest_path = self.directory / "manifest.json"
        if not manifest_path.exists():
            manifest_path.write_bytes(msgspec.json.encode(manifest_of(self.hub)))
        return subprocess.Popen(
            [sys.executable, str(self.program)], stdout=subprocess.PIPE, text=True, env=self._environment(more)
        )

    def run(self, **more: str) -> tuple[int, list[dict[str, Any]]]:
        """The exit code, and every line that was told."""
        process = self.start(**more)
        output, _ = process.communicate(timeout=60)
        return process.returncode, [json.loads(line) for line in output.splitlines()]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "HF_HOME": str(self.directory / "hf"),
            "HF_ENDPOINT": self.hub.url,
            "HOSTNAME": "seed-pod",
            "VOPS_ROOT": str(self.root),
            "VOPS_MANIFEST": str(self.directory / "manifest.json"),
            "VOPS_TERMINATION_LOG": str(self.directory / "termination-log"),
            "VOPS_PROGRESS_S": "0.2",
            "VOPS_STALL_S": "20",
            **self.environment,
            **more,
        }


def events(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == kind]
