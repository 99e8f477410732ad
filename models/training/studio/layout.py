"""Names and numbers that labels use: parts of a picture, materials, tracked points.

Knows which number means what. Refuses to know geometry and pixels. Left and right are the
subject's. Points follow MediaPipe Face Mesh's numbering (Kartynnik et al. 2019, arXiv 1907.06724)
as far as it is known: each stands on one vertex of the head model, lids and lips on the edge
loops where skin ends, everything else where the landmarker sees its landmark on renders. The left
half mirrors the right exactly.
"""

from __future__ import annotations

from enum import IntEnum


class Part(IntEnum):
    """What a pixel of the part mask shows."""

    BACKGROUND = 0
    SKIN = 1
    LIPS = 2
    BROW = 3
    EAR = 4
    NECK = 5
    EYE = 6  # sclera and the corner of the eye
    IRIS = 7  # with the pupil
    UPPER_TEETH = 8
    LOWER_TEETH = 9
    TONGUE = 10
    MOUTH_CAVITY = 11  # palate, cheeks, throat
    GUMS = 12
    HAIR = 13
    BEARD = 14
    HAT = 15
    GLASSES = 16  # the frame; lenses show what is behind them
    CLOTHES = 17


class Material(IntEnum):
    """How a surface is shaded; the numbers are known to the shaders too."""

    SKIN = 0
    CAVITY = 1
    GUMS = 2
    UPPER_TEETH = 3
    LOWER_TEETH = 4
    TONGUE = 5
    EYE = 6
    SOCKET = 7
    HAIR = 8
    BEARD = 9
    CLOTH = 10
    HAT = 11
    METAL = 12
    FRAME = 13


# MediaPipe's landmark and the head model's vertex, in the order of the label arrays.
POINTS: dict[str, tuple[tuple[int, int], ...]] = {
    "outer_lip": (
        (61, 5708),
        (185, 5601),
        (40, 5634),
        (39, 5768),
        (37, 2081),
        (0, 0),
        (267, 4275),
        (269, 6273),
        (270, 6139),
        (409, 6106),
        (291, 6213),
        (375, 6300),
        (321, 6346),
        (405, 6475),
        (314, 6508),
        (17, 5518),
        (84, 6004),
        (181, 5971),
        (91, 5841),
        (146, 5795),
    ),
    "inner_lip": (
        (78, 5702),
        (191, 5578),
        (80, 5630),
        (81, 5711),
        (82, 6023),
        (13, 5533),
        (312, 6527),
        (311, 6216),
        (310, 6135),
        (415, 6083),
        (308, 6207),
        (324, 6325),
        (318, 6363),
        (402, 6470),
        (317, 6513),
        (14, 5517),
        (87, 6009),
        (178, 5966),
        (88, 5858),
        (95, 5820),
    ),
    "right_eye": (
        (33, 1507),
        (246, 1545),
        (161, 1543),
        (160, 1541),
        (159, 1990),
        (158, 1537),
        (157, 1535),
        (173, 1533),
        (133, 1528),
        (155, 709),
        (154, 1519),
        (153, 1517),
        (145, 1514),
        (144, 1512),
        (163, 1510),
        (7, 1508),
    ),
    "left_eye": (
        (362, 3742),
        (398, 3747),
        (384, 3749),
        (385, 3751),
        (386, 4190),
        (387, 3755),
        (388, 3757),
        (466, 3759),
        (263, 3721),
        (249, 3722),
        (390, 3724),
        (373, 3726),
        (374, 3728),
        (380, 3731),
        (381, 3733),
        (382, 2950),
    ),
    "right_brow": (
        (46, 993),
        (53, 1009),
        (52, 482),
        (65, 1417),
        (55, 2027),
        (70, 431),
        (63, 434),
        (105, 480),
        (66, 1419),
        (107, 2063),
    ),
    "left_brow": (
        (276, 3213),
        (283, 3229),
        (282, 2723),
        (295, 3631),
        (285, 4224),
        (300, 2672),
        (293, 2675),
        (334, 2721),
        (296, 3633),
        (336, 4257),
    ),
    "nose": (
        (1, 4777),
        (2, 5),
        (4, 4841),
        (5, 4842),
        (6, 4511),
        (49, 63),
        (64, 4633),
        (98, 1265),
        (129, 1136),
        (168, 977),
        (195, 4942),
        (197, 1348),
        (279, 2304),
        (294, 5098),
        (327, 3483),
        (358, 3356),
    ),
    "oval": (
        (10, 973),
        (338, 2559),
        (297, 3637),
        (332, 4184),
        (284, 4155),
        (251, 2531),
        (389, 2522),
        (356, 2494),
        (454, 3414),
        (323, 3435),
        (361, 2614),
        (288, 2478),
        (397, 2998),
        (365, 4040),
        (379, 3880),
        (378, 4390),
        (400, 2571),
        (377, 3710),
        (152, 965),
        (148, 1496),
        (176, 330),
        (149, 2199),
        (150, 1673),
        (136, 1838),
        (172, 757),
        (58, 237),
        (132, 373),
        (93, 1217),
        (234, 1196),
        (127, 253),
        (162, 281),
        (21, 290),
        (54, 1955),
        (103, 1984),
        (67, 1423),
        (109, 318),
    ),
    "cheeks": (
        (8, 2012),
        (9, 1398),
        (36, 2171),
        (50, 1204),
        (101, 1163),
        (118, 1150),
        (151, 1684),
        (199, 964),
        (205, 398),
        (216, 182),
        (266, 4364),
        (280, 3422),
        (330, 3382),
        (347, 3369),
        (425, 2639),
        (436, 2423),
    ),
}

# After those come ten of the irises: centre, then rim toward the image's right, up, left, down.
IRIS_POINTS: dict[str, tuple[int, ...]] = {
    "right_iris": (468, 469, 470, 471, 472),
    "left_iris": (473, 474, 475, 476, 477),
}
SURFACE_POINTS = sum(len(pairs) for pairs in POINTS.values())
POINT_COUNT = SURFACE_POINTS + 10
POINT_LANDMARKS: tuple[int, ...] = tuple(
    [landmark for pairs in POINTS.values() for landmark, _ in pairs]
    + [landmark for five in IRIS_POINTS.values() for landmark in five]
)
POINT_VERTICES: tuple[int, ...] = tuple(vertex for pairs in POINTS.values() for _, vertex in pairs)


def point_groups() -> dict[str, slice]:
    """Where each named group lies in a point array, [170, ...]."""
    found, at = {}, 0
    sizes = {name: len(pairs) for name, pairs in POINTS.items()}
    for name, size in (sizes | {name: 5 for name in IRIS_POINTS}).items():
        found[name] = slice(at, at + size)
        at += size
    return found
