"""A lab ends when it is told to, whatever happens at that moment."""

import asyncio

from vops.lab.world import Lab


async def test_a_lab_that_is_written_to_while_it_stops_still_ends() -> None:
    lab = await Lab.start("untolerated-taint")
    await asyncio.sleep(0)
    lab.world.on_change()
    stopping = asyncio.ensure_future(lab.stop())
    done, _ = await asyncio.wait({stopping}, timeout=5)
    assert done
