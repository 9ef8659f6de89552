"""The HTTP interface for desks (:mod:`telemed_protocol.api`)."""

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telemed_protocol.api import (
    PULL_LIMIT,
    AddMember,
    Challenge,
    ChallengeRequest,
    CloseLink,
    EnrolAnswer,
    Enrolled,
    EnrolQuery,
    EnrolRequest,
    EnrolReveal,
    FoundClinic,
    Invite,
    NewLink,
    ProbeAsk,
    ProbeEnd,
    TokenRequest,
)
from telemed_protocol.segment import MAX_SEGMENT_BYTES
from telemed_server import asking, auth, clinics, ice, links, probe, segments
from telemed_server.errors import RequestRefused
from telemed_server.http import answer, number_from_query, read_body, read_message
from telemed_server.parts import network_of_asker, parts_of
from telemed_server.pushing import PATIENCE_S, take_segment
from telemed_server.settings import host_of


async def found_clinic(request: Request) -> Response:
    """Found a clinic."""
    parts = parts_of(request)
    parts.check_network(request, "found")
    message = await read_message(request, FoundClinic)
    clinic = await parts.store.run(lambda db: clinics.found(db, time.time(), message))
    return answer(Enrolled(clinic), 201)


async def ask_to_enrol(request: Request) -> Response:
    """Take a new desk's request."""
    parts = parts_of(request)
    parts.check_network(request, "enrol")
    message = await read_message(request, EnrolRequest)
    clinic = await parts.store.run(lambda db: asking.ask(db, time.time(), message))
    parts.hub.somebody_asks(clinic)
    return Response(status_code=202)


async def enrol_status(request: Request) -> Response:
    """Tell a new desk how its request stands."""
    parts = parts_of(request)
    parts.check_network(request, "enrol-status")
    message = await read_message(request, EnrolQuery)
    return answer(await parts.store.run(lambda db: asking.status(db, message)))


async def answer_enrol(request: Request) -> Response:
    """Keep a member desk's answer to a new desk's request."""
    parts = parts_of(request)
    member = await parts.member(request)
    message = await read_message(request, EnrolAnswer)
    await parts.store.run(lambda db: asking.answer(db, time.time(), member.clinic, message))
    return Response(status_code=201)


async def reveal(request: Request) -> Response:
    """Keep the number that a new desk reveals."""
    parts = parts_of(request)
    parts.check_network(request, "enrol-status")
    message = await read_message(request, EnrolReveal)
    clinic = await parts.store.run(lambda db: asking.reveal(db, message))
    parts.hub.somebody_asks(clinic)
    return Response(status_code=202)


async def challenge(request: Request) -> Response:
    """Hand out a nonce."""
    parts = parts_of(request)
    parts.check_network(request, "auth")
    message = await read_message(request, ChallengeRequest)
    challenges = await parts.challenges()
    return answer(Challenge(challenges.issue(message.device)))


async def token(request: Request) -> Response:
    """Exchange a signed nonce for a token."""
    parts = parts_of(request)
    parts.check_network(request, "auth")
    message = await read_message(request, TokenRequest)
    if not (await parts.challenges()).is_good(message.nonce, message.device):
        raise RequestRefused(401, "not_authorised")
    host = host_of(request.headers["host"])
    return answer(
        await parts.store.run(lambda db: auth.issue_token(db, time.time(), host, message))
    )


async def invite(request: Request) -> Response:
    """Announce that a new desk may ask."""
    parts = parts_of(request)
    member = await parts.member(request)
    message = await read_message(request, Invite)
    await parts.store.run(
        lambda db: clinics.invite(db, time.time(), member.clinic, member.device, message)
    )
    return Response(status_code=201)


async def list_requests(request: Request) -> Response:
    """List the desks that ask."""
    parts = parts_of(request)
    member = await parts.member(request)
    return answer(await parts.store.run(lambda db: asking.pending(db, time.time(), member.clinic)))


async def add_member(request: Request) -> Response:
    """Append to the member chain."""
    parts = parts_of(request)
    member = await parts.member(request)
    message = await read_message(request, AddMember)
    record = await parts.store.run(
        lambda db: clinics.add_member(db, time.time(), member.clinic, member.device, message)
    )
    if record.action == "revoke":
        parts.hub.drop_device(member.clinic, record.member.device)
    return Response(status_code=201)


async def list_members(request: Request) -> Response:
    """Return the member chain."""
    parts = parts_of(request)
    member = await parts.member(request)
    return answer(await parts.store.run(lambda db: clinics.chain_records(db, member.clinic)))


