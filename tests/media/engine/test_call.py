"""Whole calls between two of our own ends: pictures by their counter, sound by its pitch."""

import random
import time

import numpy as np
import pytest

from telemed_desk.media.engine.call import Call, CallFailure, CallParts
from telemed_desk.media.transport.twcc import TWCC_URI
from tests.media.engine.engine_calls import End, in_order, two_ends, until
from tests.media.engine.engine_sources import CountingSink, ToneMicrophone, dominant_hz


async def test_both_see_and_hear_each_other_and_the_channel_carries_messages() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(a.sink.counters) > 60 and len(b.sink.counters) > 60, "pictures")
        for end in (a, b):
            assert in_order(end.sink.counters)
            assert end.sink.unreadable <= 2
        await until(lambda: abs(dominant_hz(b.speaker.sound(0.5)) - 440) < 5, "a's tone")
        await until(lambda: abs(dominant_hz(a.speaker.sound(0.5)) - 700) < 5, "b's tone")
        await until(lambda: a.heard.opened == b.heard.opened == 1, "channel")
        assert a.call.send_data('{"t":"hello","v":1}')
        assert b.call.send_data(b"\x00" * 16_384)
        await until(lambda: a.heard.messages and b.heard.messages, "messages")
        assert b.heard.messages == ['{"t":"hello","v":1}']
        assert a.heard.messages == [b"\x00" * 16_384]
        a.call.stats()
        await until(lambda: (a.call.stats().shown_fps or 0) > 5, "figures")
        stats = a.call.stats()
        assert stats.rtt_ms is not None
        assert stats.estimate_bps is not None
        assert stats.path == "direct"
        assert stats.send_bps > 20_000
        assert stats.playout_delay_ms is not None
        assert stats.playout_delay_ms < 500
    assert a.heard.phases[0] == ("connecting", "")
    assert a.heard.phases[-1][0] == "ended"


async def test_the_offer_is_what_was_agreed_on() -> None:
    end = End(440.0, offer=True)
    try:
        sdp = await end.call.make_offer()
    finally:
        await end.close()
    lines = sdp.splitlines()
    assert [x.split()[0] for x in lines if x.startswith("m=")] == [
        "m=audio",
        "m=video",
        "m=video",
        "m=application",
    ]
    directions = ("a=sendrecv", "a=inactive", "a=sendonly", "a=recvonly")
    assert [x for x in lines if x in directions] == ["a=sendrecv", "a=sendrecv", "a=sendonly"]
    assert "a=group:BUNDLE 0 1 2 3" in lines
    assert any("useinbandfec=1" in x and "stereo=0" in x for x in lines)
    assert sum(TWCC_URI in x for x in lines) == 3
    for feedback in ("transport-cc", "nack", "nack pli", "ccm fir"):
        assert f"a=rtcp-fb:96 {feedback}" in lines
    assert "a=end-of-candidates" not in lines


async def test_mute_stops_pictures_and_silences_sound_and_ends_again() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 10, "pictures")
        await until(lambda: abs(dominant_hz(b.speaker.sound(0.5)) - 440) < 5, "tone")
        a.call.set_muted(microphone=True, camera=True)
        await until(lambda: np.abs(b.speaker.sound(0.5)).max() < 300, "silence")
        await until(lambda: a.call.stats().sent_fps == 0, "no pictures sent")
        shown, packets = len(b.sink.counters), a.call._streams._audio.sender.packets
        await until(lambda: a.call._streams._audio.sender.packets > packets + 50, "silence sent")
        assert len(b.sink.counters) <= shown + 2
        assert b.heard.phase == "connected"
        a.call.set_muted(microphone=False, camera=False)
        await until(lambda: len(b.sink.counters) > shown + 10, "pictures again")
        await until(lambda: abs(dominant_hz(b.speaker.sound(0.5)) - 440) < 5, "tone again")


async def test_devices_are_swapped_without_a_new_negotiation() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 10, "pictures")
        microphone, sink = ToneMicrophone(1000.0), CountingSink()
        try:
            a.call.replace_parts(CallParts(a.camera, microphone, sink))
            await until(lambda: abs(dominant_hz(b.speaker.sound(0.5)) - 1000) < 5, "new tone")
            await until(lambda: len(sink.counters) > 5, "new sink")
            a.call.replace_parts(CallParts(None, None, sink))
            await until(lambda: np.abs(b.speaker.sound(0.5)).max() < 300, "silence")
            await until(lambda: a.call.stats().sent_fps == 0, "no pictures")
            assert b.heard.phase == "connected"
        finally:
            microphone.close()


async def test_with_a_tenth_of_all_packets_lost_sound_goes_on_and_pictures_come_back() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 10, "pictures")
        a.drop(0.1, seed=1)
        b.drop(0.1, seed=2)
        shown = len(b.sink.counters)
        await until(lambda: len(b.sink.counters) > shown + 90, "pictures in spite of loss")
        assert in_order(b.sink.counters)
        assert b.sink.unreadable <= 3
        sound = b.speaker.sound(3.0)
        loud = np.sqrt(np.mean(sound.reshape(-1, 960).astype(float) ** 2, axis=1)) > 400
        assert loud.mean() > 0.9
        assert abs(dominant_hz(sound) - 440) < 5
        assert b.call._streams.playout.counts.rebuilt > 0
        assert b.call._streams._picture_in.shown.frames > 90
        await until(lambda: (a.call.stats().send_loss_ratio or 0) > 0.02, "loss is known")


