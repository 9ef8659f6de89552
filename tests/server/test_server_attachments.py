"""Sealed files in parts: any order, any repeat, whole or not given out at all."""

import hashlib
import random
from pathlib import Path

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from telemed_protocol.attachments import (
    MAX_ATTACHMENT_BYTES,
    PART_BYTES,
    Announce,
    AttachmentState,
    part_count,
    unpack_held,
)
from telemed_protocol.ids import new_id, to_base64url
from telemed_server.storage import DATABASE_NAME, open_engine
from tests.server.rig import WIDE, Desk, ServerProcess, problem_of, unpack

SIZE = 2 * PART_BYTES + 777


class Sealed:
    """Bytes that mean nothing to the server."""

    def __init__(self, seed: int, size: int = SIZE) -> None:
        self.id = new_id()
        self.data = random.Random(seed).randbytes(size)
        self.path = f"/v1/attachments/{to_base64url(self.id)}"
        self.announced = Announce(size, hashlib.sha256(self.data).digest())

    def part(self, number: int) -> bytes:
        return self.data[number * PART_BYTES : (number + 1) * PART_BYTES]

    def put(self, desk: Desk, number: int) -> httpx.Response:
        return desk.put(f"{self.path}/{number}", self.part(number))


def state_of(response: httpx.Response) -> AttachmentState:
    assert response.status_code in {200, 201}, response.content
    return unpack(response, AttachmentState)


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, problem_of(response)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 1, 2, 0, 0)])
def test_parts_come_in_any_order_and_more_than_once(desk: Desk, order: tuple[int, ...]) -> None:
    sealed = Sealed(1)
    first = desk.put(sealed.path, sealed.announced)
    assert (first.status_code, unpack_held(state_of(first))) == (201, frozenset())
    seen: set[int] = set()
    for number in order:
        seen.add(number)
        state = state_of(sealed.put(desk, number))
        assert unpack_held(state) == seen
        assert state.whole == (len(seen) == 3)
    assert state_of(desk.get(sealed.path)) == state_of(desk.put(sealed.path, sealed.announced))
    assert desk.put(sealed.path, sealed.announced).status_code == 200
    got = b"".join(desk.get(f"{sealed.path}/{n}").content for n in range(3))
    assert got == sealed.data


def test_nothing_is_given_out_before_it_is_whole(desk: Desk) -> None:
    sealed = Sealed(2)
    assert refusal(desk.get(sealed.path)) == (404, "not_found")
    assert refusal(sealed.put(desk, 0)) == (404, "not_found")
    desk.put(sealed.path, sealed.announced)
    sealed.put(desk, 0)
    assert refusal(desk.get(f"{sealed.path}/0")) == (409, "attachment_unfinished")
    assert refusal(desk.get(f"{sealed.path}/3")) == (404, "not_found")


def test_other_bytes_or_another_announcement_are_refused(desk: Desk) -> None:
    sealed, other = Sealed(3), Sealed(4)
    desk.put(sealed.path, sealed.announced)
    sealed.put(desk, 0)
    assert refusal(desk.put(f"{sealed.path}/0", other.part(0))) == (409, "attachment_conflict")
    assert refusal(desk.put(sealed.path, other.announced)) == (409, "attachment_conflict")
    for number, length in ((0, PART_BYTES - 1), (1, 0), (2, 776), (2, 778)):
        refused = desk.put(f"{sealed.path}/{number}", bytes(length))
        assert refusal(refused) == (422, "attachment_part_size")
    assert refusal(desk.put(f"{sealed.path}/1", bytes(PART_BYTES + 1))) == (413, "too_large")
    for odd in ("3", "-1", "0x0", "1e3", "9999999", "٣"):
        assert refusal(desk.put(f"{sealed.path}/{odd}", b"x")) == (404, "not_found")
    assert unpack_held(state_of(desk.get(sealed.path))) == {0}


def test_a_whole_that_is_not_what_was_announced_is_dropped_and_can_begin_again(desk: Desk) -> None:
    sealed = Sealed(5)
    desk.put(sealed.path, sealed.announced)
    sealed.put(desk, 0)
    changed = bytearray(sealed.part(1))
    changed[100] ^= 1
    assert desk.put(f"{sealed.path}/1", bytes(changed)).status_code == 200
    assert refusal(sealed.put(desk, 2)) == (422, "attachment_hash")
    assert unpack_held(state_of(desk.get(sealed.path))) == frozenset()
    for number in range(3):
        state = state_of(sealed.put(desk, number))
    assert state.whole


