"""The verb lint: manifests from files, folders, standard input or a cluster, checked by every rule."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vops.diagnosis.facts import Facts
from vops.errors import ClusterError, Forbidden, InputError, NotFound, UsageError
from vops.manifests.documents import Document, live_document, read_documents
from vops.manifests.lint import LintReport, lint
from vops.manifests.objects import Object, dig, mappings, text
from vops.manifests.servers import PodTemplate, pod_templates
from vops.model.disruption import DISRUPTION_BUDGETS
from vops.model.monitoring import POD_MONITORS, SERVICE_MONITORS
from vops.model.network import SERVICES
from vops.model.resources import DEPLOYMENTS, PODS, STATEFULSETS
from vops.model.scaling import AUTOSCALERS, SCALED_OBJECTS
from vops.model.storage import CLAIMS
from vops.operations.observation.observe import observe
from vops.operations.observation.targets import locate, parse_target
from vops.operations.session import Session
from vops.operations.wording import printable
from vops.ports import Document as Json

STDIN = "<stdin>"
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_MOST_BYTES = 64 * 2**20
_OBJECT = re.compile(r"^[ \t]*[\"']?kind[\"']?[ \t]*:", re.MULTILINE)
_TEMPLATE = re.compile(r"\{\{-? ?(?:\.|include|if|range|with|define|template|toYaml|/\*|\$)")
_KINDS = {kind.kind: kind for kind in (PODS, DEPLOYMENTS, STATEFULSETS, SCALED_OBJECTS, AUTOSCALERS)}
_BESIDE = (SERVICES, DISRUPTION_BUDGETS, AUTOSCALERS, SCALED_OBJECTS, POD_MONITORS, SERVICE_MONITORS)
_MOST_BESIDE = 50


async def cluster_facts(session: Session) -> Facts:
    """What lint asks of a cluster: its nodes, and the pods on them."""
    return Facts(await observe(session, logs=False, metrics=False, related=False))


def lint_files(
    paths: Sequence[Path], stdin: bytes | None = None, cluster: Facts | None = None
) -> tuple[LintReport, list[str]]:
    """Files, folders and standard input as one set, and what of the folders was left out.

    Raises InputError, with file and line, for what cannot be read.
    """
    left_out: list[str] = []
    documents = [document for path in paths for document in _of_path(path, left_out)]
    if stdin is not None:
        documents += read_documents(_decoded(stdin, STDIN), STDIN)
    if not documents:
        where = ", ".join([*map(printable, paths), *([STDIN] if stdin is not None else [])])
        raise InputError("holds no Kubernetes object", path=where)
    return lint(documents, cluster), left_out


async def lint_targets(session: Session, texts: Sequence[str]) -> LintReport:
    """Live objects as one set, each with the Services, budgets, autoscalers and claims beside it, and the nodes.

    Raises UsageError for a target that is none, NotFound for one that is not there.
    """
    found: dict[tuple[str, str, str], Json] = {}
    for words in texts:
        wanted = parse_target(words)
        if wanted.kind not in _KINDS:
            raise UsageError(f"{words!r} is not linted", hint="name POD, deploy/NAME, sts/NAME, so/NAME or hpa/NAME")
        ref = await locate(session, wanted)
        target = await session.cluster.get(_KINDS[ref.kind], ref.name, ref.namespace)
        for item in (target | {"kind": ref.kind}, *await _beside(session, target, ref.namespace)):
            found.setdefault((item["kind"], ref.namespace, text(dig(item, "metadata", "name"))), item)
    documents = [live_document(item, _live_name(*key)) for key, item in found.items()]
    return lint(documents, await _facts_if_granted(session))


def _live_name(kind: str, namespace: str, name: str) -> str:
    return f"{kind.lower()}/{name} in {namespace}"


# --- files ------------------------------------------------------------------------------------------------


def _of_path(path: Path, left_out: list[str]) -> Iterator[Document]:
    if not path.exists():
        raise InputError("no such file or folder", path=printable(path))
    if not path.is_dir():
        yield from read_documents(_read(path), printable(path))
        return
    for file in _below(path):
        body = _read(file)
        if _TEMPLATE.search(body):
            left_out.append(f"{printable(file)}: left out: a Helm template; lint what `helm template` prints")
        elif not _OBJECT.search(body):
            left_out.append(f"{printable(file)}: left out: no Kubernetes object")
        else:
            yield from read_documents(body, printable(file))


def _below(folder: Path) -> Iterator[Path]:
    """The YAML and JSON files of a folder and below it, in a stable order; hidden ones left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root) / name for name in sorted(names) if Path(name).suffix in _SUFFIXES)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            body = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=printable(path)) from error
    if len(body) > _MOST_BYTES:
        raise InputError(f"larger than {_MOST_BYTES} bytes", path=printable(path))
    return _decoded(body, printable(path))


def _decoded(body: bytes, name: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InputError("not UTF-8", path=name, line=line) from error


# --- live objects -----------------------------------------------------------------------------------------


async def _facts_if_granted(session: Session) -> Facts | None:
    """The nodes, which not everybody may list; without them lint says less."""
    try:
        return await cluster_facts(session)
    except Forbidden:
        return None


async def _beside(session: Session, target: Json, namespace: str) -> list[Json]:
    """What is in the same namespace and belongs together; what may not be read, or is not known, is left out."""
    names = [(CLAIMS, name) for name in _claim_names(target)]
    for kind in _BESIDE:
        try:
            listed = await session.cluster.list(kind, namespace)
        except ClusterError:
            continue
        names += [(kind, item.metadata.name) for item in listed.items[:_MOST_BESIDE]]
    found = []
    for kind, name in names:
        try:
            found.append(await session.cluster.get(kind, name, namespace) | {"kind": kind.kind})
        except (NotFound, Forbidden):
            continue
    return found


def _claim_names(target: Json) -> list[str]:
    pods: list[PodTemplate] = pod_templates(Object(live_document(target, ""), target))
    volumes = [volume for pod in pods for _, volume in mappings(pod.spec.get("volumes"))]
    return [name for volume in volumes if (name := text(dig(volume, "persistentVolumeClaim", "claimName")))]
