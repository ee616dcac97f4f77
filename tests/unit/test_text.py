"""Hostile text is made harmless once, and harmless text is left alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vops.model.text import REPLACEMENT, one_line, read_json, scrub, scrub_json

HOSTILE = [
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "\x9b31m",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "bell\x07",
    "del\x7f",
    "nul\x00",
    "line\u2028sep",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_survives(text: str) -> None:
    assert not any(char in scrub(text) for char in "\x1b\x07\x9b\x7f\x00\u202e\u2066\u2069\u2028")


def test_tabs_newlines_and_ordinary_text_stay() -> None:
    assert scrub("a\tb\nc – ü 模型 ▄█") == "a\tb\nc – ü 模型 ▄█"


def test_a_progress_bar_becomes_lines() -> None:
    assert scrub("10%\r20%\r\ndone") == "10%\n20%\ndone"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_is_scrubbed_however_it_is_escaped(text: str, ascii_only: bool) -> None:
    document = {"metadata": {"labels": {text: text}}, "list": [text]}
    cleaned = json.loads(scrub_json(json.dumps(document, ensure_ascii=ascii_only).encode()))
    assert cleaned == {"metadata": {"labels": {scrub(text): scrub(text)}}, "list": [scrub(text)]}


def test_clean_json_is_not_copied() -> None:
    body = json.dumps({"html": "<a>&</a>", "path": "C:\\u0000", "text": "ü 模型"}).encode()
    assert json.loads(scrub_json(body)) == json.loads(body)
    plain = b'{"a": "b"}'
    assert scrub_json(plain) is plain


@pytest.mark.parametrize("hostile", [b"", b"\x1b"])
def test_bytes_that_are_no_utf8_cost_their_text_and_not_the_document(hostile: bytes) -> None:
    torn = b"torn\\u001b" if hostile else b"torn"
    cleaned = json.loads(scrub_json(b'{"message": "TORN \xe6\xa8", "other": "\xc3\xbc"}'.replace(b"TORN", torn)))
    assert cleaned == {"message": f"torn{REPLACEMENT if hostile else ''} {REPLACEMENT}", "other": "ü"}


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_scrubbing_equals_scrubbing_each_string(value: object) -> None:
    def walk(item: object) -> object:
        if isinstance(item, str):
            return scrub(item)
        if isinstance(item, list):
            return [walk(part) for part in item]
        if isinstance(item, dict):
            return {scrub(key): walk(part) for key, part in item.items()}
        return item

    assert json.loads(scrub_json(json.dumps(value).encode())) == walk(value)


@pytest.mark.parametrize("document", ["{", b'"\xff"', "[" * 200_000 + "]" * 200_000, "\ud800"], ids=range(4))
def test_what_is_not_json_is_a_value_error(document: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(document)


def test_json_is_scrubbed_after_its_escapes_are_undone() -> None:
    assert read_json(r'{"\u001b[1m": ["\u202e", 7]}') == {"\ufffd[1m": ["\ufffd", 7]}


def test_one_line_folds_and_cuts() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("x" * 500, 10) == "x" * 9 + "…"
