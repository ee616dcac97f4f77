"""What holds for any input: no crash, bounded time, nothing but plain text out, and no secret.

Each property takes bytes, so that atheris and hypothesis both can ask it; it raises AssertionError where it is broken.
"""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import UTC, datetime

import msgspec

from vops.diagnosis.logs.reader import read_log
from vops.errors import InputError
from vops.model.dcgm import parse_gpus
from vops.model.exposition import parse_sample
from vops.model.text import scrub
from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.printed.describe_text import is_described, read_described

MOST_S_PER_MIB, LEAST_S = 30.0, 5.0
AT = datetime(2026, 11, 24, tzinfo=UTC)
TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")
_PLAIN = frozenset("\n\t")


def bundle(body: bytes) -> None:
    """Whatever comes on standard input is diagnosed, or refused with a sentence."""
    started = time.process_time()
    try:
        reports, problems = diagnose_bundle([], body)
    except InputError as error:
        _plain(str(error))
        return
    said = msgspec.json.encode(reports).decode() + "\n".join(problems)
    _plain(said)
    _no_token(said)
    _in_time(started, body)


def log(body: bytes) -> None:
    """Any text can be read as a log."""
    read_log.cache_clear()
    started = time.process_time()
    reading = read_log(scrub(body.decode("utf-8", "replace")))
    _no_token(" ".join(str(error) for error in reading.candidates))
    _in_time(started, body)


def metrics(body: bytes) -> None:
    """Any text can be read as metrics."""
    started = time.process_time()
    parse_sample(body, AT)
    parse_gpus(body, AT)
    _in_time(started, body)


def description(body: bytes) -> None:
    """Any text can be read as what kubectl describes or lists."""
    started = time.process_time()
    text = scrub(body.decode("utf-8", "replace"))
    is_described(text)
    read_described(text, AT)
    _in_time(started, body)


PROPERTIES = {"bundle": bundle, "log": log, "metrics": metrics, "description": description}


def _plain(text: str) -> None:
    bad = {sign for sign in text if unicodedata.category(sign) == "Cc" and sign not in _PLAIN}
    assert not bad, f"control characters get through: {sorted(map(ord, bad))}"


def _no_token(text: str) -> None:
    assert TOKEN.search(text) is None, "a token gets through"


def _in_time(started: float, body: bytes) -> None:
    most_s = LEAST_S + MOST_S_PER_MIB * len(body) / 2**20
    taken_s = time.process_time() - started
    assert taken_s < most_s, f"{len(body)} bytes took {taken_s:.1f} s"
