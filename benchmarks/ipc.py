"""What two processes cost and what they buy: shared memory beside a pipe, and who holds the interpreter.

python -m benchmarks.ipc
"""

import argparse
import multiprocessing
import multiprocessing.connection
import multiprocessing.synchronize
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import describe
from telemed_desk.media.frame_writer import FrameWriter
from telemed_desk.media.frames import FrameReader, frame_block_name
from telemed_desk.media.ports import Picture

FPS = 30
LOOK_EVERY_S = 0.002
BLOCK_S = 0.010
"""Sound moves in blocks of 10 ms."""
_SPAWN = multiprocessing.get_context("spawn")


def _picture(width: int, height: int) -> Picture:
    rng = np.random.default_rng(1)
    luma = rng.integers(16, 235, (height, width)).astype(np.uint8)
    chroma = rng.integers(16, 235, (height // 2, width // 2)).astype(np.uint8)
    return Picture(luma, chroma, chroma, time.monotonic_ns())


def _paced(seconds: float, interval_s: float, act: Callable[[], None]) -> float:
    """Act at a steady rate; return the processor seconds of this process."""
    cpu_s, due = time.process_time(), time.monotonic()
    for _ in range(int(seconds / interval_s)):
        act()
        due += interval_s
        time.sleep(max(0.0, due - time.monotonic()))
    return time.process_time() - cpu_s


# ---- pictures through shared memory ----------------------------------------------------------------


def _write_shared(
    name: str, size: tuple[int, int], seconds: float, say: multiprocessing.connection.Connection
) -> None:
    picture = _picture(*size)
    writer = FrameWriter(name, *size)
    writer.present(picture)
    say.send("ready")
    say.send(_paced(seconds, 1 / FPS, lambda: writer.present(picture)))
    writer.close()


def shared_memory(size: tuple[int, int], seconds: float) -> list[str]:
    """One row: pictures through :mod:`telemed_desk.media.frames`."""
    name = frame_block_name("bench", *size)
    ours, theirs = _SPAWN.Pipe()
    child = _SPAWN.Process(target=_write_shared, args=(name, size, seconds, theirs))
    child.start()
    ours.recv()
    reader = FrameReader(name)
    delays_ms: list[float] = []
    cpu_s = time.process_time()
    while not ours.poll(0):
        frame = reader.newest()
        if frame is not None:
            delays_ms.append(time.time() * 1000 - frame.wall_us / 1000)
        time.sleep(LOOK_EVERY_S)
    reader_s = time.process_time() - cpu_s
    writer_s = ours.recv()
    child.join()
    idle_s = _idle_looking(seconds)
    reader.close()
    return _row("shared memory", size, seconds, delays_ms, (writer_s, max(0.0, reader_s - idle_s)))


def _idle_looking(seconds: float) -> float:
    """Return what looking every 2 ms costs by itself; a window repaints anyway and need not."""
    return _paced(seconds, LOOK_EVERY_S, lambda: None)


# ---- pictures through a socket pair ----------------------------------------------------------------


def _write_socket(
    end: socket.socket,
    size: tuple[int, int],
    seconds: float,
    say: multiprocessing.connection.Connection,
) -> None:
    picture = _picture(*size)

    def send() -> None:
        planes = (picture.y.reshape(-1), picture.u.reshape(-1), picture.v.reshape(-1))
        packed = np.concatenate(planes).reshape(size[1] * 3 // 2, size[0])
        rgb = cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420)
        end.sendall(time.time_ns().to_bytes(8, "big"))
        end.sendall(np.ascontiguousarray(rgb).tobytes())

    say.send(_paced(seconds, 1 / FPS, send))
    end.close()


def socket_pair(size: tuple[int, int], seconds: float) -> list[str]:
    """One row: the same pictures, converted the same way, through a local socket."""
    ours, theirs = socket.socketpair()
    told, say = _SPAWN.Pipe()
    child = _SPAWN.Process(target=_write_socket, args=(theirs, size, seconds, say))
    child.start()
    theirs.close()
    buffer = bytearray(8 + size[0] * size[1] * 3)
    delays_ms: list[float] = []
    cpu_s = time.process_time()
    while _fill(ours, buffer):
        bytes(buffer[8:])  # the copy that a picture needs to outlive the next one
        delays_ms.append((time.time_ns() - int.from_bytes(buffer[:8], "big")) / 1e6)
    reader_s = time.process_time() - cpu_s
    writer_s = told.recv()
    child.join()
    ours.close()
    return _row("socket pair", size, seconds, delays_ms, (writer_s, reader_s))


def _fill(end: socket.socket, buffer: bytearray) -> bool:
    view = memoryview(buffer)
    while view:
        count = end.recv_into(view)
        if count == 0:
            return False
        view = view[count:]
    return True


def _row(
    way: str,
    size: tuple[int, int],
    seconds: float,
    delays_ms: list[float],
    cpu_s: tuple[float, float],
) -> list[str]:
    pictures = int(seconds * FPS)
    p50, p99 = np.percentile(delays_ms, [50, 99])
    return [
        way,
        f"{size[0]}x{size[1]}",
        f"{p50:.1f}",
        f"{p99:.1f}",
        f"{1000 * cpu_s[0] / pictures:.2f}",
        f"{1000 * cpu_s[1] / pictures:.2f}",
        f"{len(delays_ms)} of {pictures}",
    ]


# ---- who holds the interpreter ---------------------------------------------------------------------


def _spin(stop: Callable[[], bool]) -> None:
    """Work as a busy window does: Python code that gives the interpreter away only when asked."""
    total = 0
    while not stop():
        for i in range(2000):
            total += i * i % 7


def _spin_process(stop: multiprocessing.synchronize.Event) -> None:
    _spin(stop.is_set)


def _late_ms(seconds: float) -> list[float]:
    """How late a sound thread was woken from each sleep of 10 ms."""
    late: list[float] = []
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        time.sleep(BLOCK_S)
        late.append((time.monotonic() - now - BLOCK_S) * 1000)
    return late


def interpreter(seconds: float) -> list[list[str]]:
    """Rows: the sound thread's lateness beside nothing, a busy thread, a busy process."""
    rows = [_late_row("nothing", _late_ms(seconds))]
    stop = threading.Event()
    threads = [threading.Thread(target=_spin, args=(stop.is_set,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    rows.append(_late_row("two busy threads of the same process", _late_ms(seconds)))
    stop.set()
    for thread in threads:
        thread.join()
    halt = _SPAWN.Event()
    children = [_SPAWN.Process(target=_spin_process, args=(halt,)) for _ in range(2)]
    for child in children:
        child.start()
    rows.append(_late_row("two busy processes", _late_ms(seconds)))
    halt.set()
    for child in children:
        child.join()
    return rows


def _late_row(beside: str, late: list[float]) -> list[str]:
    p50, p99 = np.percentile(late, [50, 99])
    return [beside, f"{p50:.2f}", f"{p99:.2f}", f"{max(late):.1f}"]


def report(seconds: float) -> list[str]:
    """Measure everything; Markdown lines."""
    machine = describe()
    head = ["way", "picture", "delay p50 ms", "p99 ms", "writer ms each", "reader ms each", "seen"]
    lines = ["# Two processes: cost and use", "", *(f"* {fact}" for fact in machine), ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for size in ((640, 360), (1280, 720)):
        for way in (shared_memory, socket_pair):
            lines.append("| " + " | ".join(way(size, seconds)) + " |")
    lines += ["", "How late a sound thread is woken from a sleep of 10 ms, beside:", ""]
    lines += ["| beside | p50 ms | p99 ms | worst ms |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in interpreter(seconds)]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ipc")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row")
    parser.add_argument("--out", type=Path, help="also write the report here")
    chosen = parser.parse_args(arguments)
    text = "\n".join(report(chosen.seconds)) + "\n"
    print(text)
    if chosen.out is not None:
        chosen.out.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
