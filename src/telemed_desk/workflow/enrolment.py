"""Adding a desk to the clinic: a member makes a code, the new PC asks, a member compares and grants."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from telemed_desk.sync.enrolment import Asking, asking_desks, grant_pending, make_invitation
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import OpDraft, Vault
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import KnownError
from telemed_protocol.membership import MemberChain

INVITATION_MS = 24 * 3600_000


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

    async def asking(self) -> list[Asking]:
        """Return who asks with one of our codes, and the number that their screen shows.

        Raises:
            KnownError: The server cannot be reached or refused.
        """
        codes = await asyncio.to_thread(self._codes)
        return await asking_desks(self._client, codes) if codes else []

    async def grant(self, device: bytes) -> bool:
        """Add a PC whose number was compared; False when it does not ask any more.

        Raises:
            KnownError: The server cannot be reached or refused, or a key of the clinic is missing.
        """
        chain = await asyncio.to_thread(lambda: verified_chain(self._vault.member_records()))
        codes = await asyncio.to_thread(self._codes)
        keys = await asyncio.to_thread(held_keys, self._vault, chain)
        chain, granted = await grant_pending(
            *(self._client, self._vault.identity, chain, codes, keys),
            now_ms=self._now_ms(),
            only=device,
        )
        await asyncio.to_thread(self._vault.keep_member_records, chain.records)
        return bool(granted)

    def _codes(self) -> list[EnrolCode]:
        epoch = verified_chain(self._vault.member_records()).epoch
        invitations = self._vault.invitations(self._now_ms(), epoch)
        return [EnrolCode.parse(invitation.secret.decode()) for invitation in invitations]
