"""The verb that looks at storage: every claim, with the volume it is bound to where volumes may be read."""

from __future__ import annotations

from vops.errors import Forbidden
from vops.model.storage import CLAIMS, VOLUMES, PersistentVolume, PersistentVolumeClaim
from vops.operations.session import Session

Held = tuple[PersistentVolumeClaim, PersistentVolume | None]


async def claims_of(session: Session, namespace: str = "") -> list[Held]:
    """The claims of a namespace, or of all. Raises what listing raises; volumes that may not be listed are None."""
    listed = await session.cluster.list(CLAIMS, namespace)
    try:
        volumes = (await session.cluster.list(VOLUMES)).items
    except Forbidden:
        volumes = ()
    by_name = {item.metadata.name: item for item in volumes if isinstance(item, PersistentVolume)}
    claims = (item for item in listed.items if isinstance(item, PersistentVolumeClaim))
    return [(item, by_name.get(item.spec.volume_name)) for item in claims]
