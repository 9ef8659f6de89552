"""How we ask the other side to send its voice, in our description's own words (SDP)."""

import re
from typing import Final

from telemed_desk.clinical.ladder import Rung

_THIN_MS: Final = 60
_THIN_BPS: Final = 16_000
_VOICE: Final = re.compile(r"(?m)^m=audio .*(?:\r?\n(?!m=).*)*")
_MOST: Final = re.compile(r"maxaveragebitrate=\d+")
_END: Final = re.compile(r"\r?\n")


def voice_terms(sdp: str, start_rung: int) -> str:
    """Return a description that asks for a voice which fits the rung that the call begins on.

    For a link that carries a voice and no more: packets of 60 ms, whose headers take 8 kbit/s where
    those of 20 ms take 25 (``a=ptime``, RFC 8866), and at most 16 kbit/s of Opus (RFC 7587, 6.1). A
    browser keeps to it for the call. Other links get the description as it is.
    """
    if start_rung > Rung.AUDIO_PHOTOS:
        return sdp

    def thin(section: re.Match[str]) -> str:
        end = _END.search(section[0])
        text = _MOST.sub(f"maxaveragebitrate={_THIN_BPS}", section[0])
        return (
            f"{text.rstrip()}{end[0] if end else ''}a=ptime:{_THIN_MS}"
            + (section[0][len(section[0].rstrip()) :])
        )

    return _VOICE.sub(thin, sdp)
