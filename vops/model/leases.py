"""Leases as vops reads them: its own locks on what is being changed."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import field

from vops.model.objects import Kind, Object, Resource


class LeaseSpec(Object, frozen=True):
    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: datetime | None = None
    renew_time: datetime | None = None


class Lease(Resource, frozen=True):
    spec: LeaseSpec = field(default_factory=LeaseSpec)


LEASES = Kind("coordination.k8s.io/v1", "Lease", "leases", decodes_to=Lease)


class HeldLock(msgspec.Struct, frozen=True, omit_defaults=True):
    """One lock: `age_s` is since its last renewal; `expired` tells that its holder has stopped renewing it."""

    name: str
    namespace: str
    holder: str
    uid: str = ""
    age_s: float | None = None
    expired: bool = False


def held_lock(lease: Lease, now: datetime) -> HeldLock:
    meta, spec = lease.metadata, lease.spec
    age_s = (now - spec.renew_time).total_seconds() if spec.renew_time else None
    expired = age_s is None or age_s > spec.lease_duration_seconds
    return HeldLock(meta.name, meta.namespace, spec.holder_identity, meta.uid, age_s, expired)
