"""A web server of a few lines, to stand where the clinic's server should be: portals, proxies, clocks.

::

    async with SmallWeb(lambda path: Page(302, {"Location": "http://hotel.test/"})) as web:
        web.url
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Page:
    """One answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class SmallWeb:
    """Answers GET on loopback.

    Args:
        answer: Makes the answer from the path with its query.
        tls: For https.
        late_s: Each answer waits so long, as from far away.
    """

    def __init__(
        self,
        answer: Callable[[str], Page],
        *,
        tls: ssl.SSLContext | None = None,
        late_s: float = 0.0,
    ) -> None:
        self._answer = answer
        self._late_s = late_s
        self._tls = tls
        self._server: asyncio.Server | None = None
        self.port = 0
        self.asked: list[str] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(writer)
        self._serving.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                self.asked.append(path)
                await asyncio.sleep(self._late_s)
                page = self._answer(path)
                headers = {**page.headers}
                if page.status != 204:
                    headers["Content-Length"] = str(len(page.body))
                lines = [f"HTTP/1.1 {page.status} X", *(f"{k}: {v}" for k, v in headers.items())]
                writer.write("\r\n".join([*lines, "", ""]).encode() + page.body)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
