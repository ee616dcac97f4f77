"""Telling a channel: once, never from a plan, never with its address, and no run fails for it unless asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio
from aiohttp import web

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, driven, session_on
from tests.lab.test_resume_undo import KilledError, only_run
from tests.lab.test_step_kinds import HEAD, Bench
from vops.adapters.webhooks import Webhooks
from vops.errors import InputError, StepFailed
from vops.lab.world import Lab
from vops.operations.running.run import plan_run, resume_run, run_plan
from vops.planning.events import RunEvent
from vops.render.plan import plan_lines
from vops.render.text import plain
from vops.runbooks.steps.notify import LONGEST

CHANGE = "id: c, kind: k8s.patch, title: c, ref: '${params.target}', set: {/spec/minReadySeconds: 1}"
TELL = "id: t, kind: notify, title: Tell, channel: on-call, say: 'Changing ${params.target.name}'"
PATH = "/hook/T0SECRET"


class Chat:
    """A chat's webhook: what it was told, and how it answers."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.signs: list[tuple[str, str]] = []
        """Of each message: what its text ends with, and the key that it was sent under."""
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        text, sign, key = (await request.json())["text"].rpartition(" [vops ")
        self.told.append(text)
        self.signs.append((sign + key, request.headers["Idempotency-Key"]))
        return web.Response(status=self.status)


@pytest_asyncio.fixture
async def chat() -> AsyncIterator[Chat]:
    made = Chat()
    app = web.Application()
    app.router.add_post(PATH, made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def bench(start_lab: StartLab, tmp_path: Path, chat: Chat) -> AsyncIterator[Bench]:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        told = replace(session, notifier=Webhooks({"VOPS_NOTIFY_ON_CALL": chat.url}))
        yield Bench(lab, told, tmp_path)


async def test_a_channel_is_told_once_and_never_by_a_plan(bench: Bench, chat: Chat) -> None:
    plan = await bench.plan(TELL, CHANGE)
    assert "Tells on-call: Changing llama3-8b" in plain(plan_lines(plan))
    assert chat.told == []
    result = await bench.run(TELL, CHANGE)
    assert (result.error, chat.told) == (None, ["Changing llama3-8b"])


async def test_what_was_measured_can_be_told(bench: Bench, chat: Chat) -> None:
    soak = "id: s, kind: soak, ref: '${params.target}', for: 10s, timeout: 1m"
    tell = "id: t, kind: notify, channel: on-call, say: '${string(steps.s.restarts)} restarts'"
    result = await bench.run(CHANGE, soak, tell)
    assert (result.error, chat.told) == (None, ["0 restarts"])


@pytest.mark.parametrize(("tell", "fails"), [(TELL, False), (f"{TELL}, onFail: stop", True)])
async def test_a_channel_that_takes_nothing_fails_no_run_unless_it_is_asked_for(
    bench: Bench, chat: Chat, tell: str, fails: bool
) -> None:
    chat.status = 404
    result = await bench.run(CHANGE, tell)
    assert isinstance(result.error, StepFailed) == fails
    assert "channel on-call answers 404" in result.steps[-1].message
    assert bench.live()["spec"]["minReadySeconds"] == 1


async def test_no_error_no_plan_and_no_journal_holds_the_address(bench: Bench, chat: Chat) -> None:
    bench.session = replace(bench.session, notifier=Webhooks({"VOPS_NOTIFY_ON_CALL": chat.url.replace(":", ":1", 1)}))
    plan = await bench.plan(TELL, CHANGE)
    result = await bench.run(TELL, CHANGE)
    written = (bench.folder / "state/runs" / Path(result.journal).name).read_text() + plan.to_json().decode()
    assert "does not answer" in written
    assert "T0SECRET" not in written


async def test_a_channel_without_an_address_says_which_variable_is_missing(bench: Bench) -> None:
    bench.session = replace(bench.session, notifier=Webhooks({}))
    result = await bench.run(TELL, CHANGE)
    assert (result.error, "nobody knows where channel on-call is" in result.steps[0].message) == (None, True)


async def test_a_secret_is_not_told(bench: Bench, chat: Chat) -> None:
    path = bench.folder / "one.yaml"
    head = HEAD.replace("params:\n", "params:\n  what: {type: string}\n")
    path.write_text(f"{head}  - {{id: t, kind: notify, channel: on-call, say: '${{params.what}}'}}\n  - {{{CHANGE}}}\n")
    secret = "hf_" + "a" * 30
    plan = await plan_run(bench.session, str(path), {"namespace": NAMESPACE, "what": secret})
    person = Person()
    result = await driven(bench.session, run_plan(bench.session, plan, approve=person.approve))
    assert (result.error, chat.told) == (None, ["<masked>"])


class Killer(Person):
    """Kills the run once it has told."""

    def progress(self, event: RunEvent) -> None:
        super().progress(event)
        if event.step == "t" and event.state == "done":
            raise KilledError


async def test_a_run_that_goes_on_does_not_tell_again(bench: Bench, chat: Chat) -> None:
    plan = await bench.plan(TELL, CHANGE)
    killer = Killer()
    with pytest.raises(KilledError):
        await driven(bench.session, run_plan(bench.session, plan, approve=killer.approve, progress=killer.progress))
    going = resume_run(bench.session, only_run(bench.folder / "state"), approve=Person().approve)
    result = await driven(bench.session, going)
    assert (result.error, len(chat.told), bench.live()["spec"]["minReadySeconds"]) == (None, 1, 1)


class Deaf(Person):
    """Kills the run after the channel was told and before that is in the journal."""

    def __init__(self, chat: Chat) -> None:
        super().__init__()
        self._chat = chat

    async def notify(self, channel: str, text: str, key: str) -> None:
        await Webhooks({"VOPS_NOTIFY_ON_CALL": self._chat.url}).send(channel, text, key)
        raise KilledError


async def test_one_that_is_killed_while_it_tells_tells_again_under_the_same_key(bench: Bench, chat: Chat) -> None:
    plan = await bench.plan(TELL, CHANGE)
    deaf = Deaf(chat)
    session = replace(bench.session, notifier=SimpleNamespace(send=deaf.notify))
    with pytest.raises(KilledError):
        await driven(session, run_plan(session, plan, approve=deaf.approve))
    going = resume_run(bench.session, only_run(bench.folder / "state"), approve=Person().approve)
    result = await driven(bench.session, going)
    key = f"{result.run_id}/t"
    assert (result.error, chat.told) == (None, ["Changing llama3-8b"] * 2)
    assert chat.signs == [(f" [vops {key}]", key)] * 2


async def test_a_long_text_keeps_its_sign(bench: Bench, chat: Chat) -> None:
    result = await bench.run(TELL.replace("Changing", "x" * 3000), CHANGE)
    assert len(chat.told[0] + chat.signs[0][0]) == LONGEST
    assert chat.signs[0][1] == f"{result.run_id}/t"


async def test_the_lab_tells_nobody(start_lab: StartLab, tmp_path: Path) -> None:
    lab: Lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        result = await Bench(lab, session, tmp_path).run(TELL, CHANGE)
    assert "the lab tells nobody; on-call would read: Changing llama3-8b" in result.steps[0].message


async def test_a_channel_is_a_name_and_no_address(bench: Bench) -> None:
    with pytest.raises(InputError, match="has the channel 'https://chat/hook', and a name is lower-case words"):
        await bench.plan(TELL.replace("on-call", "https://chat/hook"), CHANGE)
