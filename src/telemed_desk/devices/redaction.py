"""Takes out of a text what would tell who, where or which device. Pure.

For texts that leave this PC: the report for IT. Rules, not a list of known secrets: whatever has the
shape of an address, a serial number, a user's folder or a person's device goes.
"""

import re
from collections.abc import Iterable

HIDDEN = "[removed]"

_IPV4 = r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b"
# Wider than the grammar on purpose: whatever is made of hexadecimal digits and two colons goes.
_IPV6 = r"(?<![\w:])(?=(?:[0-9A-Fa-f]*:){2})[0-9A-Fa-f:.]+(?:%\w+)?"
_MAC = r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,7}\b"
_URL = r"\b[a-z][a-z0-9+.-]{1,15}://\S+"
_MAIL = r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"
_HOST = (
    r"\b(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,24})\b"
    r"(?=$|[\s:/,;)\]'\"]|\.(?:\s|$))"
)
_HOME = r"(?:[A-Za-z]:)?[\\/](?:home|Users|users|root)(?:[\\/][^\\/\s\"']+)*"
_DEVICE_PATH = r"/dev/\S+|\\\\\?\\\S+|@device_pnp_\S+"
# Whose it is; the words of our own sentences stay.
_OWNED = (
    r"(?!(?:Server|Clinic|Computer|It|What|That|There)['\u2019]s\b)"
    r"\b[A-Z][\w-]*(?:['\u2019]s)\s+(?=\w)"
)
_PHONE = r"(?<!\w)\+\d[\d ()-]{7,}\d"
# Letters and digits mixed, as serial numbers and hardware ids are; or a long run of digits.
_SERIAL = (
    r"\b(?=[A-Za-z0-9_-]*\d[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{8,}\b"
    r"|\b\d{7,}\b"
)
_RULES = tuple(
    re.compile(rule)
    for rule in (
        _URL, _MAIL, _HOME, _DEVICE_PATH, _MAC, _IPV6, _IPV4, _PHONE, _OWNED, _HOST, _SERIAL,
    )
)  # fmt: skip


def redacted(text: str, also: Iterable[str] = ()) -> str:
    """Return the text without addresses, serial numbers, folders and owners' names.

    Args:
        text: One line of a report.
        also: Words that are known to be secret here, such as this PC's and this user's names.
    """
    for secret in sorted((word for word in also if len(word) > 1), key=len, reverse=True):
        text = re.sub(re.escape(secret), HIDDEN, text, flags=re.IGNORECASE)
    for rule in _RULES:
        text = rule.sub(_replacement, text)
    return text


def _replacement(match: re.Match[str]) -> str:
    # "Achieng's headset" keeps its noun, and the space before it.
    return f"{HIDDEN} " if match.group().endswith((" ", "\t")) else HIDDEN
