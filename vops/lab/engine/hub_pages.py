"""The lab's model hub over HTTP: the listings and refusals that tools ask the real one for; of the files, only
config.json has a body.

Sizes are those of the catalogue, hashes are made from names: a commit, once given, stays what it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vops.lab.documents import Document
from vops.lab.engine.catalogue import CATALOGUE, ModelFacts
from vops.lab.engine.hub import Hub, Refusal
from vops.lab.engine.memory import GIB

PREFIX = "/hub/"
_SMALL = {
    "config.json": 728,
    "generation_config.json": 239,
    "tokenizer.json": 9_085_657,
    "tokenizer_config.json": 50_941,
}
_VOCABULARY = {"LlamaForCausalLM": 128_256, "Qwen3ForCausalLM": 151_936}
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Page:
    """An answer: its status, and a JSON body or none; `error` is the Hub's own word for a refusal."""

    status: int
    body: Document | None = None
    error: str = ""


def page(hub: Hub, path: str, token: str) -> Page:
    """The answer to a request for what comes after `/hub/`."""
    if path.startswith("api/models/"):
        repository, _, revision = path.removeprefix("api/models/").partition("/revision/")
        return _listing(repository, revision or "main")
    repository = path.partition("/resolve/")[0]
    match hub.ask(repository, token):
        case Refusal.NOT_FOUND:
            return Page(404, error="RepoNotFound")
        case Refusal.UNAUTHENTICATED:
            return Page(401, error="GatedRepo")
        case Refusal.FORBIDDEN:
            return Page(403, error="GatedRepo")
    wanted = path.rpartition("/")[2]
    return Page(200, config_of(CATALOGUE[repository]) if wanted == "config.json" else None)


def _listing(repository: str, revision: str) -> Page:
    model = CATALOGUE.get(repository)
    if model is None:
        return Page(404, error="RepoNotFound")
    commit = commit_of(repository)
    if revision not in ("main", commit):
        return Page(404, error="RevisionNotFound")
    about: Document = {"id": repository, "sha": commit, "private": False, "gated": "auto" if model.gated else False}
    return Page(200, about | {"siblings": files_of(model)})


def config_of(model: ModelFacts) -> Document:
    """The model's config.json; the feed-forward width is what makes its parameters come out right."""
    hidden, vocabulary = model.heads * model.head_size, _VOCABULARY[model.architecture]
    attention = 2 * hidden * (model.heads + model.kv_heads) * model.head_size
    rest = model.billions * 1e9 - 2 * vocabulary * hidden - model.layers * attention
    return {
        "architectures": [model.architecture],
        "model_type": model.architecture.removesuffix("ForCausalLM").lower(),
        "hidden_size": hidden,
        "intermediate_size": max(128, round(rest / model.layers / 3 / hidden / 128) * 128),
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.head_size,
        "max_position_embeddings": model.positions,
        "vocab_size": vocabulary,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        **({"quantization_config": {"quant_method": "awq", "bits": 4}} if model.quantization else {}),
    }


def commit_of(repository: str) -> str:
    """The only commit of a repository."""
    return _made(repository, "sha1")


def files_of(model: ModelFacts) -> list[Document]:
    """The files of a repository as the Hub lists them."""
    shards = max(1, model.shards)
    size = round(model.weights_gib * GIB / shards)
    names = [f"model-{number:05d}-of-{shards:05d}.safetensors" for number in range(1, shards + 1)]
    small = {**_SMALL, _INDEX: 32_878} if shards > 1 else _SMALL
    files: list[Document] = [
        {"rfilename": name, "size": size, "blobId": _made(model.repository + name, "sha1")}
        for name, size in small.items()
    ]
    for name in names if shards > 1 else ["model.safetensors"]:
        large = {"sha256": _made(model.repository + name, "sha256"), "size": size, "pointerSize": 135}
        files.append({"rfilename": name, "size": size, "blobId": _made(name, "sha1"), "lfs": large})
    return sorted(files, key=lambda item: str(item["rfilename"]))


def repository_in(folder: str, files: set[str]) -> str:
    """The repository whose files are all in a folder of a claim (`…/OWNER--NAME/COMMIT`); empty when one is missing."""
    repository = folder.split("/")[-2].replace("--", "/", 1)
    model = CATALOGUE.get(repository)
    whole = model is not None and {str(item["rfilename"]) for item in files_of(model)} <= files
    return repository if whole else ""


def _made(name: str, kind: str) -> str:
    return hashlib.new(kind, name.encode(), usedforsecurity=False).hexdigest()
