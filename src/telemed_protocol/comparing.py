"""Six digits that two persons compare when a PC joins: commit, answer, reveal.

The joining PC commits to a random number together with its keys; a member answers with a number of its
own; only then the joining PC reveals its one, and both show six digits made of all of it. Whoever
stands between has to fix its own number, or its own keys, before it can know what they make, so a guess
is right once in a million and cannot be searched for (as ZRTP, RFC 6189, section 4.4, and Bluetooth's
numeric comparison do).
"""

import hashlib
import hmac
import secrets
from typing import Final

import msgspec

from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.identity import DeviceIdentity, DevicePublic, verify

NONCE_BYTES: Final = 32
MAX_ANSWER_BYTES: Final = 512
_COMMIT: Final = b"telemed/enrol-commit/v1"
_ANSWER: Final = b"telemed/enrol-answer/v1"


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """How a PC asks: what stands fixed before it knows the member's number.

    Attributes:
        lookup_id: Of the code.
        public: The keys of the PC that asks.
        commitment: SHA-256 that binds them to a number not told yet.
    """

    lookup_id: bytes
    public: DevicePublic
    commitment: bytes

    def mac(self, code: EnrolCode) -> bytes:
        """Return the proof that who asks holds the code."""
        return code.mac(b"request/2", msgspec.msgpack.encode(self))

    def check_mac(self, code: EnrolCode, tag: bytes) -> bool:
        """Whether who asks holds the code."""
        return code.check_mac(b"request/2", msgspec.msgpack.encode(self), tag)

    def is_opened_by(self, nonce: bytes) -> bool:
        """Whether this is the number that was committed to."""
        return len(nonce) == NONCE_BYTES and hmac.compare_digest(
            commit(self.lookup_id, self.public, nonce), self.commitment
        )


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a member answers; opaque bytes to the server.

    Attributes:
        public: The member's keys.
        genesis: Hash of the clinic's first member record.
        nonce: The member's number.
        signature: By which any other member sees that a member answered just this opening.
        mac: With the code's key.
    """

    public: DevicePublic
    genesis: bytes
    nonce: bytes
    signature: bytes = b""
    mac: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes to send."""
        return msgspec.msgpack.encode(self)

    def _said(self, opening: Opening) -> bytes:
        bare = msgspec.structs.replace(self, signature=b"", mac=b"")
        return _ANSWER + msgspec.msgpack.encode((opening, bare))

    def signed(self, opening: Opening, code: EnrolCode, identity: DeviceIdentity) -> "Answer":
        """Return it with signature and mac."""
        said = self._said(opening)
        return msgspec.structs.replace(
            self, signature=identity.sign(said), mac=code.mac(b"answer", said)
        )

    def verify(self, opening: Opening, code: EnrolCode) -> None:
        """Check that it belongs to this opening, and comes from who holds code and keys.

        Whether those keys are a member's, the chain tells.

        Raises:
            ForgeryError: It does not.
        """
        said = self._said(opening)
        if not code.check_mac(b"answer", said, self.mac):
            raise ForgeryError("answer mac")
        verify(self.public.signing, self.signature, said)


def new_nonce() -> bytes:
    """Draw the joining PC's number."""
    return secrets.token_bytes(NONCE_BYTES)


def commit(lookup_id: bytes, public: DevicePublic, nonce: bytes) -> bytes:
    """Return the commitment to a number, for these keys and this code only."""
    return hashlib.sha256(_COMMIT + msgspec.msgpack.encode((lookup_id, public, nonce))).digest()


def answer_to(
    opening: Opening, code: EnrolCode, identity: DeviceIdentity, genesis: bytes
) -> Answer:
    """Answer an opening as a member.

    The number is drawn by a key of this PC from the opening itself: nobody else can foresee it, another
    opening gets another, and whoever asks again (a lost answer, a restart) gets no second try.
    """
    nonce = identity.answer_nonce(genesis + msgspec.msgpack.encode(opening))
    return Answer(identity.public, genesis, nonce).signed(opening, code, identity)


def read_answer(data: bytes) -> Answer:
    """Read what the server carried.

    Raises:
        FormatError: Not an answer.
    """
    if len(data) > MAX_ANSWER_BYTES:
        raise FormatError("answer too long")
    try:
        answer = msgspec.msgpack.decode(data, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError("answer") from error
    public = answer.public
    sizes = (len(public.device), len(public.signing), len(public.receiving))
    rest = (len(answer.genesis), len(answer.nonce), len(answer.signature), len(answer.mac))
    if (*sizes, *rest) != (16, 32, 32, 32, NONCE_BYTES, 64, 32):
        raise FormatError("answer sizes")
    return answer


def six_digits(code: EnrolCode, opening: Opening, nonce: bytes, answer: Answer) -> str:
    """Return what both screens show: of both numbers, both keys, the clinic and the code.

    Raises:
        ForgeryError: The number is not the one committed to.
    """
    if not opening.is_opened_by(nonce):
        raise ForgeryError("revealed another number")
    parts = (opening.lookup_id, opening.public, nonce, answer.public, answer.nonce, answer.genesis)
    return code.comparison(msgspec.msgpack.encode(parts))
