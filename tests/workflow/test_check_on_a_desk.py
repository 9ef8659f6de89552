"""The check on a real desk: server, vault and media process are real, the devices are stand-ins."""

from pathlib import Path

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group, Outcome
from telemed_desk.devices.history import CheckHistory
from telemed_desk.devices.limits import LIMITS
from telemed_desk.media.control import Devices
from telemed_desk.workflow.check_plan import BUDGETS, START_WITHOUT_VERDICT, CheckMode
from telemed_desk.workflow.checking import Checking
from tests.end_to_end.headless_desk import new_vault, running_desk, running_server, until

DEVICES = Devices("pattern:640x360@15", "tone", "null")


async def ended(checking: Checking) -> None:
    await until(lambda: checking.state.value.running, "the check runs")
    await until(lambda: not checking.state.value.running, "the check ends")


async def test_a_check_a_call_that_wins_and_what_is_remembered(tmp_path: Path) -> None:
    async with running_server(tmp_path / "server") as server:
        vault = await new_vault(tmp_path / "vault", server)
        async with running_desk(vault, server.origin, DEVICES, folder=tmp_path) as desk:
            checking = desk.session.checking
            assert [checking.start_rung] == [START_WITHOUT_VERDICT]
            checking.start_if_stale()
            await ended(checking)
            state = checking.state.value
            verdict = state.verdict
            assert verdict is not None
            assert state.mode is CheckMode.QUICK
            assert (state.data_bytes or 0) <= BUDGETS[CheckMode.QUICK].most_bytes
            assert checking.start_rung is max(verdict.rung, Rung.AUDIO_PHOTOS)
            assert [past.rung for past in checking.past.value] == [verdict.rung]

            # A fresh verdict is not asked for again by the program itself.
            checking.start_if_stale()
            await desk.on_core(lambda: None)
            assert not checking.state.value.running

            # A call that begins while a check runs.
            checking.start(CheckMode.STANDARD)
            await until(lambda: checking.state.value.done > 0, "something is found")
            assert await desk.on_core(desk.session._may_call)
            stopped = checking.state.value
            assert not stopped.running
            assert stopped.by_call
            assert len(checking.past.value) == 1

            # The media process has let go: the speaker alone is looked at again.
            before = {f.check: f for f in checking.state.value.findings}
            checking.start(CheckMode.QUICK, frozenset({Group.SPEAKER}))
            await ended(checking)
            again = checking.state.value
            assert again.expected
            assert all(LIMITS[check].group is Group.SPEAKER for check in again.expected)
            assert {f.check for f in again.findings} >= set(before) - {"P1", "T1"}
            assert any(f.check == "S1" and f.outcome is Outcome.PASS for f in again.findings)
            assert len(checking.past.value) == 1  # a part is no check of its own

            checking.use_phone()
            promised = [checking.start_rung]
            assert promised == [Rung.PHONE]
    assert len(CheckHistory(tmp_path).last(9)) == 1
