"""Which causes a text sounds like, by its words alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.blocks import blocks
from tests.eval.cases import DATA, NOTHING
from tests.eval.judge import NOT_A_FAULT
from vops.diagnosis.findings import Confidence, Finding, Severity
from vops.diagnosis.guesses.likened import beside, likened, tells_a_tale
from vops.diagnosis.guesses.likeness import (
    Heard,
    Term,
    excerpt,
    hear,
    read_table,
    table_of,
    telling,
    terms_of,
)
from vops.diagnosis.guesses.suspect_tests import TESTS
from vops.model.objects import Ref

_EVERY = 6
"""Of the reports every sixth is asked about: all of them take seconds, and tell no more."""

POD = Ref("Pod", "llm-0", "llm")
UNEVEN = (
    "Two replicas behind an ingress. Since Monday one of them gets all the chats and its GPU is at 100 %, while the "
    "other one idles."
)


def reports() -> Iterator[tuple[frozenset[str], str]]:
    """The causes and the text of every report that the words were learned from."""
    for path in sorted((DATA / "reports").glob("*.txt")):
        for head, text in blocks(path):
            yield frozenset(head.split("|")[1].split()), text


def test_words_come_in_lower_case_taken_apart_and_in_pairs() -> None:
    assert terms_of("CrashLoopBackOff, 503!") == [
        *("crashloopbackoff", "crash", "loop", "back", "off", "503"),
        *("crashloopbackoff crash", "crash loop", "loop back", "back off", "off 503"),
    ]


def test_of_a_long_text_the_two_ends_are_looked_at() -> None:
    text = "title " + "x" * 50_000 + " end"
    assert excerpt(text).startswith("title")
    assert excerpt(text).endswith("end")
    assert len(excerpt(text)) < 9_000


def test_a_table_is_read_as_it_is_written() -> None:
    terms = [("gpu", Term(2.5, 0.5, {0: 1.25, 1: -0.5})), ("is idle", Term(3.0, -1.0, {}))]
    table = read_table(table_of({"one": 0.5, "other": -0.25}, -0.75, terms))
    assert (table.causes, table.biases, table.fault) == (("one", "other"), (0.5, -0.25), -0.75)
    assert [(term, table.of(term)) for term, _ in terms] == terms


def test_words_of_a_report_name_its_cause_and_the_sentence_that_tells() -> None:
    first = hear(UNEVEN).causes[0]
    assert first.cause == "replica-imbalance"
    assert "one of them gets all the chats" in telling(UNEVEN, first.cause)


def test_a_text_of_which_no_word_is_known_sounds_like_nothing() -> None:
    assert hear("zzqx qqzv") == Heard()
    assert likened(POD, "zzqx qqzv") == ()


def found_by_a_rule(cause: str, confidence: Confidence) -> Finding:
    return Finding(cause, cause, Severity.ERROR, confidence, POD, "what a rule says")


def test_what_words_say_comes_after_what_a_rule_found() -> None:
    rules = (found_by_a_rule("engine-dead", Confidence.PROBABLE), found_by_a_rule("host-oom", Confidence.PROBABLE))
    first, second, *others = beside(rules, UNEVEN)
    assert (first, second) == rules
    assert [(item.rule, item.confidence) for item in others] == [("sounds-like", "possible")] * len(others)
    assert others[0].cause == "replica-imbalance"
    assert others[0].summary.startswith("Less likely")


def test_words_that_say_the_same_add_nothing() -> None:
    rules = (found_by_a_rule("replica-imbalance", Confidence.PROBABLE),)
    assert beside(rules, UNEVEN) == rules
    assert beside(rules, "too short to tell") == rules
    assert beside(rules, UNEVEN + " Nothing else is known of it." * 40) == rules


def test_a_hint_says_that_it_is_one_and_how_it_is_confirmed() -> None:
    first, *others = likened(POD, UNEVEN)
    assert (first.rule, first.confidence, first.severity) == ("sounds-like", "possible", "warning")
    assert first.subject == POD
    assert [fix.applicability for fix in first.fixes] == ["manual"]
    assert first.fixes[0].title == "If it is confirmed: spread the requests"
    assert len(others) <= 2
    assert all(item.summary.startswith("Less likely") for item in others)


def test_sentences_are_told_and_lines_of_programs_are_not() -> None:
    assert tells_a_tale(UNEVEN)
    assert not tells_a_tale("INFO 06-01 10:00:00 [loader.py:1] the weights of the model are loaded now\n" * 3 + UNEVEN)
    assert not tells_a_tale("NAME    READY   STATUS    RESTARTS   AGE   IP\n")


def test_a_line_alone_says_too_little() -> None:
    assert likened(POD, "CrashLoopBackOff: Error, OOMKilled, failed, killed") == ()


def test_the_table_knows_every_cause_that_can_be_told() -> None:
    table = read_table((Path(__file__).parents[3] / "vops/diagnosis/guesses/words.txt").read_text("utf-8"))
    assert set(table.causes) == set(TESTS)


def test_the_table_has_learned_what_it_was_taught() -> None:
    right = total = 0
    for causes, text in islice(reports(), 0, None, _EVERY):
        if not causes & (NOT_A_FAULT | {NOTHING}):
            total += 1
            right += hear(text).causes[0].cause in causes
    assert total > 300
    assert right / total > 0.97


@pytest.mark.parametrize(
    "text",
    [
        "INFO 06-01 10:00:00 [api_server.py:1] Starting vLLM API server on http://0.0.0.0:8000\nINFO: Uvicorn running",
        "NAME    READY   STATUS    RESTARTS   AGE\nllm-0   1/1     Running   0          3d\n",
        'deployment "llm" successfully rolled out',
        "It works now, thanks a lot! With the new driver all eight GPUs are used and the model answers in a second.",
    ],
)
def test_what_is_well_does_not_sound_like_a_fault(text: str) -> None:
    assert hear(text).odds < 0
