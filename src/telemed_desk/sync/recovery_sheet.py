"""The clinic's recovery sheet: a printed code that is a member of the clinic like a PC.

So every epoch's key is sealed for it as for any member, and the server needs to know nothing of it.
When all PCs are gone, a new one takes the code, proves with it that the chain is the clinic's own and
not one that the server made up, opens all keys, and lets itself in.
"""

from collections.abc import Mapping

from telemed_desk.sync.enrolment import (
    INVITATION_S,
    Newcomer,
    add_member,
    make_invitation,
    parse_code,
)
from telemed_desk.sync.joining import Granted, begin, open_grant, request_enrolment, request_of
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.problems import CodeRefused, Refused
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import RECOVERY, MemberChain


async def make_sheet(
    client: ServerClient,
    identity: DeviceIdentity,
    chain: MemberChain,
    keys: Mapping[int, bytes],
    now_ms: int,
) -> tuple[EnrolCode, MemberChain]:
    """Make a sheet; print the code, keep it nowhere. Return it and the grown chain.

    Raises:
        KeyMissing: This PC does not have all of the clinic's keys.
        KnownError: Those of :class:`ServerClient`.
    """
    code = EnrolCode.generate("TMK")
    sheet = DeviceIdentity.of_sheet(code)
    await client.invite(code.lookup_id, now_ms / 1000 + INVITATION_S)
    # Both ends are this PC, so there is no number to compare.
    await client.ask_to_enrol(request_of(begin(code, sheet)))
    newcomer = Newcomer(sheet.public, code, now_ms, RECOVERY)
    return code, await add_member(client, identity, chain, newcomer, keys)


async def restore_clinic(
    client: ServerClient, code_text: str, identity: DeviceIdentity, now_ms: int
) -> Granted:
    """Let a new PC into its clinic with the recovery sheet alone.

    Args:
        client: Speaks as the new PC.
        code_text: As typed from the sheet.
        identity: Of the new PC.
        now_ms: Unix ms.

    Raises:
        CodeTypoError, WrongKindOfCode: Not a sheet's code.
        CodeRefused: The server knows no such sheet, or it was withdrawn.
        ForgeryError: What the server tells is not of the clinic that made the sheet.
        KnownError: Those of :class:`ServerClient`.
    """
    code = parse_code(code_text, "TMK")
    sheet = DeviceIdentity.of_sheet(code)
    try:
        status = await client.enrol_status(code.lookup_id, sheet.device)
    except Refused as error:
        raise CodeRefused(error.reason) from error
    if not status.granted or verified_chain(status.records).removed_at(sheet.device) is not None:
        raise CodeRefused("withdrawn")
    known = open_grant(status, code, sheet)
    if any(epoch not in known.keys for epoch in range(known.chain.epoch + 1)):
        raise ForgeryError("sheet without all keys")
    as_sheet = client.speaking_as(sheet)
    try:
        invitation = await make_invitation(as_sheet, now_ms / 1000)
        await request_enrolment(client, invitation.text, identity)
        # Both ends are this PC: it adds the keys that it made itself, whatever the server lists.
        newcomer = Newcomer(identity.public, invitation, now_ms)
        chain = await add_member(as_sheet, sheet, known.chain, newcomer, known.keys)
    finally:
        await as_sheet.aclose()
    if chain.members.get(identity.device) != identity.public:
        raise ForgeryError("restored without membership")
    return Granted(chain.clinic, chain, known.keys)
