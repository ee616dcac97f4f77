"""Models that the hub does not hand out: what is gated, to whom, and no secret told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import (
    crashed,
    deployment,
    first_finding,
    log_text,
    node,
    pod,
    replicaset,
    world,
)
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Applicability

OWNED = (deployment(), replicaset())


def test_a_gated_model_names_the_model_and_where_the_token_comes_from() -> None:
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf-token", "key": "token"}}}
    facts = world(
        pod(owner="llama", status=crashed(), container={"env": [token]}),
        node(),
        *OWNED,
        log=log_text("fail-gated403.log"),
    )
    finding = first_finding(facts)
    assert "Secret hf-token, key token" in finding.summary
    fix = finding.fixes[0]
    assert fix.applicability is Applicability.ASK
    assert (fix.params["container"], fix.params["model"]) == ("vllm", "meta-llama/Meta-Llama-3-8B-Instruct")
    assert "https://huggingface.co/meta-llama/Meta-Llama-3-8B-Instruct" in " ".join(fix.steps)


def test_a_tokens_value_is_never_repeated() -> None:
    token = {"name": "HF_TOKEN", "value": "hf_secretsecretsecret"}
    facts = world(
        pod(owner="llama", status=crashed(), container={"env": [token]}), *OWNED, log=log_text("fail-gated403.log")
    )
    assert "hf_secret" not in repr(diagnose(facts, facts.replicas[0].ref))


def test_a_token_may_come_with_a_whole_secret() -> None:
    def said(**container: Any) -> str:
        facts = world(pod(status=crashed(), container=container), node(), log=log_text("fail-gated401.log"))
        return repr(first_finding(facts))

    assert "sends no token" in said()
    whole = said(envFrom=[{"secretRef": {"name": "hub"}}])
    assert "sends no token" not in whole
    assert "all of Secret hub" in whole


@pytest.mark.parametrize("library", ["requests.exceptions.HTTPError", "httpx.HTTPStatusError"])
def test_the_words_of_older_hub_libraries(library: str) -> None:
    log = f"""\
Traceback (most recent call last):
  File "x.py", line 1, in f
{library}: 403 Client Error: Forbidden for url: https://hub/org/model/resolve/main/config.json

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "x.py", line 1, in f
huggingface_hub.errors.GatedRepoError: 403 Client Error.

Cannot access gated repo for url https://hub/org/model/resolve/main/config.json.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "x.py", line 1, in f
ValueError: Invalid repository ID or local directory specified: 'org/model'
"""
    facts = world(pod(status=crashed()), node(), log=log)
    finding = first_finding(facts)
    assert (finding.cause, "org/model" in finding.summary) == ("gated-model", True)
