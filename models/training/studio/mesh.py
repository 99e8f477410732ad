"""Small geometry: rotations, normals, tubes and sheets.

Knows arrays of points and triangles. Refuses to know what they depict.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]


@dataclass
class Piece:
    """A surface that hangs on the head: hair, hat, glasses, clothes. Places are the person's own.

    `turn` says how far a vertex turns with the head; `bind` names the head-model vertex whose
    expression it follows (beards), -1 for none.
    """

    points: F32  # [N, 3]
    normals: F32  # [N, 3]
    triangles: I32  # [T, 3]
    material: int
    uv: F32  # [N, 2]
    tangent: F32 = field(default_factory=lambda: np.zeros((0, 3), np.float32))  # [N, 3] of strands
    tone: F32 = field(
        default_factory=lambda: np.zeros(0, np.float32)
    )  # [N] varies strand by strand
    occlusion: F32 = field(default_factory=lambda: np.zeros(0, np.float32))  # [N] 1 is open
    turn: F32 = field(default_factory=lambda: np.zeros(0, np.float32))  # [N]
    bind: I32 = field(default_factory=lambda: np.zeros(0, np.int32))  # [N]

    def __post_init__(self) -> None:
        count = len(self.points)
        filled = {"tangent": np.zeros((count, 3)), "tone": np.full(count, 0.5),
                  "occlusion": np.ones(count), "turn": np.ones(count)}  # fmt: skip
        for name, value in filled.items():
            if len(getattr(self, name)) == 0:
                setattr(self, name, value.astype(np.float32))
        if len(self.bind) == 0:
            self.bind = np.full(count, -1, np.int32)


def rotation(yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> F64:
    """Rotation matrix: +yaw turns a face to the subject's left, +pitch up, +roll toward the
    subject's right shoulder (image left). Applied as roll, then pitch, then yaw.
    """
    y, p, r = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def angles_deg(matrix: F64) -> tuple[float, float, float]:
    """Yaw, pitch, roll of a rotation made by `rotation`; pitch within ±90."""
    pitch = np.arcsin(np.clip(matrix[1, 2], -1, 1))
    yaw = np.arctan2(matrix[0, 2], matrix[2, 2])
    roll = np.arctan2(matrix[1, 0], matrix[1, 1])
    yaw, pitch, roll = np.degrees([yaw, pitch, roll])
    return float(yaw), float(pitch), float(roll)


def rotation_vector(matrix: F64) -> F64:
    """Axis times angle in radians, [3]."""
    angle = np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1, 1))
    if angle < 1e-8:
        return np.zeros(3)
    skew = matrix - matrix.T
    return np.asarray(angle / (2 * np.sin(angle)) * np.array([skew[2, 1], skew[0, 2], skew[1, 0]]))


def turn_partly(points: F32, matrix: F64, weight: F32) -> F32:
    """Each point turned by its own share `weight` [N] of a rotation about the origin. [N, 3]"""
    vector = rotation_vector(matrix)
    angle = float(np.linalg.norm(vector))
    turned = points @ matrix.T.astype(np.float32)
    part = np.flatnonzero(weight < 0.999)
    if angle < 1e-6 or len(part) == 0:
        return np.asarray(turned, np.float32)
    axis = (vector / angle).astype(np.float32)
    theta = (weight[part] * angle)[:, None].astype(np.float32)
    p = points[part]
    turned[part] = (
        p * np.cos(theta)
        + np.cross(np.broadcast_to(axis, p.shape), p) * np.sin(theta)
        + axis * (p @ axis)[:, None] * (1 - np.cos(theta))
    )
    return np.asarray(turned, np.float32)


@numba.njit(cache=True, fastmath=True)  # type: ignore[misc]
def vertex_normals(points: F32, triangles: I32, out: F32) -> None:  # pragma: no cover
    """Area-weighted unit normals into `out` [N, 3]."""
    out[:] = 0.0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (points[b, 0] - points[a, 0], points[b, 1] - points[a, 1],
                      points[b, 2] - points[a, 2])  # fmt: skip
        vx, vy, vz = (points[c, 0] - points[a, 0], points[c, 1] - points[a, 1],
                      points[c, 2] - points[a, 2])  # fmt: skip
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(points.shape[0]):
        scale = 1.0 / np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2 + 1e-20)
        out[i, 0] *= scale
        out[i, 1] *= scale
        out[i, 2] *= scale


def normals_of(points: F32, triangles: I32) -> F32:
    """Unit vertex normals, [N, 3]."""
    out = np.zeros((len(points), 3), np.float32)
    vertex_normals(np.ascontiguousarray(points, np.float32), triangles, out)
    return out


def grid_triangles(rows: int, columns: int, *, closed: bool = False) -> I32:
    """Two triangles for each cell of a grid of points; `closed` joins last column to first."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, d = index[:-1], index[1:]
    b, c = np.roll(a, -1, 1), np.roll(d, -1, 1)
    if not closed:
        a, b, c, d = (x[:, :-1] for x in (a, b, c, d))
    a, b, c, d = (x.ravel() for x in (a, b, c, d))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def strip_triangles(strips: int, stations: int) -> I32:
    """Triangles of ribbons: vertex (strip, station, side) at (strip * stations + station) * 2."""
    one = grid_triangles(stations, 2)
    start = (np.arange(strips) * stations * 2)[:, None, None]
    return (one[None] + start).reshape(-1, 3).astype(np.int32)


def tube(path: F64, radius: float, sides: int = 6, *, closed: bool = False) -> tuple[F32, I32]:
    """A round wire along `path` [K, 3]: points [K*sides, 3] and triangles."""
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    reference = np.where(np.abs(ahead[:, 1:2]) < 0.8, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]])
    side = np.cross(ahead, reference)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    up = np.cross(side, ahead)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    points = (path[:, None] + radius * ring).reshape(-1, 3).astype(np.float32)
    rows = len(path)
    triangles = grid_triangles(rows, sides, closed=True)
    if closed:
        last = grid_triangles(2, sides, closed=True)
        last = np.where(last < sides, last + (rows - 1) * sides, last - sides)
        triangles = np.concatenate([triangles, last.astype(np.int32)])
    return points, triangles


def smooth_step(low: float, high: float, value: NDArray[np.floating]) -> F64:
    """0 at `low` to 1 at `high`, which may be below `low`."""
    t = np.clip((np.asarray(value, np.float64) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
