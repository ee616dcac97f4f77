"""What clouds answer: stock, quota and refusals told apart, in the words of three clouds and two autoscalers."""

from __future__ import annotations

import pytest

from vops.diagnosis.provisioning.cloud_text import Answer, cloud_answer, cloud_of, first_to_act_on

GCE_POOL = (
    "ZONE_RESOURCE_POOL_EXHAUSTED Instance 'gke-a' creation failed: The zone 'projects/p/zones/europe-west4-b' does "
    "not have enough resources available to fulfill the request. Try a different zone, or try again later."
)
GCE_QUOTA = "Instance 'gke-a' creation failed: Quota 'NVIDIA_L4_GPUS' exceeded.  Limit: 1.0 in region us-central1."
EC2_ICE = (
    "insufficient capacity, with fleet error(s), InsufficientInstanceCapacity: We currently do not have sufficient "
    "p4d.24xlarge capacity in the Availability Zone you requested (us-east-1d). Our system will be working on "
    "provisioning additional capacity. You can currently get p4d.24xlarge capacity by not specifying an Availability "
    "Zone in your request or choosing us-east-1a, us-east-1b."
)
EC2_QUOTA = (
    "insufficient capacity, with fleet error(s), VcpuLimitExceeded: You have requested more vCPU capacity than your "
    "current vCPU limit of 8 allows for the instance bucket that the specified instance type belongs to."
)
AZURE_QUOTA = (
    "Operation could not be completed as it results in exceeding approved standardNCADSA100v4Family Cores quota. "
    "Additional details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 0, Current Usage: 0, "
    "Additional Required: 24, (Minimum) New Limit Required: 24."
)
AZURE_CORES = (
    "Operation results in exceeding quota limits of Core. Maximum allowed: 20, Current in use: 6, Additional "
    "requested: 40."
)
AZURE_ZONE = (
    "ZonalAllocationFailure: Allocation failed. We do not have sufficient capacity for the requested VM size "
    "Standard_NC24ads_A100_v4 in zone eastus-2. Read more about improving likelihood of allocation success"
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (GCE_POOL, Answer.STOCKOUT),
        ("GCE out of resources", Answer.STOCKOUT),
        ("INSUFFICIENT_CAPACITY", Answer.STOCKOUT),
        ("Reservation capacity exceeded", Answer.STOCKOUT),
        (EC2_ICE, Answer.STOCKOUT),
        ("UnfulfillableCapacity: Unable to fulfill capacity due to your request configuration.", Answer.STOCKOUT),
        ("insufficient capacity, all requested instance types were unavailable during launch", Answer.STOCKOUT),
        (
            "placeholder-cannot-be-fulfilled AWS cannot provision any more instances for this node group",
            Answer.STOCKOUT,
        ),
        (AZURE_ZONE, Answer.STOCKOUT),
        ("OverconstrainedAllocationFailure: Allocation failed. VM(s) with the following constraints", Answer.STOCKOUT),
        ("SKUNotAvailable: the requested SKU is unavailable", Answer.STOCKOUT),
        (GCE_QUOTA, Answer.QUOTA),
        ("GCE quota exceeded", Answer.QUOTA),
        (EC2_QUOTA, Answer.QUOTA),
        ("VCPULimitExceeded: An instance was requested that would exceed your VCPU quota", Answer.QUOTA),
        ("MaxSpotInstanceCountExceeded: Max spot instance count exceeded", Answer.QUOTA),
        (AZURE_QUOTA, Answer.QUOTA),
        ("regional on-demand vCPU quota limit for subscription has been reached.", Answer.QUOTA),
        ("SubscriptionQuotaReached: this subscription has reached the regional vCPU quota for spot", Answer.QUOTA),
        ("IP space exhausted", Answer.REFUSED),
        ("insufficient capacity, resolving nodeclass, EC2NodeClass not found", Answer.REFUSED),
        ("Unauthorized: User is not authorized to perform this operation", Answer.REFUSED),
        ("Reservation not ready", Answer.REFUSED),
        ("AMINotFound: AMI used for instance launch does not exist", Answer.REFUSED),
        ("Nodes added to group gpu failed to register within 15m2s", Answer.LATE),
        ("Some nodes in node group [gpu] failed to appear in time", Answer.LATE),
    ],
)
def test_each_answer_is_of_one_kind(text: str, kind: Answer) -> None:
    answer = cloud_answer(text)
    assert answer is not None
    assert answer.kind is kind


@pytest.mark.parametrize("text", ["", "Internal error", "pod triggered scale-up", "2 Insufficient nvidia.com/gpu"])
def test_words_that_are_no_answer_are_none(text: str) -> None:
    assert cloud_answer(text) is None


def test_a_stockout_names_zone_machine_and_where_there_is_more() -> None:
    answer = cloud_answer(EC2_ICE)
    assert answer is not None
    assert (answer.zones, answer.machines, answer.elsewhere) == (
        ("us-east-1d",),
        ("p4d.24xlarge",),
        ("us-east-1a", "us-east-1b"),
    )


@pytest.mark.parametrize(("text", "zone"), [(GCE_POOL, "europe-west4-b"), (AZURE_ZONE, "eastus-2")])
def test_the_zone_that_answered_is_read(text: str, zone: str) -> None:
    answer = cloud_answer(text)
    assert answer is not None
    assert answer.zones == (zone,)


@pytest.mark.parametrize(
    ("text", "quota", "limit", "needed", "where"),
    [
        (GCE_QUOTA, "NVIDIA_L4_GPUS", 1, None, "us-central1"),
        (EC2_QUOTA, "vCPUs of this kind of instance", 8, None, ""),
        (AZURE_QUOTA, "standardNCADSA100v4Family", 0, 24, "eastus"),
        (AZURE_CORES, "", 20, 46, ""),
    ],
)
def test_a_quota_is_read_with_its_numbers(text: str, quota: str, limit: float, needed: float, where: str) -> None:
    answer = cloud_answer(text)
    assert answer is not None
    assert (answer.quota, answer.limit, answer.needed, answer.where) == (quota, limit, needed, where)


@pytest.mark.parametrize(
    ("text", "cloud"),
    [
        (GCE_POOL, "gce"),
        (GCE_QUOTA, "gce"),
        (EC2_ICE, "aws"),
        (EC2_QUOTA, "aws"),
        ("Launching a new EC2 instance. Status Reason: no capacity", "aws"),
        (AZURE_QUOTA, "azure"),
        (AZURE_CORES, "azure"),
        (AZURE_ZONE, "azure"),
        ("Out of host capacity.", ""),
    ],
)
def test_whose_words_they_are(text: str, cloud: str) -> None:
    assert cloud_of(text) == cloud


def test_quota_is_dealt_with_before_stock() -> None:
    answers = [answer for text in (GCE_POOL, GCE_QUOTA) if (answer := cloud_answer(text))]
    assert [answer.kind for answer in first_to_act_on(answers)] == [Answer.QUOTA]


def test_hostile_text_is_read_in_linear_time() -> None:
    assert cloud_answer("quota '" + "a " * 100_000) is None
    assert cloud_answer("a-" * 100_000) is None
