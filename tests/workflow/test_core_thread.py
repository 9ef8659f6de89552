"""The core thread's end: what outlives its first cancellation."""

import asyncio
import threading

import pytest

from telemed_desk.workflow.core_thread import CoreThread


def core() -> CoreThread:
    made = CoreThread(lambda call: call(), lambda error: pytest.fail(repr(error)))
    made.start()
    return made


def test_a_farewell_that_takes_too_long_is_cut_short_and_leaves_nothing_open() -> None:
    began, ended = threading.Event(), []

    async def polite() -> None:
        try:
            began.set()
            await asyncio.sleep(3600)
        finally:
            try:
                await asyncio.sleep(3600)  # a farewell to somebody who is gone
            finally:
                asyncio.get_running_loop().call_soon(ended.append, "connection")
                ended.append("task")

    one = core()
    one.run(polite())
    assert began.wait(30)
    one.stop(timeout_s=0.1)
    one._thread.join(30)
    assert ended == ["task", "connection"]
    assert one.loop.is_closed()


def test_a_task_that_ends_in_time_is_waited_for() -> None:
    began, ended = threading.Event(), []

    async def polite() -> None:
        try:
            began.set()
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.05)
            ended.append("farewell")

    one = core()
    one.run(polite())
    assert began.wait(30)
    one.stop(timeout_s=30)
    assert ended == ["farewell"]
