"""Whether the server's name is known here, and who vouches for what answers under it (N1).

Firewalls that read along put a certificate of their own in place of the server's, signed by an authority
that was installed on this PC.
"""

import asyncio
import socket
import ssl
import time
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS

LOOK_UP_S: Final = 4.0
INSPECTORS: Final = (
    *("avast", "barracuda", "bitdefender", "blue coat", "broadcom", "checkpoint", "check point"),
    *("cisco umbrella", "eset", "forcepoint", "fortigate", "fortinet", "kaspersky", "mcafee"),
    *("netskope", "netspark", "palo alto", "securly", "smoothwall", "sonicwall", "sophos"),
    *("squid", "symantec web security", "trellix", "untangle", "watchguard", "zscaler"),
    *("lightspeed", "linewize", "blocksi", "mitmproxy", "charles proxy", "fiddler"),
)
"""Makers of firewalls, filters and virus scanners as they name themselves in such certificates."""
PUBLIC: Final = (
    *("let's encrypt", "digicert", "sectigo", "google trust services", "globalsign", "zerossl"),
    *("amazon", "entrust", "godaddy", "certum", "asseco", "actalis", "harica", "buypass"),
    *("ssl corp", "swisssign", "quovadis", "comodo", "telesec", "d-trust", "identrust"),
)
"""Public authorities that sign for servers: none of them signs for a firewall."""


async def name_finding(host: str) -> Finding:
    """Look the server's name up, as any program would; a literal address needs none."""
    limit = LIMITS["N1.dns"]
    if is_literal(host):
        return limit.passed()
    loop = asyncio.get_running_loop()
    begun = time.monotonic()
    try:
        async with asyncio.timeout(LOOK_UP_S):
            await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        return limit.failed(
            "The name server (DNS) of this network does not answer.",
            "Restart the router, or ask your IT contact.",
        )
    except OSError as error:
        offline = getattr(error, "errno", None) == socket.EAI_AGAIN
        return limit.failed(
            "Names cannot be looked up: this network has no name server (DNS), or is offline."
            if offline
            else "The name server (DNS) of this network does not know the clinic's server.",
            "Check the network cable or Wi-Fi, and the server's name in the set-up.",
        )
    return limit.judge(round(time.monotonic() - begun, 2))


def is_literal(host: str) -> bool:
    """Return whether a host is an address and no name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def issuer_of(certificate: bytes) -> str:
    """Return who signed a certificate (DER): organisation, else common name; empty = unreadable."""
    try:
        issuer = x509.load_der_x509_certificate(certificate).issuer
    except ValueError:
        return ""
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for attribute in issuer.get_attributes_for_oid(kind):
            return str(attribute.value)
    return ""


def issuer_finding(issuer: str, usual: str, *, own_authority: bool = False) -> Finding:
    """Judge who vouches for the server.

    Args:
        issuer: See :func:`issuer_of`.
        usual: The issuer of earlier checks; empty = not known.
        own_authority: This PC was set up to trust one authority and no other.
    """
    limit = LIMITS["N1.issuer"]
    low = issuer.lower()
    if not issuer:
        return limit.unknown("Who signed the server's certificate cannot be read.")
    if own_authority:
        return limit.judge(1)
    if any(name in low for name in INSPECTORS):
        return limit.judge(0, cause=f"{issuer} opens encrypted connections of this PC.")
    if issuer == usual or any(name in low for name in PUBLIC):
        return limit.judge(1)
    if usual:
        return limit.judge(
            0, cause=f"The server's certificate is from {issuer}; until now it was from {usual}."
        )
    return limit.unknown(
        f"The server's certificate is from {issuer}, no public authority.",
        "Ask your IT contact whether it is the clinic's own.",
    )


def certificate_problem(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Find what was wrong with a certificate in the causes of an error; None = it was not that."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
