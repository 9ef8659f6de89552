"""Sizes in logical pixels, by what they are for (tokens.json and the sizes of the pictures)."""

from typing import Final

HAIR: Final = 1
XXS: Final = 2
XS: Final = 4
S: Final = 6
M: Final = 8
L: Final = 12
CARD_PAD: Final = 14
XL: Final = 16
XXL: Final = 24
XXXL: Final = 32

ICON_SMALL: Final = 14
ICON: Final = 16
ICON_LARGE: Final = 20
ICON_EMPTY: Final = 24
STROKE_FOCUS: Final = 2
BAR_PROGRAMME: Final = 3
RADIUS_BAR: Final = 2
RADIUS_CHIP: Final = 4
RADIUS_CONTROL: Final = 6
RADIUS_CARD: Final = 8
RADIUS_DIALOG: Final = 10

CONTROL: Final = 32
CONTROL_SMALL: Final = 26
CONTROL_LARGE: Final = 40
CHIP: Final = 22
KBD: Final = 19
AVATAR: Final = 32
AVATAR_LARGE: Final = 36
ROW: Final = 44
ROW_COMPACT: Final = 34
FINDING_ROW: Final = 26

RAIL: Final = 76
RAIL_NARROW: Final = 56
RAIL_BUTTON: Final = 54
RAIL_MARK: Final = 30
TOP_BAR: Final = 48
STATUS_LINE: Final = 30
WINDOW: Final = (1440, 900)
WINDOW_LEAST: Final = (1180, 660)
NARROW_BELOW: Final = 1366
SHORT_BELOW: Final = 720

UNLOCK_LEFT: Final = 520
UNLOCK_LEFT_NARROW: Final = 400
UNLOCK_FORM: Final = 480
SET_UP_FORM: Final = 640
UNLOCK_PAD: Final = 44

WAITING_COLUMN: Final = 500
WAITING_COLUMN_NARROW: Final = 444
LANE: Final = 31
LANE_NAME: Final = 128
LANE_BLOCK: Final = 21
LANE_BLOCK_LEAST: Final = 29
LANE_HOURS: Final = 22
TIME_COLUMN: Final = 52
PROGRAMME_DOT: Final = 8

CALL_HEADER: Final = 56
NOTE: Final = 596
NOTE_NARROW: Final = 480
TILE: Final = (172, 98)
CALL_BUTTON: Final = (70, 48)
CALL_BUTTON_END: Final = 92
PHOTO: Final = (112, 72)
PHOTO_SHARE: Final = 75
"""A photo in full takes at most so many hundredths of the window, each way."""
PHOTO_WORDS: Final = 118
SAVE_LINE: Final = 32
SECTION_LETTER: Final = 26
SECTION_LEAST: Final = 52
VOICE_PANEL: Final = 292

PATH_NODE: Final = 30
PATH_LEG_LEAST: Final = 60
PATH_LINE: Final = 3
METER: Final = 16
METER_CELLS: Final = 36
PROGRESS: Final = 8
RUNGS_BAR: Final = 520
HISTORY: Final = (340, 42)
HISTORY_STEP: Final = 24
HISTORY_BAR: Final = 18
SPARK: Final = (74, 22)
DEVICE_NAME: Final = 150
REPORT: Final = (760, 520)
PREVIEW: Final = (216, 134)
PREVIEW_NARROW: Final = (144, 90)
VERDICT_EDGE: Final = 4
SYNC_SIDE: Final = 360
RECORD_VISITS: Final = 268
RECORD_VISITS_NARROW: Final = 228
RECORD_ABOUT: Final = 404
RECORD_ABOUT_NARROW: Final = 336
FIELD_LABEL: Final = 92
RESULT: Final = 400
RESULT_NARROW: Final = 320
VERSION_LEAST: Final = 220
HISTORY_DIALOG: Final = (720, 560)
SYNC_PROGRESS: Final = 300
QR: Final = 232
DIALOG: Final = 460
SEARCH: Final = 340
SEARCH_LIST: Final = 560
SEARCH_LETTERS: Final = 200
TOAST_MAX: Final = 420
GLYPH: Final = (23, 14)
GLYPH_BARS: Final = (4, 6, 9, 11, 14)
GLYPH_BAR: Final = 3
