"""A photo that the media process made of what came from outside, on its way into the vault."""

from concurrent.futures import Future

from telemed_desk.clinical.plain_jpeg import NotPlain, plain_jpeg_size
from telemed_desk.media import control
from telemed_desk.vault import Vault
from telemed_protocol.errors import KnownError
from telemed_protocol.op import Op


class PhotoNotOurs(KnownError):
    """What the media process handed over is not what our encoder writes."""

    code = "TD-PHO-002"
    sentence = "A photo arrived in a form that is not safe to keep, so it was not kept."
    next_step = "Ask for it once more. If it stays, restart TeleMed Desk and tell your IT contact."


def keep_photo(vault: Vault, consultation: bytes, photo: control.Photo, at_ms: int) -> "Future[Op]":
    """Look at a photo without decoding it, then seal and record it.

    The media process reads strangers' bytes; were it taken over, its word on a photo is worth nothing.

    Raises (through the future):
        PhotoNotOurs: It holds more than a picture, or is not as large as it says.
        NoRoomForPhotos, NotesOnly, DiskFull: There is no space for it.
    """
    wrong = _wrong_with(vault, photo)
    if wrong:
        refused: Future[Op] = Future()
        refused.set_exception(PhotoNotOurs(wrong))
        return refused
    return vault.put_photo(
        consultation,
        photo.jpeg,
        photo.preview_jpeg,
        photo.width,
        photo.height,
        source=photo.source,
        at_ms=at_ms,
        thumb_jpeg=photo.thumb_jpeg,
    )


def _wrong_with(vault: Vault, photo: control.Photo) -> str:
    """Return what our encoder would not have done; empty when it is ours."""
    try:
        size = plain_jpeg_size(photo.jpeg)
        for small in (photo.preview_jpeg, photo.thumb_jpeg):
            plain_jpeg_size(small)
    except NotPlain as error:
        return str(error)
    if size != (photo.width, photo.height):
        return "size"
    if len(photo.preview_jpeg) > vault.MAX_PREVIEW_BYTES:
        return "preview"
    return "thumbnail" if len(photo.thumb_jpeg) > vault.MAX_THUMB_BYTES else ""
