"""Practice mode: server, fictional clinic, desk window and a patient link on this one PC.

``make run`` starts this. Everything lives in one folder that holds no real person's data and can be
deleted at any time.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Vault, VaultDirectory
from telemed_desk.workflow import practice_data
from telemed_desk.workflow.booking import PatientLink, make_link
from telemed_desk.workflow.day import DAY_MS, start_of_day_ms
from telemed_desk.workflow.set_up import NewDesk, set_up
from telemed_protocol.errors import KnownError

USUAL_PORT = 47710


@dataclass(frozen=True, slots=True)
class PracticeServer:
    """The small server, as its own process."""

    process: "subprocess.Popen[str]"
    origin: str
    data: Path

    def stop(self) -> None:
        """End it in good order."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def free_port(wanted: int) -> int:
    """Return the wanted loopback port if nobody has it, else another one."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on loopback")


def start_server(
    data: Path, port: int, log: Path, also_reached_at: Sequence[str] = ()
) -> PracticeServer:
    """Start the server and wait until it says that it is ready."""
    data.mkdir(parents=True, exist_ok=True)
    origin = f"http://127.0.0.1:{port}"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "telemed_server", "serve",
                "--host", "127.0.0.1", "--port", str(port),
                "--data", str(data),
                *(word for name in (origin, *also_reached_at) for word in ("--origin", name)),
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 - asked for two lines above
    line = process.stdout.readline()
    try:
        ready = json.loads(line)["ready"]
    except (ValueError, KeyError) as error:
        process.kill()
        raise SystemExit(f"practice: the server did not start; see {log}") from error
    if not ready:
        raise SystemExit(f"practice: the server did not start; see {log}")
    return PracticeServer(process, origin, data)


def founding_code(data: Path) -> str:
    """Have the server make a code that founds a clinic."""
    made = subprocess.run(
        [sys.executable, "-m", "telemed_server", "code", "--data", str(data)],
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip().splitlines()[-1]


async def prepare(vault_path: Path, server: PracticeServer) -> PatientLink:
    """Set the practice vault up if it is new, book today's visits, and link the first patient."""
    directory = VaultDirectory(vault_path)
    now_ms = time.time_ns() // 1_000_000
    if directory.exists():
        clinician = directory.clinicians()[0]
        vault = await asyncio.to_thread(
            directory.unlock, clinician.entity, practice_data.PASSPHRASE
        )
    else:
        vault = await _new_vault(directory, server, now_ms)
    client = ServerClient(server.origin, vault.identity)
    try:
        today = start_of_day_ms(now_ms)
        booked = vault.today(today, today + DAY_MS)
        if not any(c.state.value in ("booked", "waiting") for c, _ in booked):
            patients = sorted({p.entity for _, p in vault.today(0, today + DAY_MS)})
            bookings = practice_data.practice_bookings(patients, vault.clinician.entity, now_ms)
            vault.commit(*bookings).result()
            booked = vault.today(today, today + DAY_MS)
        first = next(c for c, _ in booked if c.state.value in ("booked", "waiting"))
        return await make_link(vault, client, first, now_ms)
    finally:
        await client.aclose()
        await asyncio.to_thread(vault.lock)


async def _new_vault(directory: VaultDirectory, server: PracticeServer, now_ms: int) -> Vault:
    result = await set_up(
        directory,
        NewDesk(
            server_url=server.origin,
            code=founding_code(server.data),
            clinician_name=practice_data.CLINICIAN,
            role=practice_data.CLINICIAN_ROLE,
            passphrase=practice_data.PASSPHRASE,
            clinic_name=practice_data.CLINIC_NAME,
            clinic_phone=practice_data.CLINIC_PHONE,
            pc_label="Practice PC",
        ),
        lambda _step: None,
    )
    if result.problem is not None:
        raise result.problem
    vault = result.vault
    if vault is None:
        raise SystemExit("practice: set-up failed")
    drafts = practice_data.practice_ops(
        vault.clinic or b"", vault.clinician.entity, vault.identity.device, now_ms
    )
    vault.commit(*drafts).result()
    return vault


def has_display() -> bool:
    """Return whether a window can be shown here."""
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def default_data() -> Path:
    """Return where practice data lives for this user."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "telemed-desk" / "practice"


def main(arguments: list[str] | None = None) -> int:
    """Run practice mode; return the exit code."""
    parser = argparse.ArgumentParser(prog="telemed-desk practice", description=__doc__)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--camera", default="default")
    parser.add_argument("--microphone", default="default")
    parser.add_argument("--speaker", default="default")
    options = parser.parse_args(arguments)
    if not has_display() and os.environ.get("QT_QPA_PLATFORM") is None:
        print("No display here, so this shows the tour instead: the real windows offscreen,")
        print(
            "the real server, and a browser as the patient. Pictures go to build/tour/.", flush=True
        )
        return subprocess.call(
            [sys.executable, "-m", "tests.end_to_end.tour", "--out", "build/tour"]
        )
    options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    print("Starting the small server on this PC …")
    server = start_server(
        options.data / "server", free_port(USUAL_PORT), options.data / "server.log"
    )
    try:
        try:
            link = asyncio.run(prepare(options.data / "vault", server))
        except KnownError as error:
            print(f"{error.sentence} {error.next_step}")
            print(f"Practice data can be deleted at any time: {options.data}")
            return 1
        print(f"""
Practice mode: a fictional clinic, fictional patients.
  Passphrase of {practice_data.CLINICIAN}:  {practice_data.PASSPHRASE}
  The first patient's link, for any browser on this PC:
    {link.url}
  (year of birth of the first patient: 1959)
""")
        from telemed_desk.desk import run_desk  # Qt is loaded only when there is a window to show

        return run_desk(
            data=options.data,
            server_url=server.origin,
            devices=(options.camera, options.microphone, options.speaker),
            practice=True,
            practice_passphrase=practice_data.PASSPHRASE,
        )
    finally:
        server.stop()


if __name__ == "__main__":
    raise SystemExit(main())
