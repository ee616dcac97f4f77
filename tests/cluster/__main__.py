"""A cluster to play with: starts all parts and runs a command beside them, with KUBECONFIG leading to it.

    tests/cluster/enter.sh python -m tests.cluster bash

There is one real node with two GPUs, and two of kwok's with eight each. Everything goes when the command ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kwok import Kwok
from tests.cluster.node import GpuNode
from tests.cluster.processes import Workspace


def main(command: Sequence[str]) -> int:
    plane = ControlPlane(Workspace.entered())
    node, kwok = GpuNode(plane), Kwok(plane)
    try:
        plane.start()
        node.start()
        kwok.start().add_nodes(2)
        return subprocess.run(command, env={**os.environ, "KUBECONFIG": str(plane.admin)}, check=False).returncode
    finally:
        kwok.stop()
        node.stop()
        plane.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["bash"]))
