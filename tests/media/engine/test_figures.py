"""The figures of a running call: everything that can be told is told, and is about right."""

from telemed_desk.media.control import CallStats
from tests.media.engine.engine_calls import two_ends, until


def unknown(figures: CallStats) -> set[str]:
    return {name for name in figures.__struct_fields__ if getattr(figures, name) is None}


async def test_a_running_call_knows_all_its_figures() -> None:
    async with two_ends() as ends:
        for end in ends:
            await until(lambda end=end: (end.call.stats().shown_fps or 0) > 5, "pictures")
            await until(lambda end=end: not unknown(end.call.stats()), "every figure")
            figures = end.call.stats()
            assert figures.path.startswith("direct")
            assert figures.encode_ms is not None
            assert 0 < figures.encode_ms < 500
            assert figures.lip_offset_ms is not None
            assert abs(figures.lip_offset_ms) < 400
            assert figures.receive_jitter_ms is not None
            assert 0 <= figures.receive_jitter_ms < 200
            assert figures.send_voice_bps >= 6_000
            assert figures.send_video_bps > 0
            assert figures.send_bps > 20_000
            assert figures.rebuilt_ratio is not None
            assert figures.rebuilt_ratio < 0.2
