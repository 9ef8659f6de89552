"""How a PC becomes a member of a clinic, and how a member lets the next one in.

The server carries the requests and can neither make a member nor hand a stranger the clinic's key:
both need the code, which travels from person to person.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from telemed_desk.sync.membership import grown_chain, verified_chain
from telemed_desk.sync.problems import CodeRefused, NotAuthorised, Refused, WrongKindOfCode
from telemed_desk.sync.sealing import KeyMissing
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.api import AddMember, EnrolRequest, EnrolStatus, PendingDesk, WrappedKey
from telemed_protocol.codes import CodeKind, EnrolCode
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import DeviceIdentity, DevicePublic, wrap_for
from telemed_protocol.ids import new_id
from telemed_protocol.membership import (
    RECORD_VERSION,
    KeyCheck,
    MemberChain,
    MemberRecord,
    SignedRecord,
    key_digest,
    sign_record,
    wrap_info,
)

EPOCH_KEY_BYTES: Final = 32
INVITATION_S: Final = 24 * 3600.0
POLL_S: Final = 3.0
_CHAIN_TRIES: Final = 4
_CONFLICT: Final = 409
_CODE_STATUSES: Final = frozenset({403, 404, 409, 410})


@dataclass(frozen=True, slots=True)
class FoundingResult:
    """A clinic that now exists; keep chain and key in the vault before anything else."""

    clinic: bytes
    chain: MemberChain
    epoch_key: bytes

    def __repr__(self) -> str:
        """Never show the key."""
        return "FoundingResult(…)"


@dataclass(frozen=True, slots=True)
class Granted:
    """A clinic that this PC was added to; ``keys`` by epoch."""

    clinic: bytes
    chain: MemberChain
    keys: dict[int, bytes]

    def __repr__(self) -> str:
        """Never show the keys."""
        return "Granted(…)"


def parse_code(text: str, kind: CodeKind) -> EnrolCode:
    """Read a typed code of one kind.

    Raises:
        CodeTypoError: Not a code.
        WrongKindOfCode: A code of the other kind.
    """
    code = EnrolCode.parse(text)
    if code.kind != kind:
        raise WrongKindOfCode
    return code


async def found_clinic(
    client: ServerClient, code_text: str, identity: DeviceIdentity, now_ms: int = 0
) -> FoundingResult:
    """Found a clinic with the code of the server's keeper.

    Safe to repeat with the same identity: if the first answer was lost, the clinic is found again.

    Raises:
        CodeTypoError, WrongKindOfCode: What was typed is not such a code.
        CodeRefused: The server does not accept it.
        KnownError: Those of :class:`ServerClient`.
    """
    code = parse_code(code_text, "TMC")
    clinic = new_id()
    record = MemberRecord(
        *(RECORD_VERSION, clinic, 1, bytes(32), "found", identity.public, 0, identity.device),
        keys=(KeyCheck(0, key_digest(clinic, 0, identity.founding_key(clinic))),),
        at_ms=now_ms,
    )
    founding = sign_record(record, identity)
    try:
        await client.found(code.lookup_id, founding)
        chain = verified_chain([founding])
    except Refused as error:
        chain = await _founded_earlier(client, identity, error)
    return FoundingResult(chain.clinic, chain, identity.founding_key(chain.clinic))


async def _founded_earlier(
    client: ServerClient, identity: DeviceIdentity, refused: Refused
) -> MemberChain:
    if refused.status not in _CODE_STATUSES:
        raise refused
    try:
        chain = verified_chain(await client.members())
    except (NotAuthorised, Refused) as error:
        raise CodeRefused(refused.reason) from error
    if len(chain.records) != 1 or chain.public_of(identity.device) != identity.public:
        raise CodeRefused(refused.reason)
    return chain


async def make_invitation(client: ServerClient, now_s: float) -> EnrolCode:
    """Make a code by which one more PC may ask to be added; good for a day.

    Keep it (op ``member.invite``): without it a request cannot be checked.
    """
    code = EnrolCode.generate("TMD")
    await client.invite(code.lookup_id, now_s + INVITATION_S)
    return code


async def request_enrolment(
    client: ServerClient, code_text: str, identity: DeviceIdentity
) -> EnrolCode:
    """Ask to be added; repeating it changes nothing. Return the code for :func:`await_grant`.

    Raises:
        CodeTypoError, WrongKindOfCode, CodeRefused: The code is not one that works here.
    """
    code = parse_code(code_text, "TMD")
    public = identity.public
    mac = code.mac(b"request", msgspec.msgpack.encode(public))
    try:
        await client.ask_to_enrol(EnrolRequest(code.lookup_id, public, mac))
    except Refused as error:
        if error.status in _CODE_STATUSES:
            raise CodeRefused(error.reason) from error
        raise
    return code


async def check_grant(
    client: ServerClient, code: EnrolCode, identity: DeviceIdentity
) -> Granted | None:
    """Ask once whether a member has granted the request; None while none has.

    Raises:
        ForgeryError: The answer is not from a member of the clinic that invited this PC.
    """
    status = await client.enrol_status(code.lookup_id, identity.device)
    return open_grant(status, code, identity) if status.granted else None


async def await_grant(
    client: ServerClient,
    code: EnrolCode,
    identity: DeviceIdentity,
    *,
    wait: Callable[[float], Awaitable[object]],
) -> Granted:
    """Ask until granted; ``wait`` is asyncio.sleep, handed in. Cancel to give up.

    Raises:
        ForgeryError: The answer is not from a member of the clinic that invited this PC.
    """
    while True:
        granted = await check_grant(client, code, identity)
        if granted is not None:
            return granted
        await wait(POLL_S)


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
    if not code.check_mac(b"approve", _approval(chain, device), status.proof):
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


@dataclass(frozen=True, slots=True)
class Asking:
    """A PC that asks to be added and proved that it was given one of our codes.

    ``number``: six digits that it shows too. The code may have come into wrong hands; then another
    PC asks, and the numbers differ.
    """

    public: DevicePublic
    code: EnrolCode
    number: str


def number_of(code: EnrolCode, public: DevicePublic) -> str:
    """Return the six digits that both sides of an enrolment show."""
    return code.comparison(msgspec.msgpack.encode(public))


async def asking_desks(client: ServerClient, invitations: Iterable[EnrolCode]) -> list[Asking]:
    """Return who asks with one of our codes.

    Requests without the code's mac are left out: the server, or anyone, can put them there.
    """
    codes = {code.lookup_id: code for code in invitations}
    return [
        Asking(pending.public, code, number_of(code, pending.public))
        for pending in await client.pending_desks()
        if (code := codes.get(pending.lookup_id)) is not None and _is_genuine(pending, code)
    ]


async def grant_pending(
    client: ServerClient,
    identity: DeviceIdentity,
    chain: MemberChain,
    invitations: Iterable[EnrolCode],
    keys: Mapping[int, bytes],
    *,
    now_ms: int = 0,
    only: bytes | None = None,
) -> tuple[MemberChain, list[DevicePublic]]:
    """Add who asks with one of our codes; return the grown chain and who was added.

    Args:
        client: Signs in as ``identity``.
        identity: A member.
        chain: As known here.
        invitations: Our codes.
        keys: The clinic's, by epoch.
        now_ms: Unix ms, for the record.
        only: This device; None = everybody with a code.

    Raises:
        ServerInconsistent: The server's chain is not ours, grown.
        KeyMissing: The clinic's keys were changed, and the newest is not among ``keys`` yet.
        KnownError: Those of :class:`ServerClient`.
    """
    granted: list[DevicePublic] = []
    for asking in await asking_desks(client, invitations):
        public = asking.public
        if only is not None and public.device != only:
            continue
        chain = grown_chain(chain, await client.members())
        if chain.public_of(public.device) is None:
            newcomer = Newcomer(public, asking.code, now_ms)
            chain = await add_member(client, identity, chain, newcomer, keys)
            granted.append(public)
    return chain, granted


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is to be added, and by which code; ``role`` as in :class:`MemberRecord`."""

    public: DevicePublic
    code: EnrolCode
    now_ms: int
    role: str = ""


