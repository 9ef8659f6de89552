"""Colours as numbers: from a camera's sRGB to CIELAB, and how different two of them look.

sRGB: IEC 61966-2-1. CIELAB: CIE 15. The chart's own numbers hold under D50, a camera's under D65; they
are brought together by the Bradford transform (ICC.1:2022, annex E).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

D50: Final = np.array([0.96422, 1.0, 0.82521])
_SRGB_TO_XYZ: Final = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D65: Final = np.array([0.95047, 1.0, 1.08883])
_ADAPT: Final = (
    np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ D50) / (_BRADFORD @ _D65)) @ _BRADFORD
)
_TO_XYZ: Final = _ADAPT @ _SRGB_TO_XYZ
_KINK: Final = 6 / 29

COLORCHECKER: Final = np.array(
    [
        (37.54, 14.37, 14.92),  # dark skin
        (64.66, 19.27, 17.50),  # light skin
        (49.32, -3.82, -22.54),
        (43.46, -12.74, 22.72),
        (54.94, 9.61, -24.79),
        (70.48, -32.26, -0.37),
        (62.73, 35.83, 56.50),
        (39.43, 10.75, -45.17),
        (50.57, 48.64, 16.67),
        (30.10, 22.54, -20.87),
        (71.77, -24.13, 58.19),
        (71.51, 18.24, 67.37),
        (28.37, 15.42, -49.80),
        (54.38, -39.72, 32.27),
        (42.43, 51.05, 28.62),
        (81.80, 2.67, 80.41),
        (50.63, 51.28, -14.12),
        (49.57, -29.71, -28.32),
        (95.19, -1.03, 2.93),  # white
        (81.29, -0.57, 0.44),  # neutral 8
        (66.89, -0.75, -0.06),  # neutral 6.5
        (50.76, -0.13, 0.14),  # neutral 5
        (35.63, -0.46, -0.48),  # neutral 3.5
        (20.64, 0.07, -0.46),  # black
    ]
)
"""ColorChecker Classic in CIELAB under D50, row by row: X-Rite's numbers for charts since
November 2014."""
SKIN: Final = slice(0, 2)
GREYS: Final = slice(19, 23)
"""Neutral 8 to 3.5: white clips too easily, and black is mostly noise."""
WHITE: Final = 18


def linear(srgb: Floats) -> Floats:
    """Undo sRGB's gamma; values 0 to 1."""
    curved: Floats = ((srgb + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= 0.04045, srgb / 12.92, curved)


def lab_from_linear(rgb: Floats) -> Floats:
    """Return CIELAB (D50) of linear sRGB colours, shape (n, 3)."""
    share = (rgb @ _TO_XYZ.T) / D50
    bent = np.where(share > _KINK**3, np.cbrt(share), share / (3 * _KINK**2) + 4 / 29)
    x, y, z = bent[:, 0], bent[:, 1], bent[:, 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def linear_from_lab(lab: Floats) -> Floats:
    """Return linear sRGB of CIELAB (D50) colours, shape (n, 3); out of gamut where below 0."""
    y = (lab[:, 0] + 16) / 116
    bent = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    share = np.where(bent > _KINK, bent**3, 3 * _KINK**2 * (bent - 4 / 29))
    colours: Floats = (share * D50) @ np.linalg.inv(_TO_XYZ).T
    return colours


def ciede2000(one: Floats, other: Floats) -> Floats:
    """Return the colour difference of CIELAB colours, shape (n, 3) each.

    Names as in Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", Color Research and
    Application 30 (2005); their test data are the test of this.
    """
    l1, a1, b1 = one.T
    l2, a2, b2 = other.T
    c_mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    coloured = (c1 * c2) > 0
    turn = (h2 - h1 + 180) % 360 - 180
    # The formula takes exactly opposite hues the one way round, the modulo the other.
    turn = np.where((turn == -180) & (h2 > h1), 180.0, turn) * coloured
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    d_l, d_c = l2 - l1, c2 - c1
    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2
    apart = np.abs(h1 - h2) > 180
    h_mean = (h1 + h2) / 2 + np.where(apart, np.where(h1 + h2 < 360, 180.0, -180.0), 0.0)
    h_mean = np.where(coloured, h_mean, h1 + h2)
    t = (
        1
        - 0.17 * _cos(h_mean - 30)
        + 0.24 * _cos(2 * h_mean)
        + 0.32 * _cos(3 * h_mean + 6)
        - 0.20 * _cos(4 * h_mean - 63)
    )
    s_l = 1 + 0.015 * (l_mean - 50) ** 2 / np.sqrt(20 + (l_mean - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * t
    r_c = 2 * np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7))
    r_t = -np.sin(np.radians(60 * np.exp(-(((h_mean - 275) / 25) ** 2)))) * r_c
    parts = (d_l / s_l) ** 2 + (d_c / s_c) ** 2 + (d_h / s_h) ** 2
    total: Floats = np.sqrt(parts + r_t * (d_c / s_c) * (d_h / s_h))
    return total


def _cos(degrees: Floats) -> Floats:
    cosine: Floats = np.cos(np.radians(degrees))
    return cosine