def test_another_clinic_sees_nothing_and_may_use_the_same_name(
    server: ServerProcess, desk: Desk
) -> None:
    sealed = Sealed(6)
    desk.put(sealed.path, sealed.announced)
    for number in range(3):
        sealed.put(desk, number)
    stranger = Desk.founding(server)
    assert refusal(stranger.get(sealed.path)) == (404, "not_found")
    assert refusal(stranger.get(f"{sealed.path}/0")) == (404, "not_found")
    assert refusal(sealed.put(stranger, 0)) == (404, "not_found")
    other = Sealed(7)
    assert stranger.put(sealed.path, other.announced).status_code == 201
    assert state_of(desk.get(sealed.path)).whole
    stranger.close()


def test_only_members_ask(server: ServerProcess) -> None:
    sealed = Sealed(8)
    with httpx.Client(base_url=server.url) as nobody:
        for method, path in (
            ("PUT", sealed.path),
            ("GET", sealed.path),
            ("PUT", sealed.path + "/0"),
            ("GET", sealed.path + "/0"),
        ):
            assert nobody.request(method, path, content=b"").status_code == 401


@pytest.mark.parametrize("name", ["", "A" * 21, "A" * 23, "!" * 22, "A" * 21 + "B", "A" * 4000])
def test_a_name_that_is_none_is_not_found(desk: Desk, name: str) -> None:
    answer = desk.get(f"/v1/attachments/{name}")
    assert refusal(answer) == (404, "not_found")


def test_odd_announcements_are_refused(desk: Desk) -> None:
    sealed = Sealed(9)
    for odd, expected in (
        (Announce(0, bytes(32)), (422, "format")),
        (Announce(-5, bytes(32)), (422, "format")),
        (Announce(5, bytes(31)), (422, "format")),
        (Announce(MAX_ATTACHMENT_BYTES + 1, bytes(32)), (413, "too_large")),
        (Announce(2**64 - 1, bytes(32)), (413, "too_large")),
    ):
        assert refusal(desk.put(sealed.path, odd)) == expected
    assert refusal(desk.get(sealed.path)) == (404, "not_found")


def test_a_clinic_fills_its_share_and_is_told_so_and_others_are_not(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WIDE, "--attachment-quota-mb", "1") as small:
        desk, other = Desk.founding(small), Desk.founding(small)
        fits, too_much = Sealed(10, 700 * 1024), Sealed(11, 400 * 1024)
        assert desk.put(fits.path, fits.announced).status_code == 201
        assert refusal(desk.put(too_much.path, too_much.announced)) == (413, "attachment_quota")
        assert desk.put(fits.path, fits.announced).status_code == 200
        assert other.put(too_much.path, too_much.announced).status_code == 201
        pushed = desk.post("/v1/segments", desk.seal(1, 1).wire)
        assert pushed.status_code == 201
        desk.close()
        other.close()


def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WIDE, "--limit", "attachments=3/hour") as strict:
        desk = Desk.founding(strict)
        sealed = Sealed(12)
        answers = [desk.get(sealed.path) for _ in range(4)]
        assert [a.status_code for a in answers] == [404, 404, 404, 429]
        assert int(answers[3].headers["Retry-After"]) > 0
        desk.close()


def test_what_was_answered_survives_a_killed_server(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path / "data", *WIDE).start()
    desk = Desk.founding(process)
    sealed = Sealed(13)
    desk.put(sealed.path, sealed.announced)
    sealed.put(desk, 2)
    sealed.put(desk, 0)
    process.kill()
    process.start()
    assert unpack_held(state_of(desk.get(sealed.path))) == {0, 2}
    assert state_of(sealed.put(desk, 1)).whole
    assert desk.get(f"{sealed.path}/1").content == sealed.part(1)
    process.stop()
    desk.close()


def test_a_database_of_before_is_brought_along_and_keeps_what_it_had(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    engine = open_engine(tmp_path / "data" / DATABASE_NAME)
    config = Config()
    config.set_main_option("script_location", "src/telemed_server/migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            sa.text("INSERT INTO clinics VALUES (:c, 1.0, 7, :h)"), {"c": b"c" * 16, "h": bytes(32)}
        )
    engine.dispose()
    with ServerProcess(tmp_path / "data", *WIDE) as process:
        desk = Desk.founding(process)
        sealed = Sealed(14)
        assert desk.put(sealed.path, sealed.announced).status_code == 201
        desk.close()
    engine = open_engine(tmp_path / "data" / DATABASE_NAME, read_only=True)
    with engine.begin() as connection:
        heads = (
            connection.execute(sa.text("SELECT head FROM clinics ORDER BY head")).scalars().all()
        )
    engine.dispose()
    assert heads == [0, 7]


def test_sizes_at_the_edge_of_a_part(desk: Desk) -> None:
    for size in (1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 9 * PART_BYTES):
        sealed = Sealed(size, size)
        desk.put(sealed.path, sealed.announced)
        for number in range(part_count(size)):
            state = state_of(sealed.put(desk, number))
        assert state.whole
        assert msgspec.msgpack.decode(desk.get(sealed.path).content)["whole"] is True
