"""What engines that are not written in Python say when they give up: llama.cpp, Ollama, TensorRT-LLM, Triton, NVIDIA's
NIM, and the routers of Hugging Face's servers.

They log no exception: the last lines before the end name the failure, the first of them best.
"""

from __future__ import annotations

import re

from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.logs.lines import Line
from vops.diagnosis.logs.tracebacks import Chain, LoggedError
from vops.model.patterns import holds_any, lazy_pattern

_TOLD = lazy_pattern(
    # llama.cpp's and Ollama's
    r"error loading model\b.{0,40}: .{1,400}"
    r"|allocating [\d.]{1,12} MiB on device \d{1,3}: \w{3,12}Malloc failed: .{1,80}"
    r"|\b(?:cuda|hip)Malloc failed: out of memory"
    r"|gguf_init_from_file\w{0,10}: (?:failed|invalid|tensor).{1,300}"
    r"|failed to (?:allocate|create|initialize) .{0,60}(?:compute (?:pp )?buffers|(?:kv|KV) cache).{0,120}"
    r"|(?:llama_model_load|llama_load_model|common_init|llama_init_from|srv {1,8}load_model)\w{0,30}: .{0,40}"
    r"failed to load model.{0,300}|exiting due to model loading error"
    r"|requires more system memory \([^)]{1,40}\) than is available.{0,80}"
    r"|llama runner process has terminated: .{1,300}|timed out waiting for llama runner to start.{0,80}"
    r"|error: invalid argument: --?\w.{1,80}|couldn't bind (?:HTTP )?server socket.{0,120}"
    r"|pull model manifest: file does not exist|model ['\"]?[\w./:-]{1,120}['\"]? not found, try pulling it first"
    # text-embeddings-inference's and text-generation-inference's
    r"|Could not start backend: .{1,200} files not found in .{1,200}|model weights not found"
    r"|^ {0,8}unknown variant .{1,300}, expected (?:one of )?.{1,300}"
    r"|Not enough memory to handle \d{1,9} prefill tokens.{0,200}"
    r"|Runtime compute cap \d{1,3} is not compatible with compile time compute cap \d{1,3}"
    r"|HTTP status (?:client|server) error \(\d{3} [^)]{1,40}\) for url \(.{1,400}"
    # TensorRT-LLM's
    r"|engine plan file is .{1,200}|Failed to deserialize cuda engine|kSERIALIZATION_VERSION failed.{0,200}"
    r"|mpiSize == tp \* pp.{0,200}"
    r"|CUDA runtime error(?: in .{1,200})?: out of memory|Insufficient memory for KV cache.{0,200}"
    # Triton's
    r"|creating server: \w[\w ]{1,40} - .{1,300}"
    r"|(?:Unable to initialize|Failed to increase the) shared memory .{1,300} use '--shm-size' flag.{0,300}"
    # NIM's
    r"|Not all of the provided profiles are supported|Unknown profiles provided: .{1,200}"
    r"|Could not match a profile in manifest.{0,200}",
)
_AT_WORK = lazy_pattern(  # SGLang's
    r"[Ww]atchdog timeout \(self\..{1,80}|Health check failed\. Server couldn't get a response from detokenizer.{0,120}"
    r"|KVTransferError\(.{1,300}|Prefill server with bootstrap_addr: .{1,80} is healthy before, but now it is down"
    r"|scheduler died during initialization \(exit code: -?\d{1,3}\)"
)
"""What ends a server, or hurts all of its requests, even after it served."""

_WORDS = (
    "loading model",
    "load model",
    "Malloc failed",
    "gguf_init",
    "failed to ",
    "system memory",
    "llama runner",
    "compute cap",
    "HTTP status",
    "engine plan",
    "deserialize",
    "mpiSize",
    "CUDA runtime",
    "nvalid argument",
    "couldn't bind",
    "manifest",
    "not found",
    "unknown variant",
    "memory",
    "atchdog timeout",
    "detokenizer",
    "KVTransferError",
    "bootstrap_addr",
    "scheduler died",
    "profile",
    "creating server",
)
_CALM = lazy_pattern(r" {0,4}(?:INFO|WARN|DEBUG|TRACE)\b|.{0,120}\blevel=(?:INFO|WARN|DEBUG)")
_SERVES = lazy_pattern(
    r"server is listening on |all slots are idle|llama runner started in |text_embeddings_router\S{0,60}: .{0,80}Ready$"
    r"|The server is fired up and ready to roll|#running-req: |Started (?:HTTPService|GRPCInferenceService) at "
)
_SERVING_WORDS = ("listening on", "are idle", "started in", "Ready", "Started ", "ready to roll", "#running-req")
_PASSES = "Health check failed"
"""What is over once it works on its batch again."""

_QUIET = ("DEBUG", "INFO", "WARNING")
_MOST = 20


class OtherEngines:
    """Collects what they say line by line; whatever they complained of before they serve was no need."""

    def __init__(self) -> None:
        self._told: list[LoggedError] = []
        self.ready_line: int | None = None

    def read(self, line: Line) -> None:
        if holds_any(line.text, _SERVING_WORDS) and _SERVES.search(line.text):
            working = "#running-req" in line.text
            self._told = [item for item in self._told if working and not item.message.startswith(_PASSES)]
            self.ready_line = self.ready_line or line.number
        elif line.level in _QUIET or not holds_any(line.text, _WORDS) or _CALM.match(line.text):
            return
        elif len(self._told) < _MOST and (told := self._known(line.text)):
            self._told.append(
                LoggedError("Engine", without_secrets(told[0].strip(' "')), line.number, line.process or self._writer)
            )

    @property
    def _writer(self) -> str:
        """Whose words they are where no line names its process: once it serves, the engine's, not its server's."""
        return "EngineCore" if self.ready_line is not None else ""

    def _known(self, text: str) -> re.Match[str] | None:
        return _AT_WORK.search(text) or (_TOLD.search(text) if self.ready_line is None else None)

    def failures(self) -> list[Chain]:
        """Each as a failure of its own."""
        return [Chain((error,), (False,)) for error in self._told]
