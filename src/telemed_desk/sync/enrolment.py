"""How a PC becomes a member of a clinic, and how a member lets the next one in.

The server carries the requests and can neither make a member nor hand a stranger the clinic's key:
both need the code, which travels from person to person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from telemed_desk.sync.membership import grown_chain, verified_chain
from telemed_desk.sync.problems import CodeRefused, NotAuthorised, Refused, WrongKindOfCode
from telemed_desk.sync.sealing import KeyMissing
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.api import AddMember, WrappedKey
from telemed_protocol.codes import CodeKind, EnrolCode
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
CODE_STATUSES: Final = frozenset({403, 404, 409, 410})


@dataclass(frozen=True, slots=True)
class FoundingResult:
    """A clinic that now exists; keep chain and key in the vault before anything else."""

    clinic: bytes
    chain: MemberChain
    epoch_key: bytes

    def __repr__(self) -> str:
        """Never show the key."""
        return "FoundingResult(…)"


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
    if refused.status not in CODE_STATUSES:
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
        proof = newcomer.code.mac(b"approve", approval(chain, public.device))
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


def approval(chain: MemberChain, device: bytes) -> bytes:
    """Return what the proof for a newcomer is about."""
    return chain.clinic + chain.genesis + device
