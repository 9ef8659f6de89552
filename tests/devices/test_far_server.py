"""A server is far when its answers take long, not when connecting does."""

import httpx
import pytest

from telemed_desk.devices.checks.reach import first_answer
from tests.support.network.small_web import Page, SmallWeb


@pytest.mark.parametrize(("late_s", "far"), [(0.0, False), (0.7, True)])
async def test_a_server_whose_answer_takes_long_is_far(
    monkeypatch: pytest.MonkeyPatch, *, late_s: float, far: bool
) -> None:
    monkeypatch.setattr("telemed_desk.devices.checks.reach.ANOTHER_AFTER_S", 5.0)
    async with (
        SmallWeb(lambda _path: Page(200), late_s=late_s) as web,
        httpx.AsyncClient(timeout=30) as client,
    ):
        first = await first_answer(client, web.url)
    assert late_s <= first.rtt_s <= first.seconds
    assert first.far is far
