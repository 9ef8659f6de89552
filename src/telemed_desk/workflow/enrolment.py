"""Adding a desk to the clinic: a member makes a code, the new PC asks, a member grants."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from telemed_desk.sync.enrolment import grant_pending, make_invitation
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import OpDraft, Vault
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import KnownError

_log = structlog.get_logger("enrolment")
INVITATION_MS = 24 * 3600_000


@dataclass(frozen=True, slots=True)
class CodeResult:
    """A code for one more PC, or why there is none."""

    text: str = ""
    problem: KnownError | None = None


class Granting:
    """Makes invitations and grants the requests that prove to hold their code. Core thread."""

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

    async def look(self) -> int:
        """Grant what asks with one of our codes; return how many."""
        codes = [
            EnrolCode.parse(invitation.secret.decode())
            for invitation in self._vault.invitations(self._now_ms())
        ]
        if not codes:
            return 0
        try:
            chain = verified_chain(self._vault.member_records())
            keys = {
                epoch: key
                for epoch in range(chain.epoch + 1)
                if (key := self._vault.epoch_key(epoch)) is not None
            }
            chain, granted = await grant_pending(
                self._client, self._vault.identity, chain, codes, keys
            )
            if granted:
                await asyncio.to_thread(self._vault.keep_member_records, chain.records)
            return len(granted)
        except KnownError as error:
            _log.warning("grant_failed", code=error.code)
            return 0
