"""Autoscalers, Services, DaemonSets and ScaledObjects as `kubectl describe` prints them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from vops.operations.printed.describe_text import read_described

HPA = """\
Name:                                                  keda-hpa-llama
Namespace:                                             serving
Labels:                                                app.kubernetes.io/managed-by=keda-operator
Annotations:                                           <none>
CreationTimestamp:                                     Mon, 23 Nov 2026 23:44:50 +0000
Reference:                                             Deployment/llama
Metrics:                                               ( current / target )
  "s0-prometheus" (target average value):              13500m / 5
  "s1-prometheus" (target value):                      <unknown> / 70
  resource cpu on pods  (as a percentage of request):  12% (120m) / 80%
Min replicas:                                          1
Max replicas:                                          8
Deployment pods:                                       2 current / 6 desired
Conditions:
  Type            Status  Reason            Message
  ----            ------  ------            -------
  AbleToScale     True    ReadyForNewScale  recommended size matches current size
  ScalingLimited  True    TooManyReplicas   the desired replica count is more than the maximum replica count
Events:           <none>
"""
SERVICE = """\
Name:                     llama
Namespace:                serving
Labels:                   <none>
Annotations:              <none>
Selector:                 app=llama,tier=prod
Type:                     ClusterIP
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.96.0.9
IPs:                      10.96.0.9
Port:                     http  80/TCP
TargetPort:               8000/TCP
Endpoints:                <none>
Port:                     <unset>  81/TCP
TargetPort:               api/TCP
Endpoints:                <none>
Session Affinity:         None
Events:                   <none>
"""
DAEMONSET = """\
Name:           dcgm-exporter
Namespace:      gpu
Selector:       app=dcgm-exporter
Node-Selector:  <none>
Labels:         <none>
Annotations:    <none>
Desired Number of Nodes Scheduled: 3
Current Number of Nodes Scheduled: 3
Number of Nodes Scheduled with Up-to-date Pods: 3
Number of Nodes Scheduled with Available Pods: 2
Number of Nodes Misscheduled: 0
Pods Status:  2 Running / 1 Waiting / 0 Succeeded / 0 Failed
Pod Template:
  Labels:           app=dcgm-exporter
  Containers:
   exporter:
    Image:        nvcr.io/nvidia/k8s/dcgm-exporter:4.5.2-4.8.1
    Port:         9400/TCP
    Host Port:    0/TCP
    Environment:  <none>
    Mounts:       <none>
  Volumes:        <none>
  Priority Class Name:  system-node-critical
  Node-Selectors:  nvidia.com/gpu.present=true
  Tolerations:     nvidia.com/gpu op=Exists
Events:           <none>
"""
SCALED = """\
Name:         llama
Namespace:    serving
Labels:       <none>
Annotations:  autoscaling.keda.sh/paused-replicas: 2
API Version:  keda.sh/v1alpha1
Kind:         ScaledObject
Metadata:
  Creation Timestamp:  2026-11-23T23:44:50Z
  Generation:          1
Spec:
  Max Replica Count:  8
  Min Replica Count:  0
  Scale Target Ref:
    Name:  llama
  Triggers:
    Metadata:
      Ignore Null Values:  false
      Query:               avg(DCGM_FI_DEV_GPU_UTIL{pod=~"llama.*"})
      Server Address:      http://prometheus:9090
      Threshold:           70
    Metric Type:           Value
    Type:                  prometheus
    Metadata:
      Timezone:  UTC
    Type:        cron
Status:
  Conditions:
    Message:  ScaledObject is defined correctly and is ready for scaling
    Reason:   ScaledObjectReady
    Status:   True
    Type:     Ready
    Message:  Scaling is not performed because triggers are not active
    Reason:   ScalerNotActive
    Status:   False
    Type:     Active
  External Metric Names:
    s0-prometheus
  Hpa Name:                keda-hpa-llama
  Original Replica Count:  1
Events:                    <none>
"""


def described(text: str) -> dict[str, Any]:
    (document,) = read_described(text).documents
    return document


def test_an_hpa_has_its_metrics_and_what_they_are_now() -> None:
    document = described(HPA)
    spec, status = document["spec"], document["status"]
    assert (document["kind"], spec["scaleTargetRef"]) == (
        "HorizontalPodAutoscaler",
        {"kind": "Deployment", "name": "llama"},
    )
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 8)
    assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 6)
    assert [item["type"] for item in spec["metrics"]] == ["External", "External", "Resource"]
    assert spec["metrics"][1]["external"]["target"] == {"type": "Value", "value": "70"}
    assert status["currentMetrics"][0]["external"]["current"] == {"averageValue": "13500m"}
    assert status["currentMetrics"][1]["resource"]["current"] == {"averageUtilization": 12}
    assert [item["reason"] for item in status["conditions"]] == ["ReadyForNewScale", "TooManyReplicas"]


def test_a_service_has_every_port_with_its_target() -> None:
    spec = read_described(SERVICE).documents[0]["spec"]
    assert spec["selector"] == {"app": "llama", "tier": "prod"}
    assert [(item["port"], item["targetPort"]) for item in spec["ports"]] == [(80, 8000), (81, "api")]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (SERVICE, ["Service", "EndpointSlice"]),
        (re.sub(" {2,}", "\t", SERVICE), ["Service", "EndpointSlice"]),  # as kubectl printed it until 1.6
        (SERVICE.replace("<none>\nSession", "10.0.0.9:8000\nSession"), ["Service"]),
        (SERVICE.replace("<none>\nSession", "10.0.0.9:8000 + 3 more...\nSession"), ["Service"]),
    ],
)
def test_a_service_tells_only_that_it_has_no_address(text: str, kinds: list[str]) -> None:
    assert [document["kind"] for document in read_described(text).documents] == kinds


def test_a_daemonset_has_its_counts_and_its_template() -> None:
    document = described(DAEMONSET)
    assert (document["status"]["desiredNumberScheduled"], document["status"]["numberReady"]) == (3, 2)
    template = document["spec"]["template"]["spec"]
    assert template["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert template["priorityClassName"] == "system-node-critical"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metadata", "annotations"), {"autoscaling.keda.sh/paused-replicas": "2"}),
        (("spec", "maxReplicaCount"), 8),
        (("spec", "scaleTargetRef"), {"name": "llama"}),
        (("status", "hpaName"), "keda-hpa-llama"),
        (("status", "originalReplicaCount"), 1),
        (("status", "externalMetricNames"), ["s0-prometheus"]),
    ],
)
def test_a_scaled_object_is_put_together_from_its_fields(path: tuple[str, str], value: Any) -> None:
    assert described(SCALED)[path[0]][path[1]] == value


def test_the_items_of_a_list_end_where_a_key_comes_again() -> None:
    document = described(SCALED)
    prometheus, cron = document["spec"]["triggers"]
    assert prometheus["metadata"]["ignoreNullValues"] == "false"
    assert prometheus["metadata"]["query"] == 'avg(DCGM_FI_DEV_GPU_UTIL{pod=~"llama.*"})'
    assert (prometheus["metricType"], cron["type"]) == ("Value", "cron")
    assert [item["type"] for item in document["status"]["conditions"]] == ["Ready", "Active"]
