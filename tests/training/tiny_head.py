"""A head model small enough to make in a test: half an egg with a slit for a mouth, two balls for
eyes, two rows of teeth. It has the file layout of the real one and none of its looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SHAPES = [
    "browDown",
    "browInnerUp",
    "browOuterUp",
    "cheekPuff",
    "cheekSquint",
    "eyeBlink",
    "eyeLookDown",
    "eyeLookIn",
    "eyeLookOut",
    "eyeLookUp",
    "eyeSquint",
    "eyeWide",
    "mouthDimple",
    "mouthFrown",
    "mouthLowerDown",
    "mouthPress",
    "mouthSmile",
    "mouthStretch",
    "mouthUpperUp",
    "noseSneer",
    "PupilDilate",
    "cheekRaiser",
]
SINGLE = [
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthFunnel",
    "mouthLeft",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
]
MOUTH_Y = -3.4


class _Builder:
    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.uvs: list[np.ndarray] = []
        self.triangles: list[np.ndarray] = []
        self.ranges: dict[str, tuple[int, int]] = {}
        self.count = 0

    def add(self, name: str, points: np.ndarray, uv: np.ndarray, triangles: np.ndarray) -> None:
        self.points.append(points)
        self.uvs.append(uv)
        self.triangles.append(triangles + self.count)
        self.ranges[name] = (self.count, self.count + len(points))
        self.count += len(points)


def _grid(rows: int, columns: int) -> np.ndarray:
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    return np.stack([a, d, b, b, d, c], -1).reshape(-1, 3)


def _egg(first_deg: float, last_deg: float, rows: int, columns: int) -> tuple[np.ndarray, ...]:
    y = np.linspace(12.5, -16.4, rows)[:, None]
    angle = np.radians(np.linspace(first_deg, last_deg, columns))[None]
    round_ = np.sqrt(np.clip(1 - (y / 13.0) ** 2, 0, 1))
    radius = np.where(y > -5, round_, np.maximum(round_, 0.55)).clip(0.05)
    place = np.stack(np.broadcast_arrays(8.5 * np.sin(angle) * radius, y,
                                         1 + 10 * np.cos(angle) * radius), -1)  # fmt: skip
    uv = np.stack(np.broadcast_arrays(np.linspace(0.01, 0.99, columns)[None],
                                      np.linspace(0.99, 0.01, rows)[:, None]), -1)  # fmt: skip
    return place.reshape(-1, 3), uv.reshape(-1, 2), _grid(rows, columns)


def _face() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As _egg, with a slit: returns also which vertices are the lower lip's edge."""
    place, uv, triangles = _egg(-80, 80, 61, 61)
    row = int(np.abs(np.linspace(12.5, -16.4, 61) - MOUTH_Y).argmin())
    slit = np.flatnonzero((np.abs(place[:, 0]) < 2.3) & (np.arange(len(place)) // 61 == row))
    copy = np.arange(len(place), len(place) + len(slit))
    below = triangles.max(1) >= (row + 1) * 61
    swap = np.arange(len(place))
    swap[slit[1:-1]] = copy[1:-1]
    triangles = np.where(below[:, None], swap[triangles], triangles)
    place = np.concatenate([place, place[slit]])
    return place, np.concatenate([uv, uv[slit] - [0, 0.002]]), triangles, copy[1:-1]


def _ball(centre: np.ndarray, radius: float) -> tuple[np.ndarray, ...]:
    """A sphere whose pole is the pupil."""
    away = np.linspace(0.02, np.pi - 0.02, 18)[:, None]
    round_ = np.linspace(0, 2 * np.pi, 25)[None]
    unit = np.stack(np.broadcast_arrays(np.sin(away) * np.cos(round_),
                                        np.sin(away) * np.sin(round_),
                                        np.cos(away)), -1)  # fmt: skip
    uv = 0.5 + 0.45 * unit[..., :2] * (away / np.pi)[..., None]
    return centre + radius * unit.reshape(-1, 3), uv.reshape(-1, 2), _grid(18, 25)[:, ::-1] * 1


def _plate(
    low: tuple[float, float, float], high: tuple[float, float, float]
) -> tuple[np.ndarray, ...]:
    x, y = np.linspace(low[0], high[0], 7), np.linspace(high[1], low[1], 3)
    place = np.stack([*np.broadcast_arrays(x[None], y[:, None]), np.full((3, 7), high[2])], -1)
    uv = np.full((21, 2), 0.5)
    return place.reshape(-1, 3), uv, _grid(3, 7)


def write_tiny_head(path: Path) -> Path:
    """Write the model's file."""
    build = _Builder()
    face, uv, triangles, lower = _face()
    build.add("face", face, uv, triangles)
    place, uv, triangles = _egg(80, 280, 40, 40)
    build.add("head_neck", place, uv + np.array([1, 0]), triangles)
    build.add("mouth_socket", *_plate((-3, -7, 4), (3, 0, 4)))
    build.add("gums_tongue", np.zeros((0, 3)), np.zeros((0, 2)), np.zeros((0, 3), int))
    build.add("upper_teeth", *_plate((-2, -4.2, 9.4), (2, -2.6, 9.4)))
    build.add("lower_teeth", *_plate((-2, -5.0, 9.2), (2, -3.6, 9.2)))
    for side, sign in (("l", 1.0), ("r", -1.0)):
        centre = np.array([3.1 * sign, 3.4, 8.6])
        build.add(f"sclera_{side}", *_ball(centre, 1.5))
        build.ranges[f"iris_{side}"] = (build.count, build.count)
    build.ranges["narrow_face"] = (0, len(face) // 2)
    points = np.concatenate(build.points).astype(np.float32)
    uvs = np.concatenate(build.uvs).astype(np.float32)
    names = [f"{n}_{s}" for n in SHAPES for s in "LR"] + SINGLE
    np.savez(
        path, neutral=points, tri=np.concatenate(build.triangles).astype(np.int32), uv=uvs,
        uv_vert=np.arange(len(points), dtype=np.int32),
        uv_tri=np.concatenate(build.triangles).astype(np.int32),
        expr=_expressions(points, names, build.ranges, lower).astype(np.float16),
        ident=_identities(points).astype(np.float16), expression_names=np.array(names),
        range_names=np.array(list(build.ranges)), ranges=np.array(list(build.ranges.values())),
        multipie68=_landmarks(face, lower), studio_points=_points(face),
    )  # fmt: skip
    return path


def _expressions(
    points: np.ndarray, names: list[str], ranges: dict[str, tuple[int, int]], lower: np.ndarray
) -> np.ndarray:
    shapes = np.zeros((len(names), len(points), 3))
    jaw = np.zeros(len(points))
    x, y, z = points.T
    jaw[y < MOUTH_Y - 0.2] = 1.0
    jaw[ranges["face"][1] :] = 0.0
    jaw[lower] = 1.0
    jaw *= np.clip(1.2 - np.abs(x) / 6, 0, 1) * (z > 3) * (y > -9)
    jaw[slice(*ranges["lower_teeth"])] = 1.0
    shapes[names.index("jawOpen"), :, 1] = -3.0 * jaw
    shapes[names.index("mouthClose"), :, 1] = 3.0 * jaw
    for side, sign in (("L", 1), ("R", -1)):
        corner = np.exp(-((x - 2.4 * sign) ** 2) - (y - MOUTH_Y) ** 2) * (z > 5)
        shapes[names.index(f"mouthSmile_{side}"), :, 1] = 0.8 * corner
    return shapes


def _identities(points: np.ndarray) -> np.ndarray:
    wide, tall = np.zeros((2, *points.shape))
    wide[:, 0], tall[:, 1] = 0.03 * points[:, 0], 0.03 * points[:, 1]
    return np.stack([wide, tall])


def _landmarks(face: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """68 vertices near where they belong; the lower inner lip lies on its own edge."""
    jaw = [(8 * np.sin(a), -8 * np.cos(a) + 1.5) for a in np.linspace(-1.4, 1.4, 17)]
    brow = [(x, 6.2 - 0.1 * (x - 3) ** 2) for x in (5.2, 4.4, 3.4, 2.3, 1.2)]
    nose = [(0, y) for y in (3.0, 2.0, 1.2, 0.4)] + [(x, -1.2) for x in (-1.4, -0.7, 0, 0.7, 1.4)]
    eye = [(4.5, 3.4), (3.7, 4.2), (2.6, 4.2), (1.8, 3.4), (2.6, 2.6), (3.7, 2.6)]
    left = [eye[3], eye[2], eye[1], eye[0], eye[5], eye[4]]
    lips = [(-2.9, MOUTH_Y), (-1.6, -2.7), (-0.7, -2.4), (0, -2.4), (0.7, -2.4), (1.6, -2.7),
            (2.9, MOUTH_Y), (1.6, -4.3), (0.7, -4.7), (0, -4.7), (-0.7, -4.7),
            (-1.6, -4.3)]  # fmt: skip
    inner = [(-2.3, MOUTH_Y), (-1, MOUTH_Y), (0, MOUTH_Y), (1, MOUTH_Y), (2.3, MOUTH_Y)]
    wanted = [*jaw, *[(-x, y) for x, y in brow], *brow[::-1], *nose, *[(-x, y) for x, y in eye],
              *left, *lips, *inner]  # fmt: skip
    front = np.flatnonzero(face[: len(face) - len(lower) - 2, 2] > -5)
    found = [int(front[np.hypot(*(face[front, :2] - place).T).argmin()]) for place in wanted]
    for x in (1.0, 0.0, -1.0):
        found.append(int(lower[np.abs(face[lower, 0] - x).argmin()]))
    return np.array(found, np.int32)


def _points(face: np.ndarray) -> np.ndarray:
    """160 vertices of the face's front."""
    front = np.flatnonzero((face[:, 2] > 8) & (np.abs(face[:, 1]) < 6))
    return front[np.linspace(0, len(front) - 1, 160).astype(int)].astype(np.int32)
