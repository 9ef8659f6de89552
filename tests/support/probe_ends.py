"""Both ends of a measurement as programs, so that they can run in network namespaces.

::

    python -m tests.support.probe_ends respond <port>                 # prints a line when it listens
    python -m tests.support.probe_ends measure <plan> <host> <port> [<ice servers as JSON>]

The second prints the figures as JSON. Both know the one grant there is.
"""

import asyncio
import json
import sys
import time

import msgspec

from telemed_desk.media.control import IceServerSpec, LinkProbed, RunLinkProbe
from telemed_desk.media.probe.run import run_link_probe
from telemed_server.probe_responder import Grant, Responder
from telemed_server.probe_socket import ProbeSocket, open_probe_socket

SESSION, KEY = b"session1", b"k" * 32
_PLENTY = 60_000_000


async def respond(port: int) -> None:
    """Be the responder until the process is ended."""
    responder = Responder()
    ends_at = time.monotonic() + 600
    responder.admit(Grant(SESSION, KEY, ends_at, _PLENTY, _PLENTY, 30_000_000))
    probes = ProbeSocket(open_probe_socket("0.0.0.0", port), responder)
    probes.open()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def measure(plan: str, host: str, port: int, servers: str) -> None:
    """Measure once."""
    ice = msgspec.json.decode(servers, type=list[IceServerSpec])
    request = msgspec.convert(
        {"run": "r", "plan": plan, "session": b"", "key": b"", "host": host, "port": port},
        RunLinkProbe,
    )
    request = msgspec.structs.replace(request, session=SESSION, key=KEY, ice_servers=ice)
    said: list[LinkProbed] = []
    await run_link_probe(
        request, lambda message: said.append(message) if isinstance(message, LinkProbed) else None
    )
    sys.stdout.write(msgspec.json.encode(said[0].figures).decode() + "\n")


def main(words: list[str]) -> None:
    """Run one end."""
    if words[0] == "respond":
        asyncio.run(respond(int(words[1])))
    else:
        servers = words[4] if len(words) > 4 else json.dumps([])
        asyncio.run(measure(words[1], words[2], int(words[3]), servers))


if __name__ == "__main__":
    main(sys.argv[1:])
