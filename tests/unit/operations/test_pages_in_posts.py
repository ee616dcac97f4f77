"""Metrics and logs of several servers in one post: whose each is, and what is left of the text."""

from __future__ import annotations

import pytest

from vops.operations.intake.bundle import read_bundle
from vops.operations.intake.bundle_pages import logs_within, pages_within

RUNNING, WAITING = (f'vllm:num_requests_{what}{{engine="0",model_name="m"}}' for what in ("running", "waiting"))
OF_PODS = 'vllm:num_requests_waiting{{container="vllm",pod="{}"}}  {}'
LINE = "INFO 09-16 10:00:10 [loggers.py:123] Engine 000: Avg prompt throughput: 9.0 tokens/s, Running: 1 reqs"


def test_a_page_between_prose_is_read_and_the_rest_kept() -> None:
    found = pages_within(f"It is slow:\n\n{RUNNING} 256.0\n> {WAITING} 611.0\nHow do I lower it?")
    assert found == ({"": f"{RUNNING} 256.0\n{WAITING} 611.0\n"}, "It is slow:\n\nHow do I lower it?")


def test_series_of_several_pods_are_pages_of_their_own() -> None:
    samples = read_bundle([], "\n".join(["So it is:", OF_PODS.format("a", 96), OF_PODS.format("b", 0)]).encode())[
        0
    ].samples
    assert {item.pod: item.latest.waiting for item in samples if item.latest} == {"a": 96.0, "b": 0.0}


@pytest.mark.parametrize("text", ["We ask for vllm:num_requests_waiting and scale.", f"One line: \n{WAITING} 3"])
def test_a_name_or_a_single_line_is_no_page(text: str) -> None:
    assert pages_within(text) is None


@pytest.mark.parametrize(
    "heading", ["pod {}:", "**Pod `{}`**", "$ kubectl logs -n llm {} -c vllm", "==> logs/{}.log <=="]
)
def test_logs_of_two_servers_are_parted_by_their_headings(heading: str) -> None:
    text = "\n".join(part for name in ("vllm-0", "vllm-1") for part in (heading.format(name), LINE, LINE))
    assert set(logs_within(text)) == {"vllm-0", "vllm-1"}


def test_a_log_of_one_server_is_left_whole() -> None:
    assert logs_within(f"pod vllm-0:\n{LINE}\n{LINE}") == {}
