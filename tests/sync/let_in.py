"""Letting a second desk in as people do it: asked, answered, revealed, compared, granted."""

import asyncio
from collections.abc import Mapping

from telemed_desk.sync.joining import (
    Compared,
    Granted,
    await_answer,
    await_grant,
    request_enrolment,
)
from telemed_desk.sync.letting_in import Asking, Attempts, asking_desks, grant_asking
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.codes import EnrolCode
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberChain


async def soon(_seconds: float) -> None:
    """Wait less than a desk does."""
    await asyncio.sleep(0.05)


async def compare(
    member: tuple[ServerClient, DeviceIdentity, MemberChain],
    newcomer: tuple[ServerClient, DeviceIdentity],
    code: EnrolCode,
) -> tuple[Compared, Asking]:
    """Go as far as both sides show their six digits."""
    client, identity = newcomer
    joining = await request_enrolment(client, code.text.lower(), identity)
    attempts = Attempts()
    assert not (await asking_desks(*member, [code], attempts)).asking
    answered = await await_answer(client, joining, wait=soon)
    asked = await asking_desks(*member, [code], attempts)
    (asking,) = (a for a in asked.asking if a.public == identity.public)
    return answered, asking


async def let_in(
    member: tuple[ServerClient, DeviceIdentity, MemberChain],
    newcomer: tuple[ServerClient, DeviceIdentity],
    code: EnrolCode,
    keys: Mapping[int, bytes],
) -> tuple[MemberChain, Granted]:
    """Compare and grant; return the chain as the member knows it, and what the newcomer got."""
    answered, asking = await compare(member, newcomer, code)
    assert asking.number == answered.number
    chain, added = await grant_asking(*member, asking, keys)
    assert added
    return chain, await await_grant(newcomer[0], answered, newcomer[1], wait=soon)
