"""The 170 points that the motion encoder finds in a face.

Knows their order, their names in MediaPipe Face Mesh's numbering (Kartynnik et al., arXiv
1907.06724) and which mirrors which. Left and right are the subject's.
"""

from __future__ import annotations

GROUPS: dict[str, tuple[int, ...]] = {
    "outer_lip": (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84,
                  181, 91, 146),
    "inner_lip": (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87,
                  178, 88, 95),
    "right_eye": (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    "left_eye": (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382),
    "right_brow": (46, 53, 52, 65, 55, 70, 63, 105, 66, 107),
    "left_brow": (276, 283, 282, 295, 285, 300, 293, 334, 296, 336),
    "nose": (1, 2, 4, 5, 6, 49, 64, 98, 129, 168, 195, 197, 279, 294, 327, 358),
    "oval": (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400,
             377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67,
             109),
    "cheeks": (8, 9, 36, 50, 101, 118, 151, 199, 205, 216, 266, 280, 330, 347, 425, 436),
    # The centre, then the rim toward the image's right, up, left, down.
    "right_iris": (468, 469, 470, 471, 472),
    "left_iris": (473, 474, 475, 476, 477),
}  # fmt: skip
LANDMARKS: tuple[int, ...] = tuple(i for group in GROUPS.values() for i in group)
POINTS = len(LANDMARKS)
PLACE: dict[int, int] = {landmark: i for i, landmark in enumerate(LANDMARKS)}


def places(group: str) -> list[int]:
    """Where a group's points lie among all."""
    return [PLACE[landmark] for landmark in GROUPS[group]]


_NOSE_AND_CHEEKS = {
    49: 279, 64: 294, 98: 327, 129: 358, 36: 266, 50: 280, 101: 330, 118: 347, 205: 425, 216: 436,
}  # fmt: skip


def _mirror() -> list[int]:
    partner = {landmark: landmark for landmark in LANDMARKS}
    for name, turn in (("outer_lip", 10), ("inner_lip", 10), ("oval", 0)):
        ring = GROUPS[name]
        partner |= {x: ring[(turn - i) % len(ring)] for i, x in enumerate(ring)}
    right, left = GROUPS["right_eye"], GROUPS["left_eye"]
    pairs = [(x, left[(8 - i) % 16]) for i, x in enumerate(right)]
    pairs += list(zip(GROUPS["right_brow"], GROUPS["left_brow"], strict=True))
    right, left = GROUPS["right_iris"], GROUPS["left_iris"]
    pairs += [(right[i], left[j]) for i, j in ((0, 0), (1, 3), (2, 2), (3, 1), (4, 4))]
    pairs += list(_NOSE_AND_CHEEKS.items())
    partner |= dict(pairs) | {b: a for a, b in pairs}
    return [PLACE[partner[landmark]] for landmark in LANDMARKS]


MIRROR: list[int] = _mirror()  # point i of a mirrored picture is its point MIRROR[i]


def _eye(side: str) -> list[int]:
    """Inner corner, outer corner, all others, the iris: in mirrored order on both sides."""
    if side == "left":
        ring = places("left_eye")
        corners = [PLACE[362], PLACE[263]]
        return corners + [p for p in ring if p not in corners] + places("left_iris")
    return [MIRROR[p] for p in _eye("left")]


EYE_POINTS: dict[str, list[int]] = {side: _eye(side) for side in ("left", "right")}
_CORNERS = [PLACE[61], PLACE[291]]
MOUTH_POINTS: list[int] = _CORNERS + [
    p for p in (*places("outer_lip"), *places("inner_lip")) if p not in _CORNERS
]
# What second looks find again: an eye with its brow, and all from the nose's tip to the chin.
EYE_LOOK: dict[str, list[int]] = {
    "left": EYE_POINTS["left"] + places("left_brow"),
    "right": EYE_POINTS["right"] + [MIRROR[p] for p in places("left_brow")],
}
MOUTH_LOOK: list[int] = MOUTH_POINTS + [
    PLACE[i]
    for i in (1, 4, 64, 98, 129, 294, 327, 358, 216, 436, 199,
              150, 149, 176, 148, 152, 377, 400, 378, 379)
]  # fmt: skip
