"""The far side of a check, in its own network namespace: the real server with its responder.

``python -m benchmarks.prediction.far_end FOLDER CERTIFICATE KEY ADDRESS`` founds a clinic, prints the
server's port and a token as one line of JSON, and ends when its standard input does.
"""

import json
import sys
from pathlib import Path

from tests.server.rig import WIDE, Desk, ServerProcess


class _TlsServer(ServerProcess):
    """Speaks TLS itself; the clinic is founded from beside it, over loopback."""

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")


def main(folder: str, certificate: str, key: str, address: str) -> None:
    """Serve until standard input ends."""
    options = ["--host", "0.0.0.0", "--tls-cert", certificate, "--tls-key", key]
    options += ["--origin", f"https://{address}", "--origin", "https://127.0.0.1"]
    with _TlsServer(Path(folder) / "data", *WIDE, *options) as server:
        desk = Desk.founding(server)
        print(json.dumps({"port": server.port, "token": desk.token}), flush=True)
        sys.stdin.read()
        desk.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
