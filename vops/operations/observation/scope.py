"""What a look is about: a namespace, a label selector, or everything.

Pods outside the scope still hold GPUs and memory, and placement is wrong without them. They stay in a snapshot as
holders: with their place, labels and resources, but with nothing that would make them replicas.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from vops.errors import UsageError
from vops.model.pods import Container, Pod
from vops.model.selectors import Matches, selector


@dataclass(frozen=True)
class Scope:
    """Which pods are looked at; made by `scope_of`."""

    namespace: str = ""
    matches: Matches | None = field(default=None, repr=False)

    @property
    def everything(self) -> bool:
        return not self.namespace and self.matches is None

    def holds(self, pod: Pod) -> bool:
        if self.namespace and pod.metadata.namespace != self.namespace:
            return False
        return self.matches is None or self.matches(pod.metadata.labels)

    def seen(self, pod: Pod) -> Pod:
        """`pod` as it is, or as a mere holder of resources when it is out of scope."""
        return pod if self.everything or self.holds(pod) else _holder(pod)


def scope_of(namespace: str = "", labels: str = "") -> Scope:
    """Raises UsageError for a selector that cannot be read."""
    try:
        return Scope(namespace, selector(labels) if labels.strip() else None)
    except ValueError as error:
        raise UsageError(str(error), hint="write it as kubectl does: -l 'app=llama,tier!=dev'") from error


def _holder(pod: Pod) -> Pod:
    spec = replace(
        pod.spec,
        containers=tuple(map(_resources_only, pod.spec.containers)),
        init_containers=tuple(map(_resources_only, pod.spec.init_containers)),
    )
    return replace(pod, spec=spec)


def _resources_only(container: Container) -> Container:
    return Container(name=container.name, resources=container.resources, restart_policy=container.restart_policy)
