"""The side of a PC that asks to be added: it commits, is answered, reveals, and waits to be granted.

Nothing of an attempt is kept on a disk: after a restart the person types the code again, the attempt has
other keys and another number, and the clinic's desks count it as one more.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from telemed_desk.sync.enrolment import CODE_STATUSES, EPOCH_KEY_BYTES, approval, parse_code
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.problems import (
    CodeRefused,
    EnrolTooOld,
    Refused,
    ServerBusy,
    ServerUnreachable,
)
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.api import EnrolRequest, EnrolReveal, EnrolStatus
from telemed_protocol.codes import EnrolCode
from telemed_protocol.comparing import Answer, Opening, commit, new_nonce, read_answer, six_digits
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberChain, wrap_info

POLL_S: Final = 3.0
MAX_FAILED: Final = 20
"""Failed requests in a row that waiting bears."""
Wait = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Granted:
    """A clinic that this PC was added to; ``keys`` by epoch."""

    clinic: bytes
    chain: MemberChain
    keys: dict[int, bytes]

    def __repr__(self) -> str:
        """Never show the keys."""
        return "Granted(…)"


@dataclass(frozen=True, slots=True)
class Joining:
    """An attempt to join: what was committed to. ``nonce`` stays here until a member has answered."""

    code: EnrolCode
    opening: Opening
    nonce: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Compared:
    """An attempt that a member answered; no other answer counts from here on.

    ``number``: the six digits to show.
    """

    joining: Joining
    answer: bytes
    number: str


async def request_enrolment(
    client: ServerClient, code_text: str, identity: DeviceIdentity
) -> Joining:
    """Ask to be added, with a commitment to a number that is not told yet.

    Raises:
        CodeTypoError, WrongKindOfCode, CodeRefused: The code is not one that works here.
        KnownError: Those of :class:`ServerClient`.
    """
    code = parse_code(code_text, "TMD")
    joining = begin(code, identity)
    request = request_of(joining)
    try:
        await client.ask_to_enrol(request)
    except ServerUnreachable:
        await _ask(client, request)  # only the answer may have been lost; a repeat is harmless
    except Refused as error:
        raise _code_refused(error) from error
    return joining


def begin(code: EnrolCode, identity: DeviceIdentity) -> Joining:
    """Commit to a fresh number and this PC's keys."""
    nonce, public = new_nonce(), identity.public
    commitment = commit(code.lookup_id, public, nonce)
    return Joining(code, Opening(code.lookup_id, public, commitment), nonce)


def request_of(joining: Joining) -> EnrolRequest:
    """Return what to send first."""
    code, opening = joining.code, joining.opening
    return EnrolRequest(code.lookup_id, opening.public, opening.mac(code), opening.commitment)


async def _ask(client: ServerClient, request: EnrolRequest) -> None:
    try:
        await client.ask_to_enrol(request)
    except Refused as error:
        raise _code_refused(error) from error


def _code_refused(error: Refused) -> Exception:
    return CodeRefused(error.reason) if error.status in CODE_STATUSES else error


def compared(joining: Joining, data: bytes) -> Compared:
    """Take a member's answer, and make the six digits.

    Raises:
        ForgeryError: Made without the code, or for another request.
        FormatError: Not an answer.
    """
    answer = read_answer(data)
    answer.verify(joining.opening, joining.code)
    number = six_digits(joining.code, joining.opening, joining.nonce, answer)
    return Compared(joining, data, number)


async def await_answer(client: ServerClient, joining: Joining, *, wait: Wait) -> Compared:
    """Wait until a desk of the clinic answers, then reveal; cancel to give up.

    Args:
        client: Speaks without signing in.
        joining: Of :func:`request_enrolment`.
        wait: asyncio.sleep, handed in.

    Raises:
        EnrolTooOld: The server carries no commitments.
        ForgeryError, FormatError: The answer is none to this request.
        KnownError: Those of :class:`ServerClient`, when they stay.
    """
    while not (status := await _status(client, joining, wait)).answer:
        if status.granted:
            raise ForgeryError("granted without an answer")
        await wait(POLL_S)
    done = compared(joining, status.answer)
    code, device = joining.code, joining.opening.public.device
    revealed = EnrolReveal(code.lookup_id, device, joining.nonce)
    await _patiently(lambda: client.reveal(revealed), wait)
    return done


async def await_grant(
    client: ServerClient, answered: Compared, identity: DeviceIdentity, *, wait: Wait
) -> Granted:
    """Ask until a person has compared the numbers and added this PC; cancel to give up.

    Raises:
        ForgeryError: The answer is not from a member of the clinic that invited this PC, or not from the
            clinic whose number was compared.
        KnownError: Those of :class:`ServerClient`, when they stay.
    """
    while True:
        status = await _status(client, answered.joining, wait)
        if status.answer != answered.answer:
            raise ForgeryError("another answer than the one compared")
        if status.granted:
            return open_compared(status, answered, identity)
        await wait(POLL_S)


async def _status(client: ServerClient, joining: Joining, wait: Wait) -> EnrolStatus:
    code, device = joining.code, joining.opening.public.device
    found: list[EnrolStatus] = []

    async def ask() -> None:
        found.append(await client.enrol_status(code.lookup_id, device))

    await _patiently(ask, wait)
    if not found[-1].compares:
        raise EnrolTooOld("server")
    return found[-1]


async def _patiently(action: Callable[[], Awaitable[None]], wait: Wait) -> None:
    """Do it again when no answer comes: everything here may be repeated."""
    failed = 0
    while True:
        try:
            await action()
        except (ServerUnreachable, ServerBusy):
            failed += 1
            if failed > MAX_FAILED:
                raise
            await wait(POLL_S)
        else:
            return


def open_compared(status: EnrolStatus, answered: Compared, identity: DeviceIdentity) -> Granted:
    """Open a grant of the clinic, and by the member's keys, that the six digits were made of.

    Raises:
        ForgeryError: It is another clinic's.
        FormatError: Not what it claims to be.
    """
    granted = open_grant(status, answered.joining.code, identity)
    _require_compared(granted.chain, read_answer(answered.answer))
    return granted


def _require_compared(chain: MemberChain, answer: Answer) -> None:
    if chain.genesis != answer.genesis:
        raise ForgeryError("granted by another clinic than was compared")
    if chain.public_of(answer.public.device) != answer.public:
        raise ForgeryError("answered by a stranger")


def open_grant(status: EnrolStatus, code: EnrolCode, identity: DeviceIdentity) -> Granted:
    """Check that a grant comes from the clinic that invited us, and open its keys.

    Raises:
        ForgeryError: Chain, proof or keys do not fit.
        FormatError: They are not what they claim to be.
    """
    chain = verified_chain(status.records)
    device = identity.device
    if chain.members.get(device) != identity.public or chain.clinic != status.clinic:
        raise ForgeryError("grant without membership")
    if not code.check_mac(b"approve", approval(chain, device), status.proof):
        raise ForgeryError("grant proof")
    keys = {
        w.epoch: identity.open_wrap(w.wrap, wrap_info(chain.clinic, w.epoch, device))
        for w in status.wraps
        if w.device == device and 0 <= w.epoch <= chain.epoch
    }
    if chain.epoch not in keys or any(len(key) != EPOCH_KEY_BYTES for key in keys.values()):
        raise ForgeryError("grant without key")
    if not all(chain.vouches_for(epoch, key) for epoch, key in keys.items()):
        # Anyone can seal something for this PC; the clinic's key is what its members say it is.
        raise ForgeryError("grant key")
    return Granted(chain.clinic, chain, keys)