async def add_member(
    client: ServerClient,
    identity: DeviceIdentity,
    chain: MemberChain,
    newcomer: Newcomer,
    keys: Mapping[int, bytes],
) -> MemberChain:
    """Append the record; when another desk was quicker, look again and try anew.

    Raises:
        KeyMissing: A key of the clinic is not here, so the newcomer could not read everything.
        KnownError: Those of :class:`ServerClient`.
    """
    public = newcomer.public
    tries_left = _CHAIN_TRIES
    while True:
        if any(epoch not in keys for epoch in range(chain.epoch + 1)):
            raise KeyMissing
        record = _next_record(chain, newcomer, identity, keys)
        proof = newcomer.code.mac(b"approve", _approval(chain, public.device))
        wraps = [wrapped_key(chain, epoch, public, keys[epoch]) for epoch in range(chain.epoch + 1)]
        try:
            await client.add_member(AddMember(record, wraps, newcomer.code.lookup_id, proof))
        except Refused as error:
            tries_left -= 1
            if error.status != _CONFLICT or not tries_left:
                raise
        else:
            return grown_chain(chain, [*chain.records, record])
        chain = grown_chain(chain, await client.members())
        if chain.public_of(public.device) is not None:
            return chain


def wrapped_key(chain: MemberChain, epoch: int, receiver: DevicePublic, key: bytes) -> WrappedKey:
    """Seal an epoch's key for one member."""
    info = wrap_info(chain.clinic, epoch, receiver.device)
    return WrappedKey(epoch, receiver.device, wrap_for(receiver, key, info))


def _next_record(
    chain: MemberChain, newcomer: Newcomer, identity: DeviceIdentity, keys: Mapping[int, bytes]
) -> SignedRecord:
    record = MemberRecord(
        RECORD_VERSION,
        chain.clinic,
        len(chain.records) + 1,
        chain.head,
        "add",
        newcomer.public,
        chain.epoch,
        identity.device,
        # The first key of a clinic that an early version founded has nobody's word yet.
        (KeyCheck(0, key_digest(chain.clinic, 0, keys[0])),),
        newcomer.role,
        newcomer.now_ms,
    )
    return sign_record(record, identity)


def _is_genuine(pending: PendingDesk, code: EnrolCode) -> bool:
    public = pending.public
    sizes = (len(public.device), len(public.signing), len(public.receiving))
    message = msgspec.msgpack.encode(public)
    return sizes == (16, 32, 32) and code.check_mac(b"request", message, pending.mac)


def _approval(chain: MemberChain, device: bytes) -> bytes:
    return chain.clinic + chain.genesis + device
