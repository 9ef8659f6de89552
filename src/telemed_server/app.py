"""The ASGI application: routes, errors, and the tasks that live as long as it does."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from telemed_server import attachment_routes, desk_routes, open_routes, sockets
from telemed_server.errors import RequestRefused
from telemed_server.guard import Guard
from telemed_server.http import on_bug, on_http_exception, on_refused
from telemed_server.neighbours import Neighbours
from telemed_server.parts import Parts
from telemed_server.probe_socket import ProbeSocket
from telemed_server.settings import Settings, host_and_port
from telemed_server.store import Store


def build_app(settings: Settings, store: Store, probe_socket: socket.socket | None = None) -> Guard:
    """Put the server together.

    Args:
        settings: How.
        store: Closed by the app when it ends.
        probe_socket: For the measuring responder, also closed by the app; None = there is none.
    """
    parts = Parts(settings, store)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(parts.hub.keep_time(), name="keep-time")]
        bell = store.bell()
        neighbours = Neighbours(settings, store, bell, parts.hub) if bell else None
        if neighbours is not None:
            tasks.append(asyncio.create_task(neighbours.keep(), name="neighbours"))
        for task in tasks:
            task.add_done_callback(_fail_loudly)
        probes = _open_probes(parts, probe_socket)
        try:
            yield
        finally:
            if probes is not None:
                probes.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if neighbours is not None:
                await neighbours.leave()
            parts.hub.close()
            store.close()

    app = Starlette(
        routes=[
            *open_routes.ROUTES,
            *desk_routes.ROUTES,
            *attachment_routes.ROUTES,
            *sockets.ROUTES,
        ],
        exception_handlers={
            RequestRefused: on_refused,
            HTTPException: on_http_exception,
            Exception: on_bug,
        },
        lifespan=lifespan,
    )
    app.state.parts = parts
    return Guard(app, settings)  # outside of everything: the answer to a bug is dressed as well


def _open_probes(parts: Parts, sock: socket.socket | None) -> ProbeSocket | None:
    if sock is None:
        return None
    probes = ProbeSocket(sock, parts.probes.responder)
    try:
        probes.open()
    except NotImplementedError:
        sock.close()
        return None
    address = parts.settings.probe_address
    parts.probes.host, parts.probes.port = host_and_port(address) if address else ("", probes.port)
    return probes


def _fail_loudly(task: "asyncio.Task[None]") -> None:
    """A server whose leases no longer end must not look healthy: hand the error to the loop."""
    if not task.cancelled() and task.exception() is not None:
        task.get_loop().call_exception_handler(
            {"message": f"{task.get_name()} stopped", "exception": task.exception()}
        )
