"""Founding a clinic, adding desks, revoking them; and who may not."""

import time
from collections.abc import Iterator

import msgspec
import pytest

from telemed_desk.sync.joining import Joining
from telemed_desk.sync.joining import request_of as request_to_join
from telemed_protocol.api import (
    AddMember,
    EnrolAnswer,
    Enrolled,
    EnrolQuery,
    EnrolRequest,
    EnrolReveal,
    EnrolStatus,
    FoundClinic,
    Invite,
    PendingDesk,
    WrappedKey,
)
from telemed_protocol.codes import EnrolCode
from telemed_protocol.comparing import Opening, commit
from telemed_protocol.identity import wrap_for
from telemed_protocol.ids import new_id
from telemed_protocol.membership import (
    MemberAction,
    MemberChain,
    MemberRecord,
    SignedRecord,
    sign_record,
    wrap_info,
)
from tests.server.rig import Desk, ServerProcess, founding_record, problem_of, unpack

NONCE = bytes(range(32))


@pytest.fixture
def newcomer(server: ServerProcess, desk: Desk) -> Iterator[Desk]:
    made = Desk(server, desk.clinic)
    yield made
    made.close()


def invite(desk: Desk, seconds: float = 3600) -> EnrolCode:
    code = EnrolCode.generate("TMD")
    invited = desk.post("/v1/invitations", Invite(code.lookup_id, time.time() + seconds))
    assert invited.status_code == 201
    return code


def request_of(newcomer: Desk, code: EnrolCode) -> EnrolRequest:
    return request_to_join(Joining(code, opening_of(newcomer, code), NONCE))


def opening_of(newcomer: Desk, code: EnrolCode) -> Opening:
    public = newcomer.identity.public
    return Opening(code.lookup_id, public, commit(code.lookup_id, public, NONCE))


def next_record(
    desk: Desk, newcomer: Desk, action: MemberAction = "add", signer: Desk | None = None
) -> SignedRecord:
    records = unpack(desk.get("/v1/members"), list[SignedRecord])
    chain = MemberChain()
    for signed in records:
        chain.extend(signed)
    epoch = chain.epoch + (action == "revoke")
    record = MemberRecord(
        *(1, desk.clinic, len(records) + 1, chain.head, action),
        *(newcomer.identity.public, epoch, desk.identity.device),
    )
    return sign_record(record, (signer or desk).identity)


def removal(desk: Desk, gone: Desk) -> AddMember:
    """The record, and the next key for all who stay."""
    chain = MemberChain()
    for signed in unpack(desk.get("/v1/members"), list[SignedRecord]):
        chain.extend(signed)
    epoch = chain.epoch + 1
    return AddMember(
        next_record(desk, gone, "revoke"),
        [
            WrappedKey(epoch, who, wrap_for(public, bytes(32), wrap_info(desk.clinic, epoch, who)))
            for who, public in chain.members.items()
            if who != gone.identity.device
        ],
    )


def addition(desk: Desk, newcomer: Desk, code: EnrolCode, record: SignedRecord) -> AddMember:
    public = newcomer.identity.public
    info = wrap_info(desk.clinic, 0, public.device)
    genesis = unpack(desk.get("/v1/members"), list[SignedRecord])[0].hash
    return AddMember(
        record,
        [WrappedKey(0, public.device, wrap_for(public, desk.epoch_key, info))],
        code.lookup_id,
        code.mac(b"approve", desk.clinic + genesis + public.device),
    )


def test_a_code_founds_one_clinic_and_a_lost_answer_can_be_asked_again(
    server: ServerProcess,
) -> None:
    code = server.code()
    first, other = Desk(server), Desk(server)
    request = FoundClinic(code.lookup_id, founding_record(first.identity, first.clinic))
    for _ in range(2):
        made = first.post("/v1/clinics", request)
        assert made.status_code == 201
        assert unpack(made, Enrolled).clinic == first.clinic
    again = FoundClinic(code.lookup_id, founding_record(other.identity, other.clinic))
    refused = other.post("/v1/clinics", again)
    assert (refused.status_code, problem_of(refused)) == (403, "code_not_valid")
    first.close()
    other.close()


def test_an_unknown_code_founds_nothing(server: ServerProcess) -> None:
    desk = Desk(server)
    guess = EnrolCode.generate("TMC").lookup_id
    refused = desk.post(
        "/v1/clinics", FoundClinic(guess, founding_record(desk.identity, desk.clinic))
    )
    assert (refused.status_code, problem_of(refused)) == (403, "code_not_valid")
    desk.close()


