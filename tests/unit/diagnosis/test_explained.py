"""What only explains, plans or asks, and what somebody reports."""

from __future__ import annotations

import time

import pytest

from vops.diagnosis.guesses.explained import only_explains

GUIDE = """# Tuning the cache

## Overview

If the cache is too small, requests may be preempted. You can raise `gpu_memory_utilization` to avoid this.

- Increase the share of memory that you give to the cache.
- When this is not enough, reduce the batch.
"""
CHANGE = """# feat(chart): add a startup probe

This PR adds a startup probe so that servers with large models are not restarted. Without one, the kubelet would kill
the pod before the model is loaded.
"""
WISH = """[Feature]: route by prefix

It would be great if the balancer could send requests to the replica that has the prefix. You might use a hash for it.
"""
ANSWER = """## Troubleshooting

When you see `ImagePullBackOff`, check whether the registry limits you:

```
Failed to pull image "vllm": toomanyrequests: You have reached your pull rate limit
```

Wait until the limit is reset, or use a token of your own.
"""
RUNBOOK = """Runbook: pods stay pending

Scope: find out why a pod may not be placed. If no node has a free GPU, the scheduler will say so.

1. Check the nodes. They should be ready.
2. When a node is cordoned, uncordon it.
"""


@pytest.mark.parametrize("text", [GUIDE, CHANGE, WISH, ANSWER, RUNBOOK])
def test_what_may_be_and_is_to_be_done_is_explained(text: str) -> None:
    assert only_explains(text)


ADVICE = """You can update the package with pip. If this does not work, and the checkpoint is new, there may not be a
release that supports it yet. In this case you can get the newest code by installing from source. If the repo is
private, make sure you are authenticated. You should pass a token if it is gated, or use another one.
"""


@pytest.mark.parametrize(
    "line",
    [
        "(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        "Error: Model 'acme/model' not found.",
        "OSError: We couldn't connect to the hub to load this file.",
    ],
)
def test_what_a_program_advises_behind_its_error_is_a_report(line: str) -> None:
    assert only_explains(ADVICE)
    assert not only_explains(f"{line}\n{ADVICE}")


REPORT = """### Describe the bug

Our pods get stuck in Pending after the upgrade, and I have no idea why. Is this expected?

### Steps to reproduce

1. Install the chart.
2. Set `replicas` to 2.
3. Check the pods. They should be running.
"""
QUOTED = """huggingface_hub.errors.HfHubHTTPError: 429 Client Error: Too Many Requests for url: https://huggingface.co/api

We had to rate limit your IP. To continue using our service, make sure you pass a token, or login to your account if
you have one.
"""
CHANGE_AFTER_FAILURE = """# fix: recreate strategy for the workers

Seen on the first upgrade of the chart: the new pod stayed Pending since the old one held the GPU, until somebody
deleted the old ReplicaSet. Set the strategy to Recreate.
"""
SHORT = "GPU nodes fail to join the cluster"
FORM = """My server crashed today while it was loading.

### Before submitting

- [x] Make sure you already searched for relevant issues
- [x] If you can, use the latest version
<!-- Please note: you should add logs when you have some. Set the level to debug if you can. -->
"""
STEPS = """# CreateContainerConfigError due to secret

Errors in the job with this event:

```
Error: couldn't find key SECURE_DATA in Secret default/deno-demo-secret
```

# Step 1: Create the secret

# Step 3: The job fails
"""
ARGUMENTS = """# [Feature] unrecognized arguments: --reasoning_parser

### Motivation

launch_server.py: error: unrecognized arguments: --reasoning_parser kimi_k2
"""
ENABLED = """# Missing container image

When enabling this feature:

The container is created but fails due to ImagePullBackOff.
"""
DESCRIBED = """Name:  vllm-0
Start Time:  Tue, 06 May 2025 17:37:06 +0000
Conditions:
  Ready  False  Tue, 06 May 2025 17:37:06 +0000  Tue, 06 May 2025 17:39:06 +0000
  ContainersReady  False  Tue, 06 May 2025 17:37:06 +0000  Tue, 06 May 2025 17:39:06 +0000
"""


@pytest.mark.parametrize(
    "text", [REPORT, QUOTED, CHANGE_AFTER_FAILURE, SHORT, FORM, STEPS, ARGUMENTS, ENABLED, DESCRIBED, ""]
)
def test_what_somebody_reports_is_not(text: str) -> None:
    assert not only_explains(text)


def test_a_long_text_with_few_signs_is_about_something_else() -> None:
    assert only_explains(GUIDE)
    assert not only_explains(GUIDE + "word " * 1_000)


@pytest.mark.parametrize("part", ["<!-- ", "```\n", "~~~ a\n```\n", " \n", '"', "\t", "- if "])
def test_a_long_text_of_one_sign_is_judged_at_once(part: str) -> None:
    begun = time.process_time()
    only_explains(part * (60_000 // len(part)))
    assert time.process_time() - begun < 5