async def list_wraps(request: Request) -> Response:
    """Return the keys sealed for this device."""
    parts = parts_of(request)
    member = await parts.member(request)
    return answer(
        await parts.store.run(lambda db: clinics.wraps_for(db, member.clinic, member.device))
    )


async def push_segment(request: Request) -> Response:
    """Keep a segment; the receipt goes out after it is durable."""
    parts = parts_of(request)
    member = await parts.member(request)
    body = await read_body(request, MAX_SEGMENT_BYTES)
    appended = await take_segment(parts, member, bytes(body.data), patience_s=PATIENCE_S)
    return answer(appended.receipt, 201 if appended.new else 200)


async def pull_segments(request: Request) -> Response:
    """Return what follows a cursor."""
    parts = parts_of(request)
    member = await parts.member(request)
    after = number_from_query(request, "after", 0, 2**62)
    limit = max(1, number_from_query(request, "limit", PULL_LIMIT, PULL_LIMIT))
    return answer(await parts.store.run(lambda db: segments.pull(db, member.clinic, after, limit)))


async def held_segments(request: Request) -> Response:
    """Return what is held of the asking device."""
    parts = parts_of(request)
    member = await parts.member(request)
    return answer(await parts.store.run(lambda db: segments.held(db, member)))


async def register_link(request: Request) -> Response:
    """Register a join link."""
    parts = parts_of(request)
    member = await parts.member(request)
    message = await read_message(request, NewLink)
    await parts.store.run(lambda db: links.register(db, time.time(), member, message))
    return Response(status_code=201)


async def close_link(request: Request) -> Response:
    """Withdraw a join link."""
    parts = parts_of(request)
    member = await parts.member(request)
    message = await read_message(request, CloseLink)
    seat = await parts.store.run(lambda db: links.close(db, time.time(), member, message))
    if seat is not None:
        parts.hub.room_changed(member.clinic)
    return Response(status_code=204)


async def list_ice(request: Request) -> Response:
    """Return relay servers with fresh credentials."""
    parts = parts_of(request)
    await parts.member(request)
    return answer(ice.ice_servers(parts.settings))


async def probe_download(request: Request) -> Response:
    """Send random bytes."""
    parts = parts_of(request)
    member = await parts.member(request)
    parts.limiter.check("probe", member.device.hex())
    return probe.download(request)


async def probe_upload(request: Request) -> Response:
    """Count arriving bytes."""
    parts = parts_of(request)
    member = await parts.member(request)
    parts.limiter.check("probe", member.device.hex())
    return await probe.upload(request)


async def lease_probe(request: Request) -> Response:
    """Let one PC of a site fill the link for a moment."""
    parts = parts_of(request)
    member = await parts.member(request)
    parts.limiter.check("probe", member.device.hex())
    message = await read_message(request, ProbeAsk)
    return answer(parts.probes.ask(member, network_of_asker(request), thorough=message.thorough))


async def end_probe(request: Request) -> Response:
    """Take the leave back."""
    parts = parts_of(request)
    member = await parts.member(request)
    message = await read_message(request, ProbeEnd)
    parts.probes.end(member, message.session)
    return Response(status_code=204)


ROUTES = [
    Route("/v1/clinics", found_clinic, methods=["POST"]),
    Route("/v1/enrol", ask_to_enrol, methods=["POST"]),
    Route("/v1/enrol", list_requests, methods=["GET"]),
    Route("/v1/enrol/status", enrol_status, methods=["POST"]),
    Route("/v1/enrol/answer", answer_enrol, methods=["POST"]),
    Route("/v1/enrol/reveal", reveal, methods=["POST"]),
    Route("/v1/auth/challenge", challenge, methods=["POST"]),
    Route("/v1/auth/token", token, methods=["POST"]),
    Route("/v1/invitations", invite, methods=["POST"]),
    Route("/v1/members", add_member, methods=["POST"]),
    Route("/v1/members", list_members, methods=["GET"]),
    Route("/v1/wraps", list_wraps, methods=["GET"]),
    Route("/v1/segments", push_segment, methods=["POST"]),
    Route("/v1/segments", pull_segments, methods=["GET"]),
    Route("/v1/segments/held", held_segments, methods=["GET"]),
    Route("/v1/links", register_link, methods=["POST"]),
    Route("/v1/links/close", close_link, methods=["POST"]),
    Route("/v1/ice", list_ice, methods=["GET"]),
    Route("/v1/probe", probe_download, methods=["GET"]),
    Route("/v1/probe", probe_upload, methods=["POST"]),
    Route("/v1/probe/lease", lease_probe, methods=["POST"]),
    Route("/v1/probe/end", end_probe, methods=["POST"]),
]
