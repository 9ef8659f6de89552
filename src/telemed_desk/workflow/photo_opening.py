"""Opening a photo in full: from this PC, or brought from the server first."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from telemed_desk.clinical.plain_jpeg import NotPlain, plain_jpeg_size
from telemed_desk.sync.originals import OriginalFetcher
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Photo, SyncState, Vault
from telemed_desk.vault.problems import PhotoDamaged, UnknownRecord
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.core_thread import CoreThread
from telemed_protocol.errors import KnownError


class PhotoNotShown(KnownError):
    """A photo that another PC recorded, authentic, and not of the form that ours write."""

    code = "TD-PHO-003"
    sentence = "This photo is in a form that is not safe to show here."
    next_step = "Ask for it once more, and tell your IT contact which PC took it."


@dataclass(frozen=True, slots=True)
class OpenedPhoto:
    """A photo in full, how far it is, or why it is not here.

    Attributes:
        photo: Which.
        jpeg: The picture; empty while it arrives, and when it cannot.
        received: Bytes that are here of ``size``; 0 of 0 when nothing had to be fetched.
        size: How large the sealed file is.
        problem: Why it cannot be shown.
        state: Where it is, of one that this PC took: ``on-this-pc``, ``waiting``, ``sent`` or
            ``needs-help``; empty for one that came from another PC.
        receipt_ms: When the server confirmed the whole of it, Unix ms.
    """

    photo: bytes
    jpeg: bytes = field(default=b"", repr=False)
    received: int = 0
    size: int = 0
    problem: KnownError | None = None
    state: str = ""
    receipt_ms: int | None = None


class PhotoOpening:
    """Reads photos off the GUI thread; one that another PC took is fetched when it is opened.

    Args:
        core: The core thread.
        vault: Unlocked.
        client: Speaks to the clinic's server.
        stuck: Photos that do not go by themselves any more.
    """

    def __init__(
        self,
        core: CoreThread,
        vault: Vault,
        client: ServerClient,
        stuck: Callable[[], frozenset[bytes]] = frozenset,
    ) -> None:
        self._stuck = stuck
        self._core = core
        self._vault = vault
        self._fetcher = OriginalFetcher(vault, client, wall_ms)

    def of(self, consultation: bytes, done: Callable[[list[Photo]], None]) -> None:
        """List a visit's photos, with their previews; ``done`` is called on the GUI thread."""

        async def run() -> list[Photo]:
            try:
                return await asyncio.to_thread(self._vault.photos_of, consultation)
            except KnownError:
                return []  # the record itself says what is wrong

        self._core.run(run(), done)

    def open(self, photo: bytes, show: Callable[[OpenedPhoto], None]) -> None:
        """Open one; ``show`` is called on the GUI thread, several times while it arrives."""

        def progress(received: int, size: int) -> None:
            self._core.post(lambda: show(OpenedPhoto(photo, b"", received, size)))

        self._core.run(self.opened(photo, progress), show)

    async def opened(self, photo: bytes, progress: Callable[[int, int], None]) -> OpenedPhoto:
        """Return it, or why not. Core thread."""
        try:
            try:
                jpeg = await asyncio.to_thread(self._vault.read_photo, photo)
            except (UnknownRecord, PhotoDamaged):
                # A file that was damaged here is replaced by the server's, if that is the photo.
                await self._fetcher.fetch(photo, progress)
                jpeg = await asyncio.to_thread(self._vault.read_photo, photo)
            _check_plain(jpeg)
            known = await asyncio.to_thread(self._vault.sync_of, photo)
        except KnownError as error:
            return OpenedPhoto(photo, problem=error)
        if known is None:
            return OpenedPhoto(photo, jpeg)
        state = known.state.value
        held = self._vault.push_held is not None or photo in self._stuck()
        if held and known.state is not SyncState.SENT:
            state = "needs-help"
        return OpenedPhoto(photo, jpeg, state=state, receipt_ms=known.receipt_ms)


def _check_plain(jpeg: bytes) -> None:
    try:
        plain_jpeg_size(jpeg)
    except NotPlain as error:
        raise PhotoNotShown(str(error)) from error
