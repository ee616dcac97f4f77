"""Where a server keeps the models that it downloads, by the rules of huggingface_hub and vLLM."""

from __future__ import annotations

from vops.manifests.servers import Server


def cache_folder(server: Server) -> str:
    """The folder that holds the weights; with neither flag nor variable, that of root's home."""
    if server.args.model.startswith("/"):
        return server.args.model
    flag = server.args.location("download-dir")
    if flag is not None and flag.value:
        return flag.value
    variables = {name: item.value for name, item in server.variables.items() if item.value}
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if name in variables:
            return variables[name]
    if "HF_HOME" in variables:
        return variables["HF_HOME"].rstrip("/") + "/hub"
    if "XDG_CACHE_HOME" in variables:
        return variables["XDG_CACHE_HOME"].rstrip("/") + "/huggingface/hub"
    return variables.get("HOME", "/root").rstrip("/") + "/.cache/huggingface/hub"
