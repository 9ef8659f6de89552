"""Photos' own files: the store's half of sending one, and fetching one that another PC took."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

from telemed_desk.sync.events import Announce, OriginalsWaiting, PartsHeld, SendPart
from telemed_desk.sync.ports import OriginalStore
from telemed_desk.sync.problems import BadAnswer, OriginalNotThere, Refused, ServerUnreachable
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol import attachments
from telemed_protocol.attachments import AttachmentState, part_count, part_length, unpack_held
from telemed_protocol.errors import FormatError

_GONE: Final = frozenset({"not_found", "attachment_unfinished"})
TRIES: Final = 3
"""A person waits: after so many breaks in a row they are told; what came is kept for the next try."""


class OriginalHands:
    """The store's side of sending. Blocks; one caller at a time.

    Args:
        store: The vault.
        wall_ms: Unix ms.
    """

    def __init__(self, store: OriginalStore, wall_ms: Callable[[], int]) -> None:
        self._store = store
        self._wall_ms = wall_ms
        self._announced: dict[bytes, attachments.Announce] = {}
        store.look_for_originals()

    def waiting(self) -> OriginalsWaiting:
        """Return what the server may not have."""
        return OriginalsWaiting(tuple(self._store.originals_waiting()))

    def announcement(self, activity: Announce) -> attachments.Announce:
        """Return what to name; the file was read and opened for it."""
        photo = activity.original.entity
        said = attachments.Announce(*self._store.sealed_original(photo))
        self._announced[photo] = said
        return said

    def part(self, activity: SendPart) -> bytes:
        """Return the bytes to send."""
        return self._store.original_part(activity.original.entity, activity.part)

    def take(self, activity: Announce | SendPart, state: AttachmentState) -> PartsHeld:
        """Check and note what the server says it holds; a whole is durable here when this returns.

        Raises:
            BadAnswer: It speaks of another file, or contradicts itself.
        """
        photo = activity.original.entity
        said = self._announced.get(photo)
        try:
            held = unpack_held(state)
        except FormatError as error:
            raise BadAnswer(error.detail) from error
        if said is None or (state.size, state.sha256) != (said.size, said.sha256):
            raise BadAnswer("another file")
        if state.whole:
            if len(held) != part_count(state.size):
                raise BadAnswer("whole without all parts")
            self._store.original_stored(photo, self._wall_ms())
        part = activity.part if isinstance(activity, SendPart) else None
        return PartsHeld(photo, part, held, state.whole)


class OriginalFetcher:
    """Fetches photos that other PCs took. Core thread.

    Parts that came before a cut are kept until the desk is locked, so a second try asks for the rest.

    Args:
        store: The vault.
        client: The server.
        wall_ms: Unix ms.
    """

    def __init__(
        self, store: OriginalStore, client: ServerClient, wall_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._client = client
        self._wall_ms = wall_ms
        self._parts: dict[bytes, dict[int, bytes]] = {}
        self._locks: dict[bytes, asyncio.Lock] = {}

    async def fetch(
        self, photo: bytes, progress: Callable[[int, int], None] = lambda _got, _of: None
    ) -> None:
        """Bring a photo's file into the vault; ``progress`` is told bytes here and bytes in all.

        Raises:
            OriginalNotThere: The server does not have it whole.
            PhotoForged: What it has is not that photo; what came of it is forgotten.
            KnownError: The line or the disk.
        """
        async with self._locks.setdefault(photo, asyncio.Lock()):
            breaks = 0
            while True:
                known = len(self._parts.get(photo, ()))
                try:
                    sealed = await self._sealed(photo, progress)
                    break
                except ServerUnreachable:
                    breaks = 1 if len(self._parts.get(photo, ())) > known else breaks + 1
                    if breaks >= TRIES:
                        raise
                except Refused as error:
                    if error.reason in _GONE:
                        raise OriginalNotThere(error.reason) from error
                    raise
            self._parts.pop(photo, None)
            await asyncio.to_thread(self._store.keep_original, photo, sealed, self._wall_ms())

    async def _sealed(self, photo: bytes, progress: Callable[[int, int], None]) -> bytes:
        state = await self._client.original_state(photo)
        try:
            unpack_held(state)
        except FormatError as error:
            raise BadAnswer(error.detail) from error
        if not state.whole:
            raise OriginalNotThere("unfinished")
        parts = self._parts.setdefault(photo, {})
        for part in range(part_count(state.size)):
            if part not in parts:
                data = await self._client.get_part(photo, part)
                if len(data) != part_length(state.size, part):
                    raise BadAnswer("part length")
                parts[part] = data
            progress(sum(map(len, parts.values())), state.size)
        sealed = b"".join(parts[part] for part in range(part_count(state.size)))
        if hashlib.sha256(sealed).digest() != state.sha256:
            # Not what the server itself announced: begin again the next time.
            del self._parts[photo]
            raise BadAnswer("attachment hash")
        return sealed
