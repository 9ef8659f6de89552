"""A real relay server (coturn) in a namespace of its own, with certificates of its own.

::

    async with Coturn(town["relay"], secret="north") as relay:
        spec = relay.spec("udp", "tcp", "tls")            # good for ten minutes
        relay.kill()
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from telemed_desk.media.control import IceServerSpec
from telemed_server.ice import turn_credential

from .town import House

PORT, TLS_PORT = 3478, 443
NAME = "relay.test"
_START_S = 20.0


class CoturnUnavailable(Exception):
    """This machine has no coturn: install the Debian package, as scripts/setup.sh does."""


class Certificates:
    """An authority of our own, for as long as a test lives.

    Attributes:
        folder: Where the files are.
        authority: The file that a client must trust (``SSL_CERT_FILE``).
    """

    def __init__(self, *names: str) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        self.folder.chmod(0o755)
        self.authority = self.folder / "authority.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        issued = authority.issue_cert(*names)
        issued.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        for blob in issued.cert_chain_pems:
            blob.write_to_path(str(self.folder / "cert.pem"), append=True)

    def close(self) -> None:
        """Remove the files."""
        self._temporary.cleanup()


class Coturn:
    """One relay server.

    Args:
        house: Where it runs.
        secret: Shared secret of time-limited credentials (coturn's ``use-auth-secret``).
        options: Further options of turnserver.
    """

    def __init__(self, house: House, *options: str, secret: str = "north") -> None:
        self.house = house
        self.secret = secret
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._certificates: Certificates | None = None
        self._log: Path | None = None

    @property
    def authority(self) -> Path:
        """The certificate that a client must trust."""
        assert self._certificates is not None
        return self._certificates.authority

    @property
    def address(self) -> str:
        """The address in a URL."""
        return self.house.v4 or f"[{self.house.v6}]"

    def spec(
        self, *ways: str, life_s: float = 600, secret: str | None = None, user: str = "test"
    ) -> IceServerSpec:
        """Return its addresses with a credential such as our server gives out."""
        urls = {
            "stun": f"stun:{self.address}:{PORT}",
            "udp": f"turn:{self.address}:{PORT}?transport=udp",
            "tcp": f"turn:{self.address}:{PORT}?transport=tcp",
            "tls": f"turns:{self.address}:{TLS_PORT}?transport=tcp",
        }
        username = f"{int(time.time() + life_s)}:{user}"
        credential = turn_credential((secret or self.secret).encode(), username)
        return IceServerSpec([urls[way] for way in ways], username, credential)

    async def __aenter__(self) -> Self:
        program = shutil.which("turnserver")
        if program is None:
            raise CoturnUnavailable
        own = [address for address in (self.house.v4, self.house.v6) if address]
        self._certificates = Certificates(NAME, *own)
        folder = self._certificates.folder
        self._log = folder / "coturn.log"
        addresses = [word for one in own for word in (f"-L{one}", f"-E{one}")]
        words = (
            *("-n", "--no-cli", "--no-dtls", "--simple-log", "--verbose", "--fingerprint"),
            *("--realm=test", "--use-auth-secret", f"--static-auth-secret={self.secret}"),
            *(f"--listening-port={PORT}", f"--tls-listening-port={TLS_PORT}"),
            *(f"--cert={folder / 'cert.pem'}", f"--pkey={folder / 'key.pem'}"),
            *(f"--userdb={folder / 'turndb'}", f"--pidfile={folder / 'pid'}"),
            *("--log-file=stdout", "--relay-threads=1", "--no-multicast-peers"),
        )
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.house.command(program, *words, *addresses, *self._options),
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        await self._until_it_listens()
        return self

    async def _until_it_listens(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.returncode is not None:
                break
            asked = await asyncio.create_subprocess_exec(
                *self.house.command("ss", "-Hltn", f"sport = :{TLS_PORT}"),
                stdout=asyncio.subprocess.PIPE,
            )
            if (await asked.communicate())[0].strip():
                return
            await asyncio.sleep(0.1)
        raise CoturnUnavailable(self.log()[-2000:])

    def log(self) -> str:
        """What it has written so far."""
        return "" if self._log is None else self._log.read_text(errors="replace")

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.kill()
            await self._process.wait()
        if self._certificates is not None:
            self._certificates.close()
