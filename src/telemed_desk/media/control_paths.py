"""What desk and media process say of paths through the network; part of :mod:`.control`."""

import msgspec


class IceServerSpec(msgspec.Struct, frozen=True):
    """A STUN or TURN server."""

    urls: list[str]
    username: str = ""
    credential: str = ""


class UseServers(msgspec.Struct, frozen=True, tag_field="t", tag="use-servers"):
    """Relays' credentials end before a call does: ask these servers from the next restart on.

    ``restart``: and offer another path now, because the other side noticed first that this one is gone.
    """

    call: str
    ice_servers: list[IceServerSpec] = []
    restart: bool = False


class PathWanted(msgspec.Struct, frozen=True, tag_field="t", tag="path-wanted"):
    """As answerer: the path is silent, and the side that offers should be asked for another."""

    call: str


class RelayState(msgspec.Struct, frozen=True, tag_field="t", tag="relay-state"):
    """What asking a relay for an address led to.

    ``server`` is its way and address; ``code`` is empty = works, or ``relay-refused``,
    ``relay-expired``, ``relay-quota``, ``relay-unreachable``, ``relay-certificate``, ``relay-name``,
    ``relay-error``. The call goes on with what works.
    """

    call: str
    server: str
    code: str = ""
