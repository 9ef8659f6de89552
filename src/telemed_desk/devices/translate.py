"""Turns what the operating system and its media libraries say into the problems of this package."""

import errno

from telemed_desk.devices.problems import (
    CameraBusy,
    CameraDenied,
    CameraMissing,
    CameraStalled,
    DeviceProblem,
)

_MISSING = {errno.ENOENT, errno.ENODEV, errno.ENXIO}
_DENIED = {errno.EACCES, errno.EPERM}
_BUSY = {errno.EBUSY}
_GONE_WHILE_OPEN = {errno.EIO, errno.EPIPE, errno.EPROTO}


def errno_name(number: int | None) -> str:
    """Return ``EBUSY`` and the like: the only detail of a driver's error that reaches a log."""
    return errno.errorcode.get(number, f"errno {number}") if number is not None else "no errno"


def camera_problem(error: OSError, *, streaming: bool) -> DeviceProblem:
    """Name what is wrong with a camera.

    Args:
        error: What opening or reading raised; PyAV's errors are ``OSError`` with the true errno.
        streaming: It was already delivering pictures, so that an I/O error means unplugged.
    """
    detail = errno_name(error.errno)
    if error.errno in _BUSY:
        return CameraBusy(detail)
    if error.errno in _DENIED:
        return CameraDenied(detail)
    if error.errno in _MISSING or (streaming and error.errno in _GONE_WHILE_OPEN):
        return CameraMissing(detail)
    # Opened by name and still failing: for the person the same as a camera without a picture.
    return CameraStalled(detail)