async def test_what_can_not_be_repaired_any_more_is_begun_anew_with_a_key_frame() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 10, "pictures")
        begun = b.call._streams._picture_in._assembler.keyframes
        a.drop(1.0, seed=1)
        taken = a.camera.count
        await until(lambda: a.camera.count > taken + 150, "longer than repeats are worth it")
        a.transport.transport._send = a.transport.connection.send
        shown = len(b.sink.counters)
        await until(lambda: len(b.sink.counters) > shown + 20, "pictures again")
        assert b.call._streams._picture_in._assembler.keyframes > begun
        assert in_order(b.sink.counters)
        assert b.sink.unreadable <= 3
        assert b.heard.phase == "connected"


async def test_a_key_frame_is_made_when_asked_for_by_either_kind_of_request() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 10, "pictures")
        gate = a.call._streams._video.sender.keyframes
        ssrc = a.call._streams._video.sender._ssrc.to_bytes(4, "big")
        a.call.set_muted(microphone=False, camera=True)  # so that nobody else asks or obeys
        await until(lambda: a.call.stats().sent_fps == 0, "no pictures")
        gate.made(time.monotonic_ns())
        for ask in (
            b.call._streams._video.receiver.request_keyframe,
            lambda: b.transport._send_rtp(b"\x84\xce\x00\x04" + bytes(8) + ssrc + b"\x01\0\0\0"),
        ):
            await ask()
            await until(lambda: gate._pending, "the request")
            gate.made(time.monotonic_ns())


async def test_garbage_from_the_other_side_does_not_end_the_call() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 5, "pictures")
        rng = random.Random(5)
        for n in range(600):
            blob = bytearray(rng.randbytes(rng.randrange(13, 200)))
            blob[0] = 0x90 if n % 2 else 0x80 | rng.randrange(0, 64)
            blob[1] = rng.choice([96, 97, 111, 96 | 0x80, 33])
            if n % 2:  # a header extension of the wrong size for its kind
                blob[12:20] = b"\xbe\xde\x00\x01" + bytes([0x30 | n % 4, 1, 2, 3])
            await b.transport._handle_rtp_data(bytes(blob), 0)
            control = bytearray(rng.randbytes(4 * rng.randrange(1, 40)))
            control[0] = 0x80 | rng.randrange(0, 32)
            control[1] = rng.choice([200, 201, 202, 203, 205, 206, 207])
            if rng.random() < 0.7:
                control[2:4] = (len(control) // 4 - 1).to_bytes(2, "big")
            await b.transport._handle_rtcp_data(bytes(control))
            await a.transport.transport._send(rng.randbytes(rng.randrange(0, 60)))
        bye = b"\x81\xcb\x00\x01" + a.call._streams._video.sender._ssrc.to_bytes(4, "big")
        await a.transport._send_rtp(bye)
        truncated_remb = b"\x8f\xce\x00\x04" + b"\x00" * 8 + b"REMB\x05\x00\x00\x00"
        await a.transport._send_rtp(truncated_remb)
        assert b.transport.counters.malformed > 100
        shown = len(b.sink.counters)
        await until(lambda: len(b.sink.counters) > shown + 20, "pictures go on")
        await until(lambda: abs(dominant_hz(b.speaker.sound(0.5)) - 440) < 5, "tone goes on")
        assert a.heard.phase == b.heard.phase == "connected"


async def test_silence_is_told_and_so_is_the_return() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 5, "pictures")
        connection = a.transport.connection
        send = a.transport.transport._send
        received = connection.data_received

        async def nothing(data: bytes) -> None:
            del data

        a.transport.transport._send = nothing
        b.transport.transport._send = nothing
        for end in (a, b):  # consent checks take another way out
            end.transport.connection._query_consent_task.cancel()
        await until(lambda: a.heard.phase == b.heard.phase == "reconnecting", "reconnecting")
        a.transport.transport._send = send
        del b.transport.transport._send
        b.transport.transport._send = b.transport.connection.send
        await until(lambda: a.heard.phase == b.heard.phase == "connected", "connected again")
        shown = len(b.sink.counters)
        await until(lambda: len(b.sink.counters) > shown + 10, "pictures again")
        assert connection.data_received == received


async def test_the_other_side_hanging_up_ends_the_call() -> None:
    async with two_ends() as (a, b):
        await a.call.close()
        await until(lambda: b.heard.phase == "ended", "ended")
        assert b.heard.phases[-1] == ("ended", "remote-closed")


async def test_foreign_and_damaged_descriptions_are_refused_with_a_known_error() -> None:
    end = End(440.0, offer=False)
    try:
        for sdp in ("", "v=0\r\n", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "garbage"):
            with pytest.raises(CallFailure):
                await end.call.accept_offer(sdp)
        for candidate in ("", "candidate:nonsense", "candidate:1 1 udp x y z typ host"):
            await end.call.add_candidate(candidate, "0", 0)
    finally:
        await end.close()


async def test_a_call_that_never_connects_fails_and_closing_twice_is_harmless() -> None:
    end = End(440.0, offer=True)
    await end.call.make_offer()
    end.call._liveness._health._begun_ns -= 31_000_000_000
    await until(lambda: end.heard.phase == "failed", "failed")
    assert end.heard.phases[-1] == ("failed", "no-path")
    assert not end.call.send_data("x")
    assert isinstance(end.call, Call)
    await end.close()
    await end.call.close()
