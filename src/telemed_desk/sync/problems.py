"""What can stand between this PC and the server, in words for the clinician."""

from telemed_protocol.errors import ForgeryError, KnownError


class ServerUnreachable(KnownError):
    """No route, no name, no answer, or the line broke."""

    code = "TD-NET-001"
    sentence = "The server cannot be reached. Your work is kept on this PC."
    next_step = "Nothing to do: this PC tries again by itself. Check the network if it stays."


class NotAuthorised(KnownError):
    """The server does not accept this PC as a member of the clinic."""

    code = "TD-NET-002"
    sentence = "The server does not know this PC, or no longer accepts it."
    next_step = "Ask who looks after the clinic's PCs whether this one was removed."


class ServerBusy(KnownError):
    """The server answered that it cannot take this now.

    Args:
        detail: Status and code.
        retry_after_s: How long the server asks us to wait, when it says so.
    """

    code = "TD-NET-003"
    sentence = "The server is busy. Your work is kept on this PC."
    next_step = "Nothing to do: this PC tries again by itself."

    def __init__(self, detail: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Refused(KnownError):
    """The server understood the request and said no.

    Args:
        reason: The server's stable code.
        status: The HTTP status.
    """

    code = "TD-NET-004"
    sentence = "The server refused what this PC sent. It is kept on this PC."
    next_step = "Send the report for IT: it names the reason."

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(f"{status} {reason}")
        self.reason = reason
        self.status = status


class CertificateUntrusted(KnownError):
    """TLS worked, but not with whom we meant."""

    code = "TD-NET-005"
    sentence = "The server's identity could not be confirmed, so nothing was sent."
    next_step = "Check this PC's date and time. On a public network, sign in to it first."


class BadAnswer(KnownError):
    """Something answered that does not speak our protocol: a proxy's page, or another version."""

    code = "TD-NET-006"
    sentence = "What answered is not the clinic's server, or it is of another version."
    next_step = "On a public network, sign in to it first. Otherwise check the server's address."


class InsecureServer(KnownError):
    """An address without TLS that is not this PC itself."""

    code = "TD-NET-007"
    sentence = "That address is not protected, so this PC does not use it."
    next_step = "Use the address that begins with https."


class OriginalNotThere(KnownError):
    """A photo's own file is not whole on the server: the PC that took it has not sent all of it."""

    code = "TD-NET-008"
    sentence = "The photo itself has not arrived yet. Its small preview is in the record."
    next_step = "It follows when the PC that took it is on and has a connection."


class NoRoomForOriginals(Refused):
    """The clinic's share of the server is full of photos; notes are not held back by that."""

    code = "TD-NET-009"
    sentence = "The server has no more room for this clinic's photos. They are kept on this PC."
    next_step = "Ask who looks after the server for more room. Notes are sent as before."


class DeskRemoved(NotAuthorised):
    """The clinic removed this PC; by the server's word, or by a member's record."""

    code = "TD-NET-010"
    sentence = "This PC was removed from the clinic. It sends and receives nothing any more."
    next_step = (
        "What was recorded here stays on this PC: export it from each patient's record (Ctrl+K). "
        "If this is a mistake, ask a clinician at another PC to add this one anew."
    )


class ServerInconsistent(ForgeryError):
    """The server's log contradicts what this PC, or another of the clinic, has seen of it.

    Args:
        reason: ``gap``, ``rollback``, ``fork``, ``withheld``, ``lane-chain``, ``signature``,
            ``stranger``, ``removed``, ``clinic``, ``seen``, ``members`` or ``keys``.
        sseq: At which number of the log it showed.
    """

    code = "TD-SEC-002"
    sentence = "The server's records do not match what this PC has seen. Nothing was taken over."
    next_step = "Go on working: everything is kept here. Tell your IT contact the code."

    def __init__(self, reason: str, sseq: int) -> None:
        super().__init__(f"{reason} at {sseq}")
        self.reason = reason
        self.sseq = sseq


class DeviceTwin(ForgeryError):
    """Two machines, or a machine and its own older copy, write under this PC's name.

    The numbers of segments and entries are used twice, so neither side's word can be taken for the
    other's. Everything stays where it is until this PC has a name of its own again.

    Args:
        what: ``segment``, ``entry`` or ``server`` (the server has other bytes under our number).
        number: Which number is used twice.
    """

    code = "TD-SEC-003"
    sentence = "Another PC, or an older copy of this one, works under this PC's name."
    next_step = "Go on working: everything is kept here. Ask your IT contact to add this PC anew."

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what} {number}")
        self.what = what
        self.number = number


class CodeRefused(KnownError):
    """The server does not accept the typed code."""

    code = "TD-ENR-002"
    sentence = (
        "This code is not valid here: it was used already, has expired, or is for another server."
    )
    next_step = "Ask for a new code, and check the server's address."


class EnrolTooOld(KnownError):
    """A desk or a server of before the six digits were committed to; there is no way around them."""

    code = "TD-ENR-004"
    sentence = "The other PC, or the server, is of an older version that compares numbers unsafely."
    next_step = "Install the same version on both PCs and the server, then start again."


class EnrolTooMany(KnownError):
    """More requests came with one code than a person makes who mistypes."""

    code = "TD-ENR-005"
    sentence = "Too many PCs asked with the same code. It may be in wrong hands."
    next_step = "Do not add any of them. Make a new code, and give it to one person only."


class WrongKindOfCode(KnownError):
    """A code that founds a clinic where one that adds a PC is needed, or the other way round."""

    code = "TD-ENR-003"
    sentence = "That is the other kind of code."
    next_step = "A code with TMC sets up a new clinic. A code with TMD adds this PC to your clinic."
