"""A connection after a cut shows the ticket of the one before; never that of another server."""

import asyncio
import ssl

from telemed_desk.sync.tls_resumption import ResumingContext, Tickets
from tests.support.network.coturn import Certificates


async def reused(names: list[str], *, cut: bool = True) -> list[bool]:
    """Connect by these names, one after the other, and say which connections resumed."""
    certificates = Certificates("127.0.0.1")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    try:
        offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = certificates.folder
        offered.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(certificates.authority))
        context.check_hostname = False
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=offered)
        port, seen = server.sockets[0].getsockname()[1], []
        for name in names:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=name
            )
            writer.write(b"a")
            assert await reader.read(1) == b"a"
            seen.append(bool(writer.get_extra_info("ssl_object").session_reused))
            if cut:
                writer.transport.abort()
            else:
                writer.close()
            await asyncio.sleep(0)
        server.close()
        return seen
    finally:
        certificates.close()


async def test_after_a_cut_the_handshake_is_resumed() -> None:
    assert await reused(["one.example"] * 4) == [False, True, True, True]


async def test_after_a_farewell_as_well() -> None:
    assert await reused(["one.example"] * 2, cut=False) == [False, True]


async def test_a_ticket_counts_for_the_name_it_came_from() -> None:
    names = ["one.example", "two.example", "one.example"]
    assert await reused(names) == [False, False, True]


def test_without_a_ticket_the_handshake_is_a_full_one() -> None:
    tickets = Tickets()
    made = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="one.example"
    )
    tickets.keep("one.example", made)
    assert tickets.of("one.example") is None
