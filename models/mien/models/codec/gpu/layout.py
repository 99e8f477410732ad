"""Where everything about a frame lies in the two rows of numbers that an actor's frame is told by.

One row of float32 (places, sizes, shares) and one of addresses (pixels of that character) go to the
device for every actor and frame. `moment` writes them, the kernels read them; both take places from
here. Knows order, and needs neither torch nor Triton.
"""

from __future__ import annotations

from mien.models.codec.openings import SAMPLES

# --- an opening: bounds, frame of its own, both edges --------------------------------------------
X0, Y0, X1, Y1 = 0, 1, 2, 3
ORIGIN_X, ORIGIN_Y, ALONG_X, ALONG_Y, LENGTH = 4, 5, 6, 7, 8
TOP = 9
BOTTOM = TOP + SAMPLES
OPENING = BOTTOM + SAMPLES  # how many numbers

# --- an eye: its slit, its lid, then -------------------------------------------------------------
SLIT, LID = 0, OPENING
_EYE = 2 * OPENING
EYE_WIDE, EYE_HIGH, EYE_X, EYE_Y = (_EYE + k for k in range(4))
BACK = _EYE + 4  # six: the affine from the picture to the portrait
LOOK_X, LOOK_Y, SHADE, SHADE_PX, HANG, CLEAN = (_EYE + 10 + k for k in range(6))
LASH = _EYE + 16  # three
LASH_WIDTH, LASH_STRENGTH = _EYE + 19, _EYE + 20
LID_AMOUNT, LID_IOD_PX, LID_LASH_PX = (_EYE + 21 + k for k in range(3))
EYE = _EYE + 24

# --- the mouth: its gap, then --------------------------------------------------------------------
GAP = 0
CANVAS = OPENING  # six: the affine from the picture to the sprites' canvas
JAW = CANVAS + 6  # two: row · a + b
SPRITE_WIDE, SPRITE_HIGH = CANVAS + 8, CANVAS + 9
OWN_WIDE, OWN_HIGH, OWN_X, OWN_Y = (CANVAS + 10 + k for k in range(4))
OWN_BACK = CANVAS + 14  # six
OWN_KEEP = CANVAS + 20
TINT, TONGUE_TINT = CANVAS + 21, CANVAS + 24  # three each
SHADOW_PX, TONGUE_UP, LIFT, TEETH = (CANVAS + 27 + k for k in range(4))
SEAM = CANVAS + 31  # three
SEAM_WIDTH, SEAM_STRENGTH = CANVAS + 34, CANVAS + 35
TONGUE_STRENGTH = CANVAS + 36
TONGUE_JAW = CANVAS + 37  # two
TONGUE_AREA = CANVAS + 39  # four: x0, y0, x1, y1
MOUTH = CANVAS + 43

# --- a frame -------------------------------------------------------------------------------------
SHEET_CELLS = 0
FACE_AREA = 1  # four: x0, y0, x1, y1
EYES = 5
MOUTH_AT = EYES + 2 * EYE
NUMBERS = MOUTH_AT + MOUTH

# --- addresses -----------------------------------------------------------------------------------
PLATE, SHEET, FACE = 0, 1, 2  # RGBA8 pictures as wide as the frame
EYE_PIXELS = 3  # of each eye, in this order
WHITE, CLEAN_WHITE, IRIS, CLEAN_IRIS, FRINGE, LID_COLOUR, LID_HEIGHT = range(7)
EYE_ADDRESSES = 7
OWN_COLOUR, OWN_DEPTH = (EYE_PIXELS + 2 * EYE_ADDRESSES + k for k in range(2))
CAVITY, TONGUE_REST, LOWER, UPPER, TONGUE_OUT = (OWN_DEPTH + 1 + k for k in range(5))
ADDRESSES = TONGUE_OUT + 1
