"""Adding a desk to the clinic: a member makes a code, the new PC asks, a member compares and grants."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from telemed_desk.sync.enrolment import make_invitation
from telemed_desk.sync.letting_in import (
    Asked,
    Asking,
    Attempts,
    asking_desks,
    grant_asking,
)
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import OpDraft, Vault
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import KnownError
from telemed_protocol.membership import MemberChain

INVITATION_MS = 24 * 3600_000
_ATTEMPTS_SETTING = "enrol_attempts"


@dataclass(frozen=True, slots=True)
class CodeResult:
    """A code to show once, or why there is none."""

    text: str = ""
    problem: KnownError | None = None

    def __repr__(self) -> str:
        """Never show the code."""
        return "CodeResult(…)"


def held_keys(vault: Vault, chain: MemberChain) -> dict[int, bytes]:
    """Return the clinic's keys that this PC has, by epoch."""
    return {
        epoch: key
        for epoch in range(chain.epoch + 1)
        if (key := vault.epoch_key(epoch)) is not None
    }


class Granting:
    """Makes invitations, and adds PCs that prove to hold their code. Core thread."""

    def __init__(self, vault: Vault, client: ServerClient, now_ms: Callable[[], int]) -> None:
        self._vault = vault
        self._client = client
        self._now_ms = now_ms
        self._looking = asyncio.Lock()
        self._attempts: Attempts | None = None

    async def invite(self) -> EnrolCode:
        """Make a code for one more desk; good for a day.

        Raises:
            KnownError: The server cannot be reached or refused.
        """
        now_ms = self._now_ms()
        code = await make_invitation(self._client, now_ms / 1000)
        self._vault.commit(
            OpDraft(
                "member.invite",
                self._vault.identity.device,
                {"secret": code.text.encode(), "expires_ms": now_ms + INVITATION_MS},
            )
        )
        return code

    async def invite_result(self) -> CodeResult:
        """As :meth:`invite`; a known error becomes a value."""
        try:
            return CodeResult((await self.invite()).text)
        except KnownError as error:
            return CodeResult(problem=error)

    async def asking(self) -> Asked:
        """Answer who asks with one of our codes; return who revealed what their screen shows.

        Raises:
            KnownError: The server cannot be reached or refused.
        """
        async with self._looking:
            codes = await asyncio.to_thread(self._codes)
            if not codes:
                return Asked()
            if self._attempts is None:
                self._attempts = await asyncio.to_thread(self._read_attempts)
            chain = await asyncio.to_thread(self._chain)
            return await asking_desks(
                self._client, self._vault.identity, chain, codes, self._attempts
            )

    async def grant(self, asking: Asking) -> bool:
        """Add the keys whose number was compared; False when its code does not count any more.

        Raises:
            KnownError: The server cannot be reached or refused, or a key of the clinic is missing.
        """
        chain = await asyncio.to_thread(self._chain)
        codes = await asyncio.to_thread(self._codes)
        if asking.code.lookup_id not in {code.lookup_id for code in codes}:
            return False
        keys = await asyncio.to_thread(held_keys, self._vault, chain)
        chain, granted = await grant_asking(
            *(self._client, self._vault.identity, chain, asking, keys), now_ms=self._now_ms()
        )
        await asyncio.to_thread(self._vault.keep_member_records, chain.records)
        return granted

    def _chain(self) -> MemberChain:
        return verified_chain(self._vault.member_records())

    def _read_attempts(self) -> Attempts:
        """Read the counts back: a restart of this PC gives nobody more tries."""
        stored = self._vault.setting(_ATTEMPTS_SETTING)
        seen = msgspec.msgpack.decode(stored, type=dict[bytes, list[bytes]]) if stored else {}
        attempts = Attempts(seen)

        async def keep() -> None:
            open_now = {code.lookup_id for code in await asyncio.to_thread(self._codes)}
            kept = {lookup: seen for lookup, seen in attempts.seen.items() if lookup in open_now}
            data = msgspec.msgpack.encode(kept)
            await asyncio.to_thread(self._vault.set_setting(_ATTEMPTS_SETTING, data).result)

        attempts.keep = keep
        return attempts

    def _codes(self) -> list[EnrolCode]:
        epoch = self._chain().epoch
        invitations = self._vault.invitations(self._now_ms(), epoch)
        return [EnrolCode.parse(invitation.secret.decode()) for invitation in invitations]
