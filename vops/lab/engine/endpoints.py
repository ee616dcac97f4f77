"""vLLM's HTTP endpoints, as far as an operator or a load test uses them; answers in the shape of recorded ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vops.lab.providers import ProxyRequest, ProxyResponse

if TYPE_CHECKING:
    from vops.lab.engine.server import VllmServer

_JSON = {"Content-Type": "application/json"}
_PROM = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
_TOKENS_PER_CHARACTER = 0.25


def answer(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    """What a serving vLLM answers."""
    handler = _HANDLERS.get((request.method, request.path))
    if handler is None:
        known = any(path == request.path for _, path in _HANDLERS)
        detail = "Method Not Allowed" if known else "Not Found"
        return _json({"detail": detail}, 405 if known else 404)
    if request.path.startswith("/v1") and server.start.arguments.api_key:
        return _json({"error": "Unauthorized"}, 401)
    return handler(server, request)


def _json(body: Any, status: int = 200) -> ProxyResponse:
    return ProxyResponse(status, json.dumps(body, separators=(",", ":")).encode(), _JSON)


def _refusal(status: int, kind: str, message: str, parameter: str | None = None) -> ProxyResponse:
    return _json({"error": {"message": message, "type": kind, "param": parameter, "code": status}}, status)


def _health(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    return ProxyResponse()


def _metrics(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    return ProxyResponse(200, server.metrics(), _PROM)


def _version(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    return _json({"version": server.version.number})


def _load(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    return _json({"server_load": 0})


def _models(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    memory = server.start.memory
    model = {
        "id": server.served,
        "object": "model",
        "created": int(server.world.now),
        "owned_by": "vllm",
        "root": server.start.arguments.model,
        "parent": None,
        "max_model_len": memory.max_model_len if memory else None,
        "permission": [],
    }
    return _json({"object": "list", "data": [model]})


def _complete(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    return _generate(server, request, chat=False)


def _chat(server: VllmServer, request: ProxyRequest) -> ProxyResponse:
    return _generate(server, request, chat=True)


def _generate(server: VllmServer, request: ProxyRequest, *, chat: bool) -> ProxyResponse:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        return _refusal(400, "BadRequestError", "There was an error parsing the body")
    if body.get("model", server.served) != server.served:
        return _refusal(404, "NotFoundError", f"The model `{body['model']}` does not exist.", "model")
    prompt = json.dumps(body["messages"]) if chat and "messages" in body else str(body.get("prompt", ""))
    prompt_tokens = max(1, int(len(prompt) * _TOKENS_PER_CHARACTER))
    output_tokens = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
    memory, serving = server.start.memory, server.serving
    if memory is None or serving is None:
        return ProxyResponse(503)
    if prompt_tokens + output_tokens > memory.max_model_len:
        message = (
            f"This model's maximum context length is {memory.max_model_len} tokens. However, you requested "
            f"{output_tokens} output tokens and your prompt contains at least {prompt_tokens} input tokens, for a "
            f"total of at least {prompt_tokens + output_tokens} tokens. Please reduce the length of the input prompt "
            f"or the number of requested output tokens. (parameter=input_tokens, value={prompt_tokens})"
        )
        return _refusal(400, "BadRequestError", message, "input_tokens")
    serving.serve_one(prompt_tokens, output_tokens)
    return _json(_completion(server, prompt_tokens, output_tokens, chat=chat))


def _completion(server: VllmServer, prompt_tokens: int, output_tokens: int, *, chat: bool) -> dict[str, Any]:
    text = " ".join(["lab"] * output_tokens)
    said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    return {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{server.answers.getrandbits(64):016x}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(server.world.now),
        "model": server.served,
        "choices": [{"index": 0, **said, "logprobs": None, "finish_reason": "length", "stop_reason": None}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "total_tokens": prompt_tokens + output_tokens,
            "completion_tokens": output_tokens,
        },
    }


_HANDLERS: dict[tuple[str, str], Callable[[VllmServer, ProxyRequest], ProxyResponse]] = {
    ("GET", "/health"): _health,
    ("GET", "/ping"): _health,
    ("POST", "/ping"): _health,
    ("GET", "/metrics"): _metrics,
    ("GET", "/version"): _version,
    ("GET", "/load"): _load,
    ("GET", "/v1/models"): _models,
    ("POST", "/v1/completions"): _complete,
    ("POST", "/v1/chat/completions"): _chat,
}
