"""A photo as the patient's page sends it: the messages of the data channel, from a camera picture."""

import hashlib
import json

import cv2
import numpy as np

from telemed_desk.media.ports import Picture

CHUNK_BYTES = 16 * 1024
JPEG_QUALITY = 90


class PhotoUnmade(Exception):
    """The encoder refused the picture."""


def photo_messages(photo: str, picture: Picture) -> list[str | bytes]:
    """Return begin, pieces of at most 16 KiB, and end. Some milliseconds; not for the loop's thread.

    Args:
        photo: The request's id.
        picture: What the camera sees.

    Raises:
        PhotoUnmade: It cannot be encoded.
    """
    planes = np.concatenate(
        [picture.y.reshape(-1), picture.u.reshape(-1), picture.v.reshape(-1)]
    ).reshape(picture.height * 3 // 2, picture.width)
    colour = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    made, encoded = cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not made:
        raise PhotoUnmade
    jpeg = encoded.tobytes()
    begin = {
        "t": "photo-begin",
        "id": photo,
        "size": len(jpeg),
        "sha256": hashlib.sha256(jpeg).hexdigest(),
        "width": picture.width,
        "height": picture.height,
    }
    pieces = [jpeg[at : at + CHUNK_BYTES] for at in range(0, len(jpeg), CHUNK_BYTES)]
    return [json.dumps(begin), *pieces, json.dumps({"t": "photo-end", "id": photo})]
