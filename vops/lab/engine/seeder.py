"""A program that fills a claim with a model's files, at the pace of the lab's hub, or reads them again.

Simulates what vops runs in a Job: it finds `manifest.json` in the ConfigMap that it is given and tells what it does in
lines of JSON. Files stay in the claim whatever becomes of the pod; what is half fetched does not.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from vops.lab.documents import Document
from vops.lab.engine.hub import Refusal
from vops.lab.engine.hub_pages import files_of
from vops.lab.engine.memory import GIB
from vops.lab.process import Process

_READ_GIB_S = 2.4
_EVERY_S = 5.0
_REFUSALS = {Refusal.NOT_FOUND: 44, Refusal.UNAUTHENTICATED: 41, Refusal.FORBIDDEN: 43}
_NOT_FOUND, _MISMATCH, _BAD_INPUT = 44, 46, 48


class Seeder(Process):
    """One run of it."""

    def begin(self) -> None:
        manifest = self._manifest()
        self._at = 0.5
        if manifest is None:
            self._fail(_BAD_INPUT, "manifest.json cannot be read")
            return
        self._model, self._digest = str(manifest["model"]), str(manifest.get("digest", ""))
        self._files = {item["name"]: int(item["size"]) for item in manifest.get("files") or self._marked()}
        self._commit = manifest["commit"]
        verify = self.around.env.get("VOPS_MODE") == "verify"
        self._verify() if verify else self._seed()

    def _manifest(self) -> Document | None:
        volumes = self.around.pod["spec"].get("volumes", ())
        names = [item["configMap"]["name"] for item in volumes if "configMap" in item]
        namespace = self.around.pod["metadata"]["namespace"]
        found = self.world.store.find("v1", "ConfigMap", namespace, names[0]) if names else None
        text = (found or {}).get("data", {}).get("manifest.json")
        return dict(json.loads(text)) if text else None

    def _marked(self) -> list[Document]:
        """What the marker in the claim would say: the files of the only commit that there is."""
        model = self.world.hub.facts(self._model)
        return [{**item, "name": item["rfilename"]} for item in files_of(model)] if model else []

    # --- what it does ---

    def _seed(self) -> None:
        refusal = self.world.hub.ask(self._model, self.around.env.get("HF_TOKEN", "").strip())
        if isinstance(refusal, Refusal):
            self._fail(_REFUSALS[refusal], f"the Hub does not hand out {self._model}")
            return
        there = self._there
        missing = {name: size for name, size in self._files.items() if name not in there}
        again = not missing
        if missing:
            total, left = sum(self._files.values()), sum(missing.values())
            self._line(
                event="begin", files=len(self._files), bytes=total, missing_files=len(missing), missing_bytes=left
            )
            self._pass(missing, self.world.hub.gib_per_s, "fetched", keep=True)
            self._line(event="checking", files=len(self._files))
        self._done(again=again)

    def _verify(self) -> None:
        there = self._there
        if not there:
            self._fail(_NOT_FOUND, f"{self._folder} is not there: the model was never seeded, or not to its end")
            return
        self._pass({name: size for name, size in self._files.items() if name in there}, _READ_GIB_S, "verified")
        gone = [name for name in self._files if name not in there]
        if gone:
            self._fail(_MISMATCH, f"{gone[0]} is missing")
            return
        self._done(again=True)

    def _pass(self, files: dict[str, int], gib_per_s: float, verb: str, *, keep: bool = False) -> None:
        """Works through the files, and tells how far it is every few seconds."""
        total = sum(self._files.values())
        number, done = len(self._files) - len(files), total - sum(files.values())
        rate, told_at = gib_per_s * GIB, self._at
        for name, size in files.items():
            ends = self._at + size / rate
            while told_at + _EVERY_S < ends:
                told_at += _EVERY_S
                here = done + round((told_at - self._at) * rate)
                facts = {"files": number, "of": len(self._files), "bytes": here, "of_bytes": total}
                eta = round((total - here) / rate)
                self._line(told_at, event="progress", verb=verb, **facts, rate=round(rate), eta_s=eta)
            self._at, number, done = ends, number + 1, done + size
            if keep:
                self._plan(self._at, partial(self._arrived, name))
            self._line(event="file", name=name, bytes=size, files=number, of=len(self._files))

    @property
    def _folder(self) -> str:
        return f"/models/{self._model.replace('/', '--')}/{self._commit}"

    @property
    def _claim(self) -> str:
        volumes = self.around.pod["spec"].get("volumes", ())
        names = [item["persistentVolumeClaim"]["claimName"] for item in volumes if "persistentVolumeClaim" in item]
        return f"{self.around.pod['metadata']['namespace']}/{names[0] if names else ''}"

    @property
    def _there(self) -> set[str]:
        return self.world.seeded.setdefault(self._claim, {}).setdefault(self._folder, set())

    def _arrived(self, name: str) -> None:
        self._there.add(name)

    # --- how it ends ---

    def _done(self, *, again: bool) -> None:
        facts = {"path": self._folder, "digest": self._digest, "commit": self._commit}
        self._at += 0.5
        seconds = 0.0 if again else round(self._at, 1)
        size = sum(self._files.values())
        self._line(event="done", files=len(self._files), seconds=seconds, again=again, bytes=size, **facts)
        self._plan(self._at, lambda: self.exit(0))

    def _fail(self, code: int, say: str) -> None:
        self._line(event="failed", code=code, say=say)
        self._plan(self._at + 0.2, lambda: self.exit(code))

    def _line(self, at: float | None = None, **facts: Any) -> None:
        when = self.started_at + (self._at if at is None else at)
        self.output.write(when, json.dumps({**facts, "at": when}))

    def terminate(self) -> None:
        self._plan(0.2, lambda: self.exit(143))