def test_a_founding_record_of_another_key_is_refused_and_the_code_stays_good(
    server: ServerProcess,
) -> None:
    code = server.code()
    desk, thief = Desk(server), Desk(server)
    record = MemberRecord(
        *(1, desk.clinic, 1, bytes(32), "found", desk.identity.public, 0, desk.identity.device)
    )
    forged = desk.post(
        "/v1/clinics", FoundClinic(code.lookup_id, sign_record(record, thief.identity))
    )
    assert (forged.status_code, problem_of(forged)) == (422, "forged")
    good = FoundClinic(code.lookup_id, founding_record(desk.identity, desk.clinic))
    assert desk.post("/v1/clinics", good).status_code == 201
    taken = FoundClinic(server.code().lookup_id, founding_record(thief.identity, desk.clinic))
    assert thief.post("/v1/clinics", taken).status_code == 409
    desk.close()
    thief.close()


def test_a_new_desk_is_added_by_a_member_and_opens_the_clinics_key(
    desk: Desk, newcomer: Desk
) -> None:
    code = invite(desk)
    query = EnrolQuery(code.lookup_id, newcomer.identity.device)
    assert newcomer.post("/v1/enrol/status", query).status_code == 404
    for _ in range(2):
        assert newcomer.post("/v1/enrol", request_of(newcomer, code)).status_code == 202
    assert not unpack(newcomer.post("/v1/enrol/status", query), EnrolStatus).granted

    (asking,) = unpack(desk.get("/v1/enrol"), list[PendingDesk])
    opening = opening_of(newcomer, code)
    assert opening == Opening(asking.lookup_id, asking.public, asking.commitment)
    assert opening.check_mac(code, asking.mac)
    message = addition(desk, newcomer, code, next_record(desk, newcomer))
    for _ in range(2):  # the answer may get lost
        assert desk.post("/v1/members", message).status_code == 201
    assert unpack(desk.get("/v1/enrol"), list[PendingDesk]) == []

    status = unpack(newcomer.post("/v1/enrol/status", query), EnrolStatus)
    assert status.granted
    chain = MemberChain()
    for record in status.records:
        chain.extend(record)
    device = newcomer.identity.device
    assert set(chain.members) == {desk.identity.device, device}
    assert code.check_mac(b"approve", status.clinic + chain.genesis + device, status.proof)
    info = wrap_info(desk.clinic, 0, device)
    assert newcomer.identity.open_wrap(status.wraps[0].wrap, info) == desk.epoch_key
    newcomer.log_in()
    assert unpack(newcomer.get("/v1/wraps"), list[WrappedKey]) == status.wraps
    assert unpack(newcomer.get("/v1/members"), list[SignedRecord]) == status.records


def test_the_first_answer_counts_and_nothing_is_revealed_before_it(
    server: ServerProcess, desk: Desk, newcomer: Desk
) -> None:
    code = invite(desk)
    device = newcomer.identity.device
    bare = msgspec.structs.replace(request_of(newcomer, code), commitment=b"")
    assert newcomer.post("/v1/enrol", bare).status_code == 422
    answer = EnrolAnswer(code.lookup_id, device, b"first")
    nobody = desk.post("/v1/enrol/answer", answer)
    assert (nobody.status_code, problem_of(nobody)) == (404, "nobody_asked")
    assert newcomer.post("/v1/enrol", request_of(newcomer, code)).status_code == 202
    reveal = EnrolReveal(code.lookup_id, device, NONCE)
    early = newcomer.post("/v1/enrol/reveal", reveal)
    assert (early.status_code, problem_of(early)) == (409, "not_answered")
    assert newcomer.post("/v1/enrol/answer", answer).status_code == 401
    other = Desk.founding(server)
    assert other.post("/v1/enrol/answer", answer).status_code == 404
    other.close()
    for _ in range(2):  # the answer may get lost
        assert desk.post("/v1/enrol/answer", answer).status_code == 201
    second = desk.post("/v1/enrol/answer", msgspec.structs.replace(answer, answer=b"second"))
    assert (second.status_code, problem_of(second)) == (409, "answered")
    long = msgspec.structs.replace(answer, answer=bytes(513))
    assert desk.post("/v1/enrol/answer", long).status_code == 422
    for _ in range(2):
        assert newcomer.post("/v1/enrol/reveal", reveal).status_code == 202
    changed = newcomer.post("/v1/enrol/reveal", msgspec.structs.replace(reveal, nonce=bytes(32)))
    assert (changed.status_code, problem_of(changed)) == (409, "revealed")
    (asking,) = unpack(desk.get("/v1/enrol"), list[PendingDesk])
    assert (asking.answer, asking.reveal) == (b"first", NONCE)
    status = unpack(
        newcomer.post("/v1/enrol/status", EnrolQuery(code.lookup_id, device)), EnrolStatus
    )
    assert (status.answer, status.granted, status.compares) == (b"first", False, True)


