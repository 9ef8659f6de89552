"""``python -m telemed_desk.media --control-fd N``: started by the desk, never by a person."""

import argparse
import asyncio
import signal
import socket
import sys

import av.logging

from telemed_desk import core_dumps, logs
from telemed_desk.devices.system import ON_WINDOWS
from telemed_desk.media.process import serve


def main() -> int:
    """Run the media process until the desk is done with it."""
    parser = argparse.ArgumentParser(prog="telemed-desk-media", description=__doc__)
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--control-fd", type=int, help="inherited end of the control socket pair")
    end.add_argument(
        "--control-stdin", action="store_true", help="Windows: a shared socket follows"
    )
    arguments = parser.parse_args()

    core_dumps.leave_none()
    _log_to_stderr()
    # Ctrl+C in a terminal goes to the whole group; the desk decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = _from_stdin() if arguments.control_stdin else socket.socket(fileno=arguments.control_fd)
    with sock, asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(serve(sock))
    return 0


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return a selector loop on every system: Windows' default one has no usable UDP for aioice."""
    return asyncio.SelectorEventLoop()


def _log_to_stderr() -> None:
    """Log as JSON lines on stderr, which the desk inherits; FFmpeg's own words stay out of it."""
    av.logging.set_level(av.logging.PANIC)
    logs.configure(None, to_stderr=True)


def _from_stdin() -> socket.socket:
    """Take the socket that the desk duplicated into this process (Windows)."""
    size = int.from_bytes(sys.stdin.buffer.read(4), "big")
    share = sys.stdin.buffer.read(size)
    if not ON_WINDOWS:
        raise SystemExit("--control-stdin is for Windows")
    taken: socket.socket = socket.fromshare(share)  # type: ignore[attr-defined, unused-ignore]
    return taken


if __name__ == "__main__":
    sys.exit(main())
