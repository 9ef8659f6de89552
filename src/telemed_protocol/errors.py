"""The one tree of errors that a person may meet.

::

    TelemedError
    ├── KnownError            the world is not as we need it; nobody's bug
    │   ├── FormatError       bytes that are not what they claim to be
    │   ├── ForgeryError      a seal, signature or chain does not verify
    │   └── ...               each package adds its own, next to the code that raises it
    └── BugError              ours; shown as one

A known error has a stable ``code``, a ``sentence`` for the clinician and a ``next_step``. None of the
three may contain what a patient or clinician wrote, a name, a number or an address.
"""

from typing import ClassVar, Final

import msgspec


class TelemedError(Exception):
    """Root of every error that this product raises on purpose."""


class KnownError(TelemedError):
    """The environment stands in the way: say what, and what to do next.

    Args:
        detail: Technical words for the log and the "Details" fold; free of personal data.
    """

    code: ClassVar[str] = "TD-000"
    sentence: ClassVar[str] = "Something on this PC or the link stands in the way."
    next_step: ClassVar[str] = "Try again. If it stays, send the report for IT."

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{self.code}: {self.sentence}" + (f" ({detail})" if detail else ""))
        self.detail = detail


class BugError(TelemedError):
    """A state that our own code should have made impossible."""


class FormatError(KnownError):
    """Bytes that do not parse as what they claim to be."""

    code = "TD-FMT-001"
    sentence = "Data arrived damaged or from a newer version."
    next_step = "Nothing was changed. Update this PC, or ask for the data to be sent again."


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Everything msgspec raises for bytes that a stranger chose (the latter two are no DecodeError)."""


class ForgeryError(KnownError):
    """A seal, signature, or hash chain does not verify."""

    code = "TD-SEC-001"
    sentence = "A message did not come from where it claims, and was refused."
    next_step = "Do not continue this connection. Tell your IT contact the code."