def test_nobody_asks_without_an_invitation_that_is_still_good(desk: Desk, newcomer: Desk) -> None:
    unknown = newcomer.post("/v1/enrol", request_of(newcomer, EnrolCode.generate("TMD")))
    assert (unknown.status_code, problem_of(unknown)) == (404, "no_such_invitation")
    over = Invite(EnrolCode.generate("TMD").lookup_id, time.time() - 1)
    assert desk.post("/v1/invitations", over).status_code == 422
    endless = Invite(EnrolCode.generate("TMD").lookup_id, time.time() + 30 * 86400)
    assert desk.post("/v1/invitations", endless).status_code == 422


def test_an_invitation_of_another_clinic_cannot_be_taken_over(
    server: ServerProcess, desk: Desk
) -> None:
    code = invite(desk)
    other = Desk.founding(server)
    again = other.post("/v1/invitations", Invite(code.lookup_id, time.time() + 60))
    assert (again.status_code, problem_of(again)) == (409, "invitation_exists")
    other.close()


def test_too_many_askers_spend_an_invitation(server: ServerProcess, desk: Desk) -> None:
    code = invite(desk)
    askers = [Desk(server, desk.clinic) for _ in range(6)]
    answers = [asker.post("/v1/enrol", request_of(asker, code)).status_code for asker in askers]
    assert answers == [202] * 5 + [409]
    for asker in askers:
        asker.close()


def test_forged_member_records_are_refused_and_leave_the_chain_alone(
    desk: Desk, newcomer: Desk
) -> None:
    code = invite(desk)
    newcomer.post("/v1/enrol", request_of(newcomer, code))
    good = next_record(desk, newcomer)
    flipped = SignedRecord(good.record, bytes([good.signature[0] ^ 1]) + good.signature[1:])
    not_by_desk = next_record(desk, newcomer, signer=newcomer)
    for record in (flipped, not_by_desk):
        refused = desk.post("/v1/members", addition(desk, newcomer, code, record))
        assert (refused.status_code, problem_of(refused)) == (422, "forged")
    short = desk.post(
        "/v1/members", addition(desk, newcomer, code, SignedRecord(b"\x90", bytes(64)))
    )
    assert (short.status_code, problem_of(short)) == (422, "format")
    assert len(unpack(desk.get("/v1/members"), list[SignedRecord])) == 1


def test_a_record_with_other_keys_than_asked_with_is_refused(
    server: ServerProcess, desk: Desk, newcomer: Desk
) -> None:
    code = invite(desk)
    newcomer.post("/v1/enrol", request_of(newcomer, code))
    swapped = Desk(server, desk.clinic)
    swapped.identity = msgspec.structs.replace(swapped.identity, device=newcomer.identity.device)
    message = addition(desk, swapped, code, next_record(desk, swapped))
    refused = desk.post("/v1/members", message)
    assert (refused.status_code, problem_of(refused)) == (422, "forged")
    stranger = Desk(server, desk.clinic)
    unasked = desk.post("/v1/members", addition(desk, stranger, code, next_record(desk, stranger)))
    assert (unasked.status_code, problem_of(unasked)) == (404, "nobody_asked")
    swapped.close()
    stranger.close()


def test_a_chain_that_moved_on_is_said_so(desk: Desk, newcomer: Desk) -> None:
    code = invite(desk)
    newcomer.post("/v1/enrol", request_of(newcomer, code))
    stale = MemberRecord(
        *(1, desk.clinic, 2, new_id() * 2, "add", newcomer.identity.public, 0),
        desk.identity.device,
    )
    message = addition(desk, newcomer, code, sign_record(stale, desk.identity))
    refused = desk.post("/v1/members", message)
    assert (refused.status_code, problem_of(refused)) == (409, "chain_moved_on")


def test_a_revoked_desk_is_out_at_once(desk: Desk, newcomer: Desk) -> None:
    code = invite(desk)
    newcomer.post("/v1/enrol", request_of(newcomer, code))
    assert (
        desk.post("/v1/members", addition(desk, newcomer, code, next_record(desk, newcomer)))
    ).status_code == 201
    newcomer.log_in()
    assert newcomer.get("/v1/wraps").status_code == 200
    change = removal(desk, newcomer)
    keyless = desk.post("/v1/members", msgspec.structs.replace(change, wraps=[]))
    assert (keyless.status_code, problem_of(keyless)) == (422, "wraps_missing")
    assert newcomer.get("/v1/wraps").status_code == 200
    revoked = desk.post("/v1/members", change)
    assert revoked.status_code == 201
    assert newcomer.get("/v1/wraps").status_code == 401
    again = newcomer.post("/v1/auth/token", newcomer.signed(newcomer.challenge()))
    assert (again.status_code, problem_of(again)) == (401, "revoked")
