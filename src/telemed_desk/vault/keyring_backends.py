"""Which keyrings may hold a secret of ours: an allow-list of exact classes.

The ``keyring`` library takes whatever was installed beside it, and a package for files in clear is one
of the things that people install. So what it offers is looked at by class, never by name or priority.
Importing it takes 0.1 to 0.3 s and may ask the session bus: done in the keyring's own thread only.
"""

import copy
from collections.abc import Mapping
from typing import Final

import keyring
from keyring.backend import KeyringBackend
from keyring.backends import SecretService, Windows, chainer, fail, kwallet, macOS

from telemed_desk.vault.problems import KeyringElsewhere, KeyringNotAllowed

Kinds = Mapping[type[KeyringBackend], Mapping[str, str]]
"""Classes that may be used, exactly these and no subclass, and what is set on each."""

ALLOWED: Final[Kinds] = {
    # Windows would let it roam to a server with the account if it were not told to stay.
    Windows.WinVaultKeyring: {"persist": "local machine"},
    macOS.Keyring: {},
    SecretService.Keyring: {},
    kwallet.DBusKeyring: {},
}


def name_of(kind: type[KeyringBackend]) -> str:
    """Return module and class, as a slot names it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def system_keyring() -> KeyringBackend:
    """Return what this account's environment, its configuration or the library chooses.

    The library remembers for good that it found none. A desk that was started before the desktop's
    keyring looks again, among those that are allowed.
    """
    offered = keyring.get_keyring()
    if type(offered) is fail.Keyring:
        return next((kind() for kind in ALLOWED if kind.viable), offered)
    return offered


def choose(offered: KeyringBackend, kinds: Kinds) -> KeyringBackend:
    """Return the first one that may be used; a chain is looked into and never used itself.

    Raises:
        KeyringNotAllowed: There is none. Nothing is taken in its place.
    """
    links = offered.backends if type(offered) is chainer.ChainerBackend else (offered,)
    for backend in links:
        if type(backend) in kinds:
            return _prepared(backend, kinds)
    raise KeyringNotAllowed(name_of(type(offered)))


def find(name: str, offered: KeyringBackend, kinds: Kinds) -> KeyringBackend:
    """Return the keyring that a slot names, also when another one is preferred here by now.

    Raises:
        KeyringNotAllowed: The slot names none that may be used.
        KeyringElsewhere: It may be used, and does not run here.
    """
    kind = next((kind for kind in kinds if name_of(kind) == name), None)
    if kind is None:
        raise KeyringNotAllowed("named by the slot")
    links = offered.backends if type(offered) is chainer.ChainerBackend else (offered,)
    for backend in links:
        if type(backend) is kind:
            return _prepared(backend, kinds)
    if not kind.viable:
        raise KeyringElsewhere(name)
    return _prepared(kind(), kinds)


def _prepared(backend: KeyringBackend, kinds: Kinds) -> KeyringBackend:
    own = copy.copy(backend)
    for attribute, value in kinds[type(backend)].items():
        # Not by the library's with_properties, which a class's own descriptor overrides.
        setattr(own, attribute, value)
    return own
