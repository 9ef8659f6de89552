"""The side of the members: who asks with one of our codes, which number it shows, and granting it.

Any desk of the clinic answers a request; the first that does counts, and all others check its signature,
so that a person may compare the numbers at whichever desk they sit.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from telemed_desk.sync.enrolment import Newcomer, add_member
from telemed_desk.sync.membership import grown_chain
from telemed_desk.sync.problems import EnrolTooMany, EnrolTooOld, Refused
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.api import EnrolAnswer, PendingDesk
from telemed_protocol.codes import EnrolCode
from telemed_protocol.comparing import Answer, Opening, answer_to, read_answer, six_digits
from telemed_protocol.errors import ForgeryError, FormatError, KnownError
from telemed_protocol.identity import DeviceIdentity, DevicePublic
from telemed_protocol.membership import MemberChain

MAX_ATTEMPTS: Final = 5
"""Numbers that a desk helps to make for one code: each is one guess for who has the code."""
_ANSWERED: Final = frozenset({404, 409})


@dataclass(frozen=True, slots=True)
class Asking:
    """A PC that asks to be added, proved that it was given one of our codes, and revealed its number.

    Attributes:
        public: What will be added when somebody says that the numbers are the same.
        code: That it was given.
        number: Six digits that it shows too. The code may have come into wrong hands; then another PC
            asks, and the numbers differ.
        key: Names this attempt; no other keys go with it.
        attempt: The how many-th with this code.
    """

    public: DevicePublic
    code: EnrolCode
    number: str
    key: bytes
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and what is wrong with some of them."""

    asking: tuple[Asking, ...] = ()
    problem: KnownError | None = None


async def _nothing() -> None:
    return


@dataclass(slots=True)
class Attempts:
    """Counts, by code, what was asked with it.

    Attributes:
        seen: Commitments by lookup id, oldest first.
        keep: Makes ``seen`` durable; awaited before anything is answered.
    """

    seen: dict[bytes, list[bytes]] = field(default_factory=dict)
    keep: Callable[[], Awaitable[None]] = _nothing

    def admit(self, opening: Opening) -> int:
        """Return the how many-th attempt it is; 0 = one too many."""
        seen = self.seen.setdefault(opening.lookup_id, [])
        if opening.commitment not in seen:
            if len(seen) >= MAX_ATTEMPTS:
                return 0
            seen.append(opening.commitment)
        return seen.index(opening.commitment) + 1


@dataclass(frozen=True, slots=True)
class _Attempt:
    pending: PendingDesk
    opening: Opening
    code: EnrolCode
    number: int


async def asking_desks(
    client: ServerClient,
    identity: DeviceIdentity,
    chain: MemberChain,
    invitations: Iterable[EnrolCode],
    attempts: Attempts,
) -> Asked:
    """Answer who was not answered yet, and return who revealed its number.

    Requests without the code's mac are left out: the server, or anyone, can put them there.

    Raises:
        KnownError: Those of :class:`ServerClient`.
    """
    codes = {code.lookup_id: code for code in invitations}
    problem: KnownError | None = None
    genuine: list[_Attempt] = []
    before = sum(map(len, attempts.seen.values()))
    for pending in await client.pending_desks():
        code = codes.get(pending.lookup_id)
        if code is None or not _has_sizes(pending.public):
            continue
        if _is_of_before(pending, code):
            problem = problem or EnrolTooOld("desk")
            continue
        opening = Opening(pending.lookup_id, pending.public, pending.commitment)
        if not opening.check_mac(code, pending.mac):
            continue
        number = attempts.admit(opening)
        if number:
            genuine.append(_Attempt(pending, opening, code, number))
        else:
            problem = EnrolTooMany()
    if sum(map(len, attempts.seen.values())) != before:
        await attempts.keep()
    found: list[Asking] = []
    for attempt in genuine:
        pending, opening = attempt.pending, attempt.opening
        if not pending.answer:
            await _answer(
                client, answer_to(opening, attempt.code, identity, chain.genesis), opening
            )
        elif pending.reveal:
            chain = await _grown_for(client, chain, pending.answer)
            shown = _number(chain, attempt)
            if shown:
                public, key = opening.public, opening.commitment
                found.append(Asking(public, attempt.code, shown, key, attempt.number))
    return Asked(tuple(found), problem)


async def _answer(client: ServerClient, answer: Answer, opening: Opening) -> None:
    message = EnrolAnswer(opening.lookup_id, opening.public.device, answer.encode())
    try:
        await client.answer_enrol(message)
    except Refused as error:
        # Another desk was quicker, or the PC does not ask any more: the next look tells.
        if error.status not in _ANSWERED:
            raise


async def _grown_for(client: ServerClient, chain: MemberChain, data: bytes) -> MemberChain:
    """Return a chain that knows who answered, if the clinic's does."""
    try:
        device = read_answer(data).public.device
    except FormatError:
        return chain
    if chain.public_of(device) is not None:
        return chain
    return grown_chain(chain, await client.members())


def _number(chain: MemberChain, attempt: _Attempt) -> str:
    """Return the six digits; empty when somebody lies about them."""
    try:
        answer = read_answer(attempt.pending.answer)
        answer.verify(attempt.opening, attempt.code)
        if chain.members.get(answer.public.device) != answer.public:
            return ""
        if answer.genesis != chain.genesis:
            return ""
        return six_digits(attempt.code, attempt.opening, attempt.pending.reveal, answer)
    except (ForgeryError, FormatError):
        return ""


async def grant_asking(
    client: ServerClient,
    identity: DeviceIdentity,
    chain: MemberChain,
    asking: Asking,
    keys: Mapping[int, bytes],
    *,
    now_ms: int = 0,
) -> tuple[MemberChain, bool]:
    """Add exactly the keys whose number was compared; return the grown chain and whether it was us.

    Raises:
        ServerInconsistent: The server's chain is not ours, grown.
        KeyMissing: The clinic's keys were changed, and the newest is not among ``keys`` yet.
        KnownError: Those of :class:`ServerClient`.
    """
    chain = grown_chain(chain, await client.members())
    if chain.public_of(asking.public.device) is not None:
        return chain, False
    newcomer = Newcomer(asking.public, asking.code, now_ms)
    return await add_member(client, identity, chain, newcomer, keys), True


def _has_sizes(public: DevicePublic) -> bool:
    return (len(public.device), len(public.signing), len(public.receiving)) == (16, 32, 32)


def _is_of_before(pending: PendingDesk, code: EnrolCode) -> bool:
    """Whether a PC that has the code asks as early versions did; it is never granted."""
    return code.check_mac(b"request", msgspec.msgpack.encode(pending.public), pending.mac)
