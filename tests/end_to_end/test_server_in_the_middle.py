"""A server that swaps DTLS fingerprints to sit in the middle of a call, and what it gets."""

import contextlib
import json
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from telemed_desk.practice import free_port
from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.joinlink import NONCE_BYTES, JoinLink
from tests.end_to_end.headless_desk import (
    HeadlessDesk,
    new_vault,
    running_desk,
    running_server,
    until,
)
from tests.end_to_end.patient import Patient, patient_at
from tests.end_to_end.steps import arrived, visit
from tests.end_to_end.tapped_line import TappedLine, tapped_line

ANSWERS = re.compile(rb'("t":"from-page","seat":"[^"]+","box":")([A-Za-z0-9_-]{1200,})"')
OFFERS = re.compile(rb'("t":"from-desk","box":")([A-Za-z0-9_-]{1200,})"')
SEAL_BYTES = 1 + NONCE_BYTES + 16
ATTEMPTS = 3


class Swapper:
    """Replaces every large sealed box (offers and answers) by one with its own fingerprint.

    It does what a server can: it knows the link's name and both formats, not the secret.
    """

    def __init__(self, jti: bytes, boxes: re.Pattern[bytes]) -> None:
        self._own = JoinLink(jti, secrets.token_bytes(16))
        self._boxes = boxes
        self.swapped = 0

    def __call__(self, data: bytes) -> bytes:
        def swap(match: re.Match[bytes]) -> bytes:
            room = len(from_base64url(match[2].decode())) - SEAL_BYTES
            body = {
                "t": "answer",
                "call": "0" * 16,
                "revision": 0,
                "sdp": "a=fingerprint:sha-256 00",
            }
            plain = json.dumps({"sid": "0" * 16, "n": 1, "body": body}).encode().ljust(room)
            box = self._own.seal("to-desk" if self._boxes is ANSWERS else "to-page", plain)
            self.swapped += 1
            return match[1] + to_base64url(box).encode() + b'"'

        return self._boxes.sub(swap, data)


async def test_swapped_answers_are_refused_every_time(tmp_path: Path) -> None:
    async with called_through(tmp_path, ANSWERS) as (desk, patient, line, swapper):
        for attempt in range(1, ATTEMPTS + 1):
            await until(lambda n=attempt: desk.session.forged_boxes >= n, "the forgery is refused")
            assert visit(desk).connected_ms is None
            if attempt < ATTEMPTS:
                await fresh_offer(desk, patient)
        assert swapper.swapped >= ATTEMPTS
        line.to_client = lambda data: data
        await patient.page.reload()
        await until(lambda: visit(desk).phase == "connected", "an honest server connects")


async def test_swapped_offers_are_refused_every_time(tmp_path: Path) -> None:
    async with called_through(tmp_path, OFFERS) as (desk, patient, line, swapper):
        for attempt in range(1, ATTEMPTS + 1):
            await until(lambda n=attempt: swapper.swapped >= n, "an offer was swapped")
            assert visit(desk).connected_ms is None
            if attempt < ATTEMPTS:
                await patient.page.reload()
        line.to_client = lambda data: data
        await patient.page.reload()
        await until(lambda: visit(desk).phase == "connected", "an honest server connects")


async def test_a_certificate_that_is_not_the_announced_one_never_connects(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        vault = await new_vault(tmp_path / "a", server)
        async with running_desk(vault, server.origin) as desk:
            link = await desk.link()
            async with patient_at(link.url, script=SWAP_IN_PAGE) as patient:
                waiting = await arrived(desk, patient)
                desk.session.start_visit(waiting.seat)
                await until(lambda: desk.session.visit.value, "the call begins")
                await until(lambda: visit(desk).call, "an offer")
                await fresh_offer(desk, None)  # the first was given up, and made anew
                assert visit(desk).connected_ms is None
                await patient.page.evaluate("window.telemedHonest = true")
                await until(lambda: visit(desk).phase == "connected", "the right one connects")


@contextlib.asynccontextmanager
async def called_through(
    folder: Path, boxes: re.Pattern[bytes]
) -> AsyncIterator[tuple[HeadlessDesk, Patient, TappedLine, Swapper]]:
    """A patient who is being called while the server swaps."""
    port = free_port(0)
    async with (
        tapped_line(port) as line,
        running_server(folder, port=port, also_reached_at=(line.origin,)) as server,
    ):
        vault = await new_vault(folder / "a", server)
        async with running_desk(vault, line.origin) as desk:
            link = await desk.link()
            swapper = Swapper(JoinLink.parse(link.url).jti, boxes)
            async with patient_at(link.url) as patient:
                waiting = await arrived(desk, patient)
                line.to_client = swapper
                desk.session.start_visit(waiting.seat)
                await until(lambda: desk.session.visit.value, "the call begins")
                yield desk, patient, line, swapper


async def fresh_offer(desk: HeadlessDesk, patient: Patient | None) -> None:
    """Wait for a new call id; a reloaded page asks for one."""
    before = visit(desk).call
    if patient is not None:
        await patient.page.reload()
    await until(lambda: visit(desk).call != before, "a fresh offer")


SWAP_IN_PAGE = """
const real = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'localDescription');
Object.defineProperty(RTCPeerConnection.prototype, 'localDescription', { get() {
  const d = real.get.call(this);
  if (!d || window.telemedHonest) return d;
  return { type: d.type, sdp: d.sdp.replace(/(a=fingerprint:sha-256 )(..)/g,
    (m, a, b) => a + (b === '00' ? 'FF' : '00')) };
}});
"""
