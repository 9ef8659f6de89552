"""Nobody says or shows anything: the path is asked for itself, and a quiet call is no dead one."""

import time

from tests.media.engine.engine_calls import two_ends, until

QUIET_S = 6.0
"""More than twice what counts as silence of the path."""


async def test_a_call_in_which_no_media_flows_is_connected_and_offers_no_other_path() -> None:
    async with two_ends() as (a, b):
        await until(lambda: min(len(a.sink.counters), len(b.sink.counters)) > 5, "pictures")

        async def nothing(data: bytes) -> None:
            del data

        send = a.transport.transport._send, b.transport.transport._send
        for end in (a, b):  # checks take another way out, as they do while a microphone pauses
            end.transport.transport._send = nothing
        since, heard = time.monotonic(), {a.transport.connection.last_heard_ns}

        def long_enough() -> bool:
            heard.add(a.transport.connection.last_heard_ns)
            return time.monotonic() - since > QUIET_S and len(heard) > 4

        await until(long_enough, "signs of life without media")
        for end, usual in zip((a, b), send, strict=True):
            assert [phase for phase, _ in end.heard.phases] == ["connecting", "connected"]
            end.transport.transport._send = usual
        assert a.heard.restart_offers.empty()
        before = len(b.sink.counters)
        await until(lambda: len(b.sink.counters) > before + 5, "pictures again")
