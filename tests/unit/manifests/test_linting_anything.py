"""Lint of whatever somebody feeds it: it answers or refuses, and never breaks."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vops.errors import InputError
from vops.manifests.documents import read_documents
from vops.manifests.lint import lint

KINDS = ("Deployment", "Pod", "Service", "ScaledObject", "PodDisruptionBudget", "PrometheusRule", "InferenceService")
KEYS = (
    "metadata", "spec", "template", "containers", "initContainers", "image", "command", "args", "env", "name", "value",
    "valueFrom", "resources", "limits", "requests", "nvidia.com/gpu", "memory", "volumes", "volumeMounts", "mountPath",
    "emptyDir", "medium", "sizeLimit", "readinessProbe", "livenessProbe", "startupProbe", "httpGet", "port", "path",
    "periodSeconds", "failureThreshold", "lifecycle", "preStop", "strategy", "rollingUpdate", "maxSurge", "replicas",
    "selector", "matchLabels", "labels", "annotations", "triggers", "query", "type", "groups", "rules", "expr", "model",
    "modelFormat", "predictor", "ports", "targetPort", "nodeSelector", "securityContext", "minAvailable", "data",
)  # fmt: skip
WORDS = (
    "vllm", "serve", "--tensor-parallel-size", "--tensor-parallel-size=x", "--gpu-memory-utilization=2", "-tp", "sh",
    "-c",
    "vllm serve x --port $PORT", "vllm/vllm-openai:v0.8.5", "8Gi", "nonsense", "25%", "Memory", "prometheus",
    "/dev/shm",
    "avg(DCGM_FI_DEV_GPU_UTIL)", "vllm:num_preemptions > ((", "/health", "70B", "",
)  # fmt: skip
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9999), st.floats(allow_nan=False), st.sampled_from(WORDS))
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(st.sampled_from(KEYS), below, max_size=6)),
    max_leaves=40,
)
OBJECTS = st.builds(
    lambda kind, body: body | {"kind": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
)
CONTAINERS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8).map(
    lambda raw: {"name": "vllm", "command": ["vllm", "serve"]} | raw
)
WORKLOADS = st.builds(
    lambda kind, spec, containers: {"kind": kind, "spec": {"template": {"spec": spec | {"containers": containers}}}},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
    st.lists(CONTAINERS, min_size=1, max_size=2),
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@QUICK
@given(st.lists(st.one_of(OBJECTS, WORKLOADS), max_size=4))
def test_no_rule_breaks_on_what_the_api_server_would_refuse(objects: list[dict[str, Any]]) -> None:
    text = yaml.safe_dump_all(objects)
    for finding in lint(read_documents(text, "f.yaml")).findings:
        assert finding.line is not None


@QUICK
@given(st.text(alphabet=st.sampled_from("abk: -[]{}#&*!|>'\"\n\t%@`0~<,?\x00\x1b"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    documents = []
    with contextlib.suppress(InputError):
        documents = read_documents(text, "f.yaml")
    json.dumps([document.value for document in documents])
