"""The patient's link, and the sealed messages between that page and a desk.

``https://HOST/j/<jti>#1.<secret>``: the server learns SHA-256 of ``jti`` when the link is made and
``jti`` when it is opened; the secret after ``#`` never leaves the browser. Everything that page and
desk tell each other (intake, consent, offers, answers, candidates) travels in boxes sealed with keys
from that secret, so the server can neither read it nor swap a DTLS fingerprint.

Primitives are those that WebCrypto has: HKDF-SHA256 and AES-256-GCM.
"""

import hashlib
import secrets
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.ids import from_base64url, to_base64url

LINK_VERSION: Final = 1
BOX_VERSION: Final = 1
JTI_BYTES: Final = 16
SECRET_BYTES: Final = 16
NONCE_BYTES: Final = 12
MAX_BOX_BYTES: Final = 64 * 1024

Direction = Literal["to-desk", "to-page", "card"]


class JoinLink:
    """One invitation: a public name (``jti``) and a secret."""

    def __init__(self, jti: bytes, secret: bytes) -> None:
        if len(jti) != JTI_BYTES or len(secret) != SECRET_BYTES:
            raise FormatError("join link")
        self.jti = jti
        self.secret = secret

    def __repr__(self) -> str:
        """Never show the secret."""
        return "JoinLink(…)"

    @classmethod
    def generate(cls) -> "JoinLink":
        """Make a fresh link."""
        return cls(secrets.token_bytes(JTI_BYTES), secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def parse(cls, url: str) -> "JoinLink":
        """Read a link.

        Raises:
            FormatError: Not one of ours.
        """
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise FormatError("join link") from error
        version, _, secret = parts.fragment.partition(".")
        if version != str(LINK_VERSION) or not parts.path.startswith("/j/"):
            raise FormatError("join link")
        return cls(from_base64url(parts.path.removeprefix("/j/")), from_base64url(secret))

    def url(self, origin: str) -> str:
        """Return the link as the patient gets it; ``origin`` has no trailing slash."""
        return f"{origin}/j/{to_base64url(self.jti)}#{LINK_VERSION}.{to_base64url(self.secret)}"

    @property
    def jti_hash(self) -> bytes:
        """What the server stores before the link is opened."""
        return hashlib.sha256(b"telemed/jti/v1" + self.jti).digest()

    def _key(self, direction: Direction) -> AESGCM:
        info = b"telemed/link/v1/" + direction.encode()
        return AESGCM(HKDF(SHA256(), 32, salt=self.jti, info=info).derive(self.secret))

    def _aad(self, direction: Direction) -> bytes:
        return b"telemed/box/v1/" + direction.encode() + b"/" + self.jti

    def seal(self, direction: Direction, plain: bytes) -> bytes:
        """Seal: version byte, 12-byte random nonce, ciphertext with tag."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        box = self._key(direction).encrypt(nonce, plain, self._aad(direction))
        return bytes([BOX_VERSION]) + nonce + box

    def open(self, direction: Direction, box: bytes) -> bytes:
        """Open what the other side sealed.

        Raises:
            ForgeryError: Made without the link's secret, for the other direction, or altered.
            FormatError: Too short, too long, or of another version.
        """
        if not 1 + NONCE_BYTES + 16 <= len(box) <= MAX_BOX_BYTES or box[0] != BOX_VERSION:
            raise FormatError("box")
        nonce, sealed = box[1 : 1 + NONCE_BYTES], box[1 + NONCE_BYTES :]
        try:
            return self._key(direction).decrypt(nonce, sealed, self._aad(direction))
        except InvalidTag as error:
            raise ForgeryError("box seal") from error


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the page shows before the patient says who they are. Sealed with direction ``card``."""

    clinic: str
    clinician: str
    patient: str
    starts_at: str = ""
    clinic_phone: str = ""
    role: str = ""
    """Empty for the patient; else "carer", "interpreter" or "colleague", who are not asked for a
    year of birth."""


class Sequence:
    """Numbers outgoing messages of one side, and refuses replays of the other's.

    Each run of a page or a desk picks a random ``sid`` and counts ``n`` from 1.
    """

    def __init__(self) -> None:
        self.sid = secrets.token_hex(8)
        self._sent = 0
        self._heard: dict[str, int] = {}

    def next(self) -> tuple[str, int]:
        """Return the sid and number for the next message."""
        self._sent += 1
        return self.sid, self._sent

    def accept(self, sid: str, n: int) -> bool:
        """Return whether a message is new; an old or repeated one is not."""
        if n <= self._heard.get(sid, 0):
            return False
        self._heard[sid] = n
        return True
