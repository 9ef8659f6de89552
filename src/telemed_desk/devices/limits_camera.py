"""What passes, what warns, and what that costs: the camera's part of :mod:`.limits`."""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group
from telemed_desk.devices.judging import Limit

_HD, _VIDEO, _LOW, _AUDIO = Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS
_C = Group.CAMERA

CHART_CHECKS = frozenset({"C10", "C12", "C12.skin"})
"""Judged only when a person holds a colour chart up; no ordinary run reports them."""

# ---- how pictures are measured ------------------------------------------------------------------

LOOK_WIDTH = 640
"""Pictures are judged at this width: sharpness depends on it."""
MIN_PICTURES = 8
"""Fewer say nothing about steadiness."""
SETTLE_S = 0.5
"""A camera that was just opened still finds its exposure and its rate."""
BLACK_MEAN, BLACK_SPREAD = 16.0, 4.0
"""Luma below which a picture without structure is a covered lens, not a dark room."""
BURNT_LUMA, CRUSHED_LUMA = 250, 8
LATE_S = 0.5
"""Pictures that reached us this long after they were taken: it is this PC that is too busy."""
MAINS_HZ = 50
"""Lamps flicker at twice this. 50 Hz in Africa, Asia, Europe; 60 Hz in the Americas."""
STANDING_HZ = 6.0
"""Bands that roll slower than this cannot be told from a person who moves."""
USUAL_DAYS = 7
"""Days with a check before a camera has a usual sharpness."""

CAMERA_LIMITS = (
    Limit(
        "C1",
        _C,
        "Camera connected",
        "",
        1,
        1,
        True,
        "No camera is connected.",
        "Plug the camera in, or call with sound only.",
        _AUDIO,
        _AUDIO,
        _AUDIO,
    ),
    Limit(
        "C2",
        _C,
        "First picture",
        "s",
        2,
        8,
        False,
        "The camera takes long to show its first picture.",
        "Start it a minute before the visit, or plug it in directly, without a hub.",
        _HD,
        _AUDIO,
        _AUDIO,
    ),
    Limit(
        "C3",
        _C,
        "Camera free to use",
        "",
        1,
        1,
        True,
        "Another program is using the camera.",
        "Close that program, or call with sound only.",
        _AUDIO,
        _AUDIO,
        _AUDIO,
    ),
    Limit(
        "C4",
        _C,
        "Picture size",
        "px",
        720,
        480,
        True,
        "The camera gives a small picture.",
        "Choose another camera for HD video.",
        _VIDEO,
        _LOW,
    ),
    Limit(
        "C4.fps",
        _C,
        "Pictures a second",
        "1/s",
        23.5,
        14.5,
        True,
        "The camera gives few pictures a second.",
        "Turn a lamp on, or plug it in directly, without a hub.",
        _VIDEO,
        _LOW,
    ),
    Limit(
        "C5",
        _C,
        "Steady pictures",
        "x",
        1.5,
        2.5,
        False,
        "Pictures come unevenly.",
        "Close other programs, or plug the camera in directly, without a hub.",
        _HD,
        _VIDEO,
    ),
    Limit(
        "C5.drops",
        _C,
        "No pictures lost",
        "%",
        2,
        8,
        False,
        "The camera loses pictures on the way.",
        "Plug it in directly, without a hub, and unplug what else is on that hub.",
        _HD,
        _VIDEO,
    ),
    Limit(
        "C6",
        _C,
        "Lens open",
        "luma",
        BLACK_MEAN,
        BLACK_MEAN,
        True,
        "The picture is black: the shutter is closed or the lens is covered.",
        "Open the shutter in front of the lens.",
        _AUDIO,
        _AUDIO,
    ),
    Limit(
        "C7",
        _C,
        "Picture alive",
        "s",
        1,
        2,
        False,
        "The picture stands still.",
        "Unplug the camera, wait five seconds, and plug it in again.",
        _AUDIO,
        _AUDIO,
    ),
    Limit(
        "C8.dark",
        _C,
        "Enough light",
        "luma",
        80,
        50,
        True,
        "Your face is dark.",
        "Turn the desk lamp on, or face the window.",
    ),
    Limit(
        "C8.bright",
        _C,
        "Not too much light",
        "luma",
        180,
        210,
        False,
        "The picture is too bright.",
        "Close the blind, or turn the lamp away.",
    ),
    Limit(
        "C8.burnt",
        _C,
        "Nothing burnt out",
        "%",
        2,
        8,
        False,
        "Parts of the picture are burnt out.",
        "Close the blind, or turn the lamp away.",
    ),
    Limit(
        "C8.crushed",
        _C,
        "Detail in the shadows",
        "%",
        5,
        15,
        False,
        "Parts of the picture are too dark to see.",
        "Turn the desk lamp on, or face the window.",
    ),
    # Factors of what this very camera usually shows: how sharp a picture is depends on what is in it,
    # so that no number fits all rooms. The finding's value is the measure itself.
    Limit(
        "C9",
        _C,
        "Sharp picture",
        "",
        0.6,
        0.3,
        True,
        "The picture is less sharp than usual.",
        "Clean the lens, and sit an arm's length away.",
    ),
    Limit(
        "C11",
        _C,
        "No flicker",
        "%",
        1,
        4,
        False,
        "The lamps flicker in the picture.",
        f"Set the camera's power-line frequency to {MAINS_HZ} Hz, or turn off the tube lamps.",
    ),
    # Grey-world: a coloured wall looks the same as a coloured light, hence the width of the limit.
    Limit(
        "C12.tint",
        _C,
        "Colours not tinted",
        "",
        20,
        45,
        False,
        "The whole picture is tinted.",
        "Use a white lamp, or daylight, and turn coloured lights off.",
    ),
    Limit(
        "C10",
        _C,
        "Fine detail",
        "cy/px",
        0.25,
        0.15,
        True,
        "Fine detail is blurred.",
        "Clean the lens and focus it, or use another camera for skin.",
    ),
    Limit(
        "C12",
        _C,
        "Greys are grey",
        "dE",
        5,
        10,
        False,
        "Greys come out tinted.",
        "Use daylight or a white lamp, and set the camera's white balance to automatic.",
    ),
    Limit(
        "C12.skin",
        _C,
        "Skin colours true",
        "dE",
        8,
        14,
        False,
        "Skin colours come out wrong.",
        "Use daylight or a white lamp, and turn beauty or colour effects of the camera off.",
    ),
)
