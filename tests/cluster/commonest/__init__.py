"""The failures that teams meet most often, each brought about on the real control plane and the real node.

A table for each part of a pod's life, by the failure's name, which is also its pod's. `HEALTHY` are near misses: what
is well, or will be. Nothing here says what vops must conclude but the cause and the text that its evidence must hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster.commonest.case import Case
from tests.cluster.commonest.creation import FAILURES as CREATION
from tests.cluster.commonest.engines import FAILURES as ENGINES
from tests.cluster.commonest.healthy import HEALTHY as HEALTHY
from tests.cluster.commonest.pulls import FAILURES as PULLS
from tests.cluster.commonest.scheduling import FAILURES as SCHEDULING
from tests.cluster.commonest.starts import FAILURES as STARTS
from tests.cluster.commonest.workloads import FAILURES as WORKLOADS

FAILURES: Mapping[str, Case] = {**SCHEDULING, **WORKLOADS, **PULLS, **CREATION, **STARTS, **ENGINES}
