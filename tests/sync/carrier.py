"""What a server carries of an enrolment, in memory, for tests in which it lies."""

import random
from collections.abc import Iterable

import msgspec

from telemed_desk.sync.joining import (
    Joining,
    request_of,
)
from telemed_desk.sync.letting_in import (
    Asked,
    Attempts,
    asking_desks,
)
from telemed_desk.sync.problems import Refused, ServerUnreachable
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.api import (
    AddMember,
    EnrolAnswer,
    EnrolRequest,
    EnrolReveal,
    EnrolStatus,
    PendingDesk,
)
from telemed_protocol.codes import EnrolCode
from telemed_protocol.comparing import Opening, commit
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberChain, SignedRecord
from tests.sync.clinic_of_two import CHAIN, DESK_A

CODE = EnrolCode("TMD", bytes(range(15)))


def person(rng: random.Random) -> DeviceIdentity:
    return DeviceIdentity(rng.randbytes(16), rng.randbytes(32), rng.randbytes(32))


def attempt(identity: DeviceIdentity, rng: random.Random, code: EnrolCode = CODE) -> Joining:
    nonce, public = rng.randbytes(32), identity.public
    return Joining(
        code, Opening(code.lookup_id, public, commit(code.lookup_id, public, nonce)), nonce
    )


class Carrier(ServerClient):
    """What the server passes on between everybody, in memory; ``lose`` = answers that get lost."""

    def __init__(self, lose: Iterable[bool] = ()) -> None:
        super().__init__("http://127.0.0.1:9", DESK_A)
        self.requests: list[PendingDesk] = []
        self.chain: list[SignedRecord] = list(CHAIN.records)
        self.granted: AddMember | None = None
        self.compares = True
        self._lose = iter(lose)

    def _lost(self) -> None:
        if next(self._lose, False):
            raise ServerUnreachable("planted")

    def change(self, device: bytes, **changes: bytes) -> None:
        self.requests = [
            msgspec.structs.replace(r, **changes) if r.public.device == device else r
            for r in self.requests
        ]

    def of(self, device: bytes) -> PendingDesk:
        return next(r for r in self.requests if r.public.device == device)

    async def ask_to_enrol(self, request: EnrolRequest) -> None:
        asked = PendingDesk(request.lookup_id, request.public, request.mac, 0.0, request.commitment)
        if asked not in self.requests:
            self.requests.append(asked)
        self._lost()

    async def answer_enrol(self, answer: EnrolAnswer) -> None:
        if self.of(answer.device).answer not in (b"", answer.answer):
            raise Refused("answered", 409)
        self.change(answer.device, answer=answer.answer)

    async def reveal(self, revealed: EnrolReveal) -> None:
        self.change(revealed.device, reveal=revealed.nonce)
        self._lost()

    async def enrol_status(self, lookup_id: bytes, device: bytes) -> EnrolStatus:  # noqa: ARG002 - one code
        self._lost()
        answer = self.of(device).answer
        done = self.granted
        if done is None:
            return EnrolStatus(granted=False, answer=answer, compares=self.compares)
        clinic = CHAIN.clinic
        return EnrolStatus(True, clinic, done.proof, self.chain, done.wraps, answer, self.compares)

    async def pending_desks(self) -> list[PendingDesk]:
        return list(self.requests)

    async def members(self) -> list[SignedRecord]:
        return list(self.chain)

    async def add_member(self, change: AddMember) -> None:
        self.chain.append(change.record)
        self.granted = change

    async def look(
        self,
        who: DeviceIdentity = DESK_A,
        attempts: Attempts | None = None,
        chain: MemberChain = CHAIN,
    ) -> Asked:
        return await asking_desks(self, who, chain, [CODE], attempts or Attempts())

    def answer_at(self, joining: Joining) -> bytes:
        return self.of(joining.opening.public.device).answer


async def no_wait(_seconds: float) -> None:
    return


async def answered_by(server: Carrier, joining: Joining, who: DeviceIdentity = DESK_A) -> bytes:
    """Put a request in front of a member desk and return its answer."""
    await server.ask_to_enrol(request_of(joining))
    await server.look(who)
    return server.answer_at(joining)


async def shown_at_member(server: Carrier, joining: Joining) -> list[str]:
    await server.reveal(EnrolReveal(CODE.lookup_id, joining.opening.public.device, joining.nonce))
    public = joining.opening.public
    return [a.number for a in (await server.look()).asking if a.public == public]
