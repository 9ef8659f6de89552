"""Removing a desk: a member's signed record, and a new key for everybody but the removed one.

The record and the sealed keys go to the server in one request and count together or not at all. Two
desks that remove at the same moment are put in order by the chain: the second one's record does not
follow any more, so it looks again and, if its removal is still wanted, begins the epoch after. A key
is used only once its record stands in the chain; one that came too late was never used for anything.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from telemed_desk.sync.enrolment import EPOCH_KEY_BYTES, wrapped_key
from telemed_desk.sync.membership import grown_chain
from telemed_desk.sync.problems import DeskRemoved, Refused
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.api import AddMember
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import (
    RECORD_VERSION,
    KeyCheck,
    MemberChain,
    MemberRecord,
    key_digest,
    sign_record,
)

_TRIES: Final = 8
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class Rotation:
    """A chain with the removal in it; ``key`` is the new epoch's, None when another desk made it."""

    chain: MemberChain
    key: bytes | None = None

    def __repr__(self) -> str:
        """Never show the key."""
        return "Rotation(…)"


def removal_of(
    chain: MemberChain, device: bytes, identity: DeviceIdentity, key: bytes, now_ms: int
) -> AddMember:
    """Return the record that removes a device, and the new key sealed for every other member.

    The clinic's recovery sheet is a member too, so what is written later can be restored with it.
    """
    epoch = chain.epoch + 1
    record = MemberRecord(
        RECORD_VERSION,
        chain.clinic,
        len(chain.records) + 1,
        chain.head,
        "revoke",
        chain.members[device],
        epoch,
        identity.device,
        (KeyCheck(epoch, key_digest(chain.clinic, epoch, key)),),
        at_ms=now_ms,
    )
    staying = (public for id_, public in sorted(chain.members.items()) if id_ != device)
    wraps = [wrapped_key(chain, epoch, public, key) for public in staying]
    return AddMember(sign_record(record, identity), wraps)


async def remove_desk(
    client: ServerClient,
    identity: DeviceIdentity,
    chain: MemberChain,
    device: bytes,
    now_ms: int,
) -> Rotation:
    """Remove a device; safe to repeat after a lost answer. Keep the key, then the chain, at once.

    Raises:
        DeskRemoved: This PC itself was removed meanwhile.
        ServerInconsistent: The server's chain is not ours, grown.
        KnownError: Those of :class:`ServerClient`.
    """
    tries_left = _TRIES
    while True:
        chain = grown_chain(chain, await client.members())
        if chain.removed_at(identity.device) is not None:
            raise DeskRemoved
        if device not in chain.members:
            return Rotation(chain)
        key = secrets.token_bytes(EPOCH_KEY_BYTES)
        change = removal_of(chain, device, identity, key, now_ms)
        try:
            await client.add_member(change)
        except Refused as error:
            tries_left -= 1
            if error.status != _CONFLICT or not tries_left:
                raise
        else:
            return Rotation(grown_chain(chain, [*chain.records, change.record]), key)
