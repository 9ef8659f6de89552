"""Short-lived credentials for the relay (coturn's ``use-auth-secret``).

username = expiry as Unix seconds, colon, random id; credential = base64(HMAC-SHA1(secret, username)),
as in draft-uberti-behave-turn-rest-00. SHA-1 is coturn's choice; HMAC does not need more of it.
"""

import base64
import hmac
import secrets
import time
from typing import Final

from telemed_protocol.talk import IceServer
from telemed_server.settings import Settings

CREDENTIAL_LIFE_S: Final = 600


def turn_credential(secret: bytes, username: str) -> str:
    """Return the password that coturn expects for a username."""
    return base64.b64encode(hmac.digest(secret, username.encode(), "sha1")).decode()


def ice_servers(settings: Settings) -> list[IceServer]:
    """Return STUN and TURN servers with a fresh credential, good for ten minutes."""
    servers = []
    if settings.stun_urls:
        servers.append(IceServer(list(settings.stun_urls)))
    if settings.turn_urls:
        username = f"{int(time.time()) + CREDENTIAL_LIFE_S}:{secrets.token_hex(8)}"
        servers.append(
            IceServer(
                list(settings.turn_urls),
                username,
                turn_credential(settings.turn_secret, username),
            )
        )
    return servers
