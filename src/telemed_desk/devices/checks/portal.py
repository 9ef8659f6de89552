"""Whether the network wants a sign-in on a web page first (N2): a captive portal.

The server answers ``/generate_204`` with nothing but an echo of what was asked, so that neither a portal
nor a cache can answer for it.
"""

import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_protocol.api import ECHO_HEADER

ASK_S: Final = 1.5
"""A portal is next door; a server that was reached is given more time."""
REACHED_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class PortalAnswer:
    """What came back.

    Attributes:
        status: Of HTTP; None = nothing came.
        echo: The server repeated what was asked.
        empty: There was no body.
        elsewhere: It sends to another host.
    """

    status: int | None
    echo: bool = False
    empty: bool = True
    elsewhere: bool = False


async def portal_finding(client: httpx.AsyncClient, base_url: str, *, reached: bool) -> Finding:
    """Ask for nothing, and look whether nothing comes.

    Args:
        client: As for all requests to the server.
        base_url: Of the server.
        reached: The server was reached; else it is asked without encryption, which is what portals
            intercept, for nothing secret.
    """
    parts = urlsplit(base_url)
    url = base_url if reached or parts.scheme == "http" else f"http://{parts.hostname}"
    return judge(await ask(client, url, REACHED_S if reached else ASK_S), reached=reached)


async def ask(client: httpx.AsyncClient, url: str, seconds: float) -> PortalAnswer:
    """Ask under this address, and wait so long."""
    sent = secrets.token_hex(8)
    try:
        answer = await client.get(
            f"{url}/generate_204", params={"n": sent}, follow_redirects=False, timeout=seconds
        )
    except (httpx.HTTPError, httpx.InvalidURL):
        return PortalAnswer(None)
    target = urlsplit(answer.headers.get("location", ""))
    return PortalAnswer(
        answer.status_code,
        echo=answer.headers.get(ECHO_HEADER) == sent,
        empty=not answer.content,
        elsewhere=bool(target.hostname) and target.hostname != urlsplit(url).hostname,
    )


def judge(answer: PortalAnswer, *, reached: bool) -> Finding:
    """Tell a portal from a server that is away."""
    limit = LIMITS["N2"]
    if answer.status == 204 and answer.echo and answer.empty:
        return limit.judge(1)
    if answer.status is None:
        return limit.unknown("Nothing answers at all.", "Check the network cable or Wi-Fi.")
    redirected = 300 <= answer.status < 400
    if redirected and not answer.elsewhere:
        return limit.unknown(
            "The server answers only over an encrypted connection.", "Check again."
        )
    if redirected or answer.status == 511 or (answer.status == 200 and not answer.empty):
        return limit.judge(0)  # 511: RFC 6585, 6
    if reached:
        return limit.unknown("The server is too old to tell.", "Ask your IT contact to update it.")
    return limit.unknown("Something answers for the server, but not as a sign-in page.")
