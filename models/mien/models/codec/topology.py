"""Which of the 478 landmarks is what: contours, pairs and fills.

The numbering is MediaPipe Face Mesh's canonical topology (Kartynnik et al. 2019, arXiv 1907.06724)
with its ten iris points. Left and right are the subject's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LANDMARKS = 478
SKIN = 468  # the rest are irises

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
CHIN, NOSE_TIP = 152, 1
UNDER_CHIN = (176, 148, 152, 377, 400)

# Inner lips from the right mouth corner to the left; corners included at both ends.
UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LIP = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
MOUTH_CORNERS = (61, 291)
INNER_MOUTH_CORNERS = (78, 308)
UPPER_LIP_CENTRE, LOWER_LIP_CENTRE = 13, 14
# Outer rim points that travel with an inner lip point when lips are shut by force.
UPPER_LIP_FOLLOW = ((40, 80), (39, 81), (37, 82), (0, 13), (267, 312), (269, 311), (270, 310))
LOWER_LIP_FOLLOW = ((91, 88), (181, 178), (84, 87), (17, 14), (314, 317), (405, 402), (321, 318))

# Lids, each from the image-left corner to the image-right corner.
RIGHT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID = (362, 398, 384, 385, 386, 387, 388, 466, 263)
LEFT_LOWER_LID = (362, 382, 381, 380, 374, 373, 390, 249, 263)
# The skin ring above each upper lid, one for each inner lid point.
RIGHT_LID_CREASE = (247, 30, 29, 27, 28, 56, 190)
LEFT_LID_CREASE = (414, 286, 258, 257, 259, 260, 467)
RIGHT_LID_POUCH = (25, 110, 24, 23, 22, 26, 112)
LEFT_LID_POUCH = (341, 256, 252, 253, 254, 339, 255)
# The lower edge of each brow, image left to image right.
RIGHT_BROW, LEFT_BROW = (46, 53, 52, 65, 55), (285, 295, 282, 283, 276)
LID_RINGS = (*RIGHT_LID_CREASE, *LEFT_LID_CREASE, *RIGHT_LID_POUCH, *LEFT_LID_POUCH)
RIGHT_IRIS, LEFT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)
OUTER_EYE_CORNERS = (33, 263)

LIPS = tuple(sorted({*OUTER_LIP, *UPPER_INNER_LIP, *LOWER_INNER_LIP}))
EYES = tuple(sorted({*RIGHT_UPPER_LID, *RIGHT_LOWER_LID, *LEFT_UPPER_LID, *LEFT_LOWER_LID}))


def zip_strip(upper: tuple[int, ...], lower: tuple[int, ...]) -> NDArray[np.int32]:
    """Triangles that fill an opening between two contours with shared ends, [n, 3]."""
    triangles: list[tuple[int, int, int]] = []
    for i in range(len(upper) - 1):
        a, b, c, d = upper[i], upper[i + 1], lower[i + 1], lower[i]
        if a != d:
            triangles.append((a, b, d))
        if b != c:
            triangles.append((b, c, d))
    return np.array(triangles, np.int32)


def openings() -> NDArray[np.int32]:
    """Triangles that close the mouth and eye holes of the landmark mesh, [n, 3].

    The skin sheet is drawn without holes; openings are masks on top of it.
    """
    return np.concatenate(
        [
            zip_strip(UPPER_INNER_LIP, LOWER_INNER_LIP),
            zip_strip(RIGHT_UPPER_LID, RIGHT_LOWER_LID),
            zip_strip(LEFT_UPPER_LID, LEFT_LOWER_LID),
        ]
    )
