"""The member chain as the server tells it, checked against the chain that this PC already holds."""

from collections.abc import Sequence

from telemed_desk.sync.problems import ServerInconsistent
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.membership import MemberChain, SignedRecord


def verified_chain(records: Sequence[SignedRecord]) -> MemberChain:
    """Build a chain from records; every one is checked.

    Raises:
        ForgeryError: A record that no member signed, or out of order.
        FormatError: Not a record.
    """
    chain = MemberChain()
    for record in records:
        chain.extend(record)
    return chain


def grown_chain(known: MemberChain, records: Sequence[SignedRecord]) -> MemberChain:
    """Return the server's chain if it is the known one, grown.

    Raises:
        ServerInconsistent: It left the known chain, or a new record does not verify.
    """
    held = len(known.records)
    if list(records[:held]) != known.records:
        raise ServerInconsistent("members", held)
    try:
        return verified_chain(records)
    except (ForgeryError, FormatError) as error:
        raise ServerInconsistent("members", len(records)) from error
