"""Locks are listed with their age, and broken by a plan like any other write."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, deployment, session_on
from tests.lab.test_fix_five import carried_out
from vops.errors import ApprovalNeeded, NotFound
from vops.operations.running.lock_list import held_locks, plan_break
from vops.operations.running.locks import locked
from vops.planning.events import Question
from vops.planning.plan import Gate


class Unconvinced(Person):
    """Says yes, and does not type the name."""

    async def approve(self, question: Question) -> bool:
        await super().approve(question)
        return question.gate is Gate.CONFIRM


async def test_a_lock_is_listed_and_one_that_is_held_wants_its_name_typed(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        assert await held_locks(session) == ()
        async with locked(session.cluster, session.clock, [deployment("llama3-8b")], "r1", print):
            (lock,) = await held_locks(session)
            assert (lock.name, lock.expired, lock.holder.endswith("/r1")) == ("vops-deployment-llama3-8b", False, True)
            plan = await plan_break(session, "deploy/llama3-8b", "the laptop is gone")
            person = Unconvinced()
            refused = await carried_out(session, plan, person)
    assert isinstance(refused.error, ApprovalNeeded)
    gates = [(question.gate, question.target.name if question.target else "") for question in person.questions]
    assert gates[-1] == (Gate.TYPE_NAME, "vops-deployment-llama3-8b")


async def test_an_expired_lock_is_broken_and_the_reason_kept(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        lock = locked(session.cluster, session.clock, [deployment("llama3-8b")], "r1", print)
        await lock.__aenter__()
        lab.server.trouble.drop(times=100, path="/leases", method="PATCH")
        await lab.advance(timedelta(minutes=2).total_seconds())
        lab.server.trouble.clear()
        plan = await plan_break(session, "deploy/llama3-8b", "the laptop is gone")
        await carried_out(session, plan, Person())
        assert await held_locks(session) == ()
        await lock.__aexit__(None, None, None)
    (journal,) = (tmp_path / "runs").glob("*.jsonl")
    assert "the laptop is gone" in journal.read_text()


async def test_a_target_without_a_lock_is_said(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(NotFound, match="is not locked"):
            await plan_break(session, "deploy/llama3-8b", "why not")
    assert not lab.store.list("coordination.k8s.io/v1", "Lease", NAMESPACE)
