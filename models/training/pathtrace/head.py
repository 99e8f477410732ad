"""The head model: identities, expressions, eyes and parts, as numpy arrays.

Knows the layout of `ict_facekit.npz` (USC ICT-FaceKit, MIT) and the anatomy that its parts stand
for. Refuses to know colours, light and renderers. Units: model units of about one centimetre;
+x the subject's left, +y up, +z out of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

# Positions in the 68-point list that the model file carries.
OUTER_EYES = (36, 45)
BROWS = ((17, 22), (22, 27))
# Inner corner, upper lid inner and outer, outer corner, lower lid outer and inner.
LIDS = {"l": (42, 43, 44, 45, 46, 47), "r": (39, 38, 37, 36, 41, 40)}
OUTER_LIP = (48, 60)
INNER_LIP = (60, 68)
INNER_CORNERS = (60, 64)
INNER_LIP_CENTRES = (62, 66)

# Degrees that an eyeball turns at weight 1 of eyeLookUp, Down, In, Out (fitted to the lid shapes).
GAZE_RANGE_DEG = {"Up": 25.0, "Down": 28.0, "In": 30.0, "Out": 30.0}

# Height of the cornea's profile over the fitted eyeball, by cosine of the angle to its axis.
CORNEA_COSINES = (0.5, 0.8, 0.9, 0.95, 0.98, 1.0)
CORNEA_HEIGHTS = (1.025, 1.037, 1.058, 1.092, 1.127, 1.147)


@dataclass(frozen=True)
class Mesh:
    """Triangles over their own vertices; `source` says which model vertex each one is."""

    positions: F64  # [V, 3]
    triangles: I32  # [T, 3]
    source: I32  # [V]


@dataclass(frozen=True)
class Eyeball:
    """A sphere fitted to the sclera, and where it looks."""

    centre: F64  # [3]
    radius: float
    axis: F64  # [3] unit


class HeadModel:
    """The morphable head. All methods return new arrays; the model itself never changes."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as archive:
            self.neutral: F64 = archive["neutral"].astype(np.float64)  # [V, 3]
            self.triangles: I32 = archive["tri"].astype(np.int32)  # [T, 3]
            self._expressions = archive["expr"].astype(np.float32)  # [57, V, 3]
            self._identities = archive["ident"].astype(np.float32)  # [100, V, 3]
            self.landmarks68: I32 = archive["multipie68"].astype(np.int32)
            self._names = [str(name) for name in archive["expression_names"]]
            self.ranges: dict[str, tuple[int, int]] = {
                str(name): (int(a), int(b))
                for name, (a, b) in zip(archive["range_names"], archive["ranges"], strict=True)
            }
            self._quads = _quads(self.triangles, archive["tri_poly"])
            self._uv_triangles = archive["uv_tri"].astype(np.int32)
            self._uv_count = len(archive["uv"])

    def identity(self, seed: int, strength: float = 0.8, limit: float = 2.0) -> F64:
        """A neutral head of a person drawn at random. [V, 3]"""
        weights = np.random.default_rng(seed).normal(size=len(self._identities)) * strength
        return self.identity_from(np.clip(weights, -limit, limit))

    def identity_from(self, weights: F64) -> F64:
        """The neutral head for identity weights, in standard deviations. [V, 3]"""
        return self.neutral + np.tensordot(weights, self._identities[: len(weights)], 1)

    def express(self, neutral: F64, weights: dict[str, float]) -> F64:
        """`neutral` with expression weights added.

        A name without `_L`/`_R` moves both sides. The eyeballs stay where they are: see
        `eyeballs` and `clear_lids`.
        """
        posed = neutral.copy()
        for name, weight in weights.items():
            for index in self._shape_indices(name):
                posed += weight * self._expressions[index]
        return posed

    def displacement(self, name: str) -> F64:
        """What weight 1 of one expression adds to every vertex. [V, 3]"""
        return sum(self._expressions[i].astype(np.float64) for i in self._shape_indices(name))

    def _shape_indices(self, name: str) -> list[int]:
        if name in self._names:
            return [self._names.index(name)]
        pair = [side for side in (f"{name}_L", f"{name}_R") if side in self._names]
        if len(pair) != 2:
            raise KeyError(f"the head model has no expression {name!r}")
        return [self._names.index(side) for side in pair]

    def outer_eye_distance(self, positions: F64) -> float:
        """Distance of the outer eye corners, the unit that everything facial is measured in."""
        left, right = (positions[self.landmarks68[i]] for i in OUTER_EYES)
        return float(np.linalg.norm(left - right))

    def part(self, positions: F64, *names: str) -> Mesh:
        """The triangles whose vertices all lie in the named ranges."""
        inside = np.zeros(len(self.neutral), bool)
        for name in names:
            inside[slice(*self.ranges[name])] = True
        return self._mesh(positions, inside[self.triangles].all(1))

    def skin_quads(self) -> I32:
        """The whole skin with the insides of mouth and eye sockets, as the modeller's quads."""
        return self._quads[(self._quads < self.ranges["gums_tongue"][0]).all(1)]

    def mouth_parts(self, positions: F64) -> dict[str, Mesh]:
        """Teeth, gums, tongue, palate and cheeks as separate meshes.

        The model has gums, tongue, palate and throat in one piece; its texture islands tell
        them apart, and which island is which follows from how far it moves with the jaw.
        """
        island = self._gum_islands()
        jaw = -self.displacement("jawOpen")[:, 1]
        groups: dict[str, list[int]] = {
            name: [] for name in ("gums_upper", "gums_lower", "tongue", "palate")
        }
        for label in np.unique(island[island >= 0]):
            groups[self._mouth_group(self.triangles[island == label], jaw)].append(int(label))
        meshes = {
            name: self._mesh(positions, np.isin(island, labels)) for name, labels in groups.items()
        }
        meshes["teeth_upper"] = self.part(positions, "upper_teeth")
        meshes["teeth_lower"] = self.part(positions, "lower_teeth")
        meshes["cheeks"] = self.part(positions, "mouth_socket")
        return meshes

    def _gum_islands(self) -> I32:
        start, stop = self.ranges["gums_tongue"]
        mine = ((self.triangles >= start) & (self.triangles < stop)).all(1)
        label = _components(self._uv_triangles[mine], self._uv_count)
        island = np.full(len(self.triangles), -1, np.int32)
        island[mine] = label
        return island

    def _mouth_group(self, triangles: I32, jaw: F64) -> str:
        vertices = np.unique(triangles)
        moves, place = jaw[vertices].mean(), self.neutral[vertices]
        if moves < 0.5:
            front = place[:, 2].min() > 4.5
            return "gums_upper" if front else "palate"
        # The tongue is narrower than the arch of the lower gums.
        return "tongue" if np.abs(place[:, 0]).max() < 2.2 else "gums_lower"

    def eyeballs(
        self, neutral: F64, gaze_deg: tuple[float, float] = (0.0, 0.0), splay_deg: float = 3.0
    ) -> dict[str, Eyeball]:
        """Both eyeballs of an identity, turned by (toward the subject's left, up) degrees.

        The axis is the optical one, which people carry a few degrees outside the line of sight.
        """
        eyes = {}
        for side, sign in (("l", 1.0), ("r", -1.0)):
            points = neutral[slice(*self.ranges[f"sclera_{side}"])]
            back = points[points[:, 2] < np.quantile(points[:, 2], 0.6)]
            centre, radius = _fit_sphere(back)
            yaw, pitch = np.radians([gaze_deg[0] + sign * splay_deg, gaze_deg[1]])
            axis = np.array(
                [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
            )
            eyes[side] = Eyeball(centre, radius, axis)
        return eyes

    def clear_lids(self, positions: F64, eyes: dict[str, Eyeball], margin: float = 0.05) -> F64:
        """`positions` with lids and lashes pushed out of the eyeballs and corneas."""
        posed = positions.copy()
        skin = np.zeros(len(posed), bool)
        skin[slice(*self.ranges["face"])] = True
        for side, eye in eyes.items():
            near = skin.copy()
            near[slice(*self.ranges[f"lashes_{side}"])] = True
            near[slice(*self.ranges[f"lacrimal_{side}"])] = True
            offset = posed - eye.centre
            length = np.linalg.norm(offset, axis=1)
            chosen = np.flatnonzero(near & (length < 2.6) & (offset[:, 2] > 0.55 * length))
            cosine = offset[chosen] @ eye.axis / length[chosen]
            height = eye.radius * np.interp(cosine, CORNEA_COSINES, CORNEA_HEIGHTS) + margin
            push = np.maximum(1.0, height / length[chosen])
            posed[chosen] = eye.centre + offset[chosen] * push[:, None]
        return posed

    def _mesh(self, positions: F64, chosen: NDArray[np.bool_]) -> Mesh:
        source, triangles = np.unique(self.triangles[chosen], return_inverse=True)
        return Mesh(
            positions[source], triangles.reshape(-1, 3).astype(np.int32), source.astype(np.int32)
        )


def rotation(yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> F64:
    """Rotation matrix: +yaw turns the face to the subject's left, +pitch up, +roll to image left.

    Applied as roll, then pitch, then yaw.
    """
    y, p, r = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def tooth_labels(mesh: Mesh) -> I32:
    """Which tooth each vertex of a teeth mesh belongs to. [V]"""
    label = np.zeros(len(mesh.positions), np.int32)
    label[mesh.triangles] = _components(mesh.triangles, len(mesh.positions))[:, None]
    return label


def _quads(triangles: I32, polygon: NDArray[np.generic]) -> I32:
    """The four-sided polygons that the triangles were cut from. [Q, 4]"""
    first = np.flatnonzero(polygon[1:] == polygon[:-1])
    return np.concatenate([triangles[first], triangles[first + 1, 2:]], 1)


def _components(triangles: I32, count: int) -> I32:
    """A label per triangle: triangles that share vertices share labels."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = sparse.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    _, label = connected_components(graph, directed=False)
    return np.unique(label[triangles[:, 0]], return_inverse=True)[1].astype(np.int32)


def _fit_sphere(points: F64) -> tuple[F64, float]:
    """Least-squares sphere through points: |p|^2 = 2 p.c + (r^2 - |c|^2)."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))
