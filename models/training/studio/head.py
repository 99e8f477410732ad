"""The head model: what `ict_facekit.npz` (USC ICT-FaceKit, MIT) holds, ready to be posed and drawn.

Knows the file, its parts and how its shapes answer to ARKit's names. Refuses to know pictures.
Units: model units of about one centimetre; +x the subject's left, +y up, +z out of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from mien.models.motion.types import ARKIT_NAMES
from training.face_basis import GAIN
from training.studio.layout import POINT_VERTICES, Material

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

PIVOT = np.array([0.0, -7.5, -1.5])  # heads turn about the top of the neck
ANCHOR = np.array([0.0, 3.4, 8.9])  # between the eyes of the mean head: where a head "is"
NECK_CUT = -15.6  # the neck's skin ends here, under the clothes

# Vertex ranges that are drawn, and what they are made of.
MATERIALS = {
    "face": Material.SKIN, "head_neck": Material.SKIN, "mouth_socket": Material.CAVITY,
    "eye_socket_l": Material.SOCKET, "eye_socket_r": Material.SOCKET,
    "gums_tongue": Material.GUMS, "upper_teeth": Material.UPPER_TEETH,
    "lower_teeth": Material.LOWER_TEETH, "sclera_l": Material.EYE, "sclera_r": Material.EYE,
}  # fmt: skip
LIP_CENTRES = (62, 66)  # of the inner lips, in the 68-point list
INNER_LIP = tuple(range(60, 68))
OUTER_EYES = (36, 45)
_NEEDED = ("neutral", "tri", "uv", "uv_vert", "uv_tri", "expr", "ident", "expression_names",
           "range_names", "ranges", "multipie68")  # fmt: skip


class HeadFileError(Exception):
    """The head model's file is absent or is not one."""


@dataclass(frozen=True)
class Corners:
    """Vertices as a renderer wants them: one for each (model vertex, texture place)."""

    source: I32  # [R] model vertex
    uv: F32  # [R, 2]; the whole part of u is the texture tile
    triangles: I32  # [T, 3] into [R]
    material: I32  # [R]


class HeadModel:
    """The morphable head at rest. Never changes; `pose` does the moving."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises HeadFileError with a sentence for people."""
        try:
            with np.load(path) as archive:
                missing = [name for name in _NEEDED if name not in archive]
                if missing:
                    raise HeadFileError(f"{path} is no head model: it lacks {', '.join(missing)}")
                self._read(archive)
        except FileNotFoundError as error:
            raise HeadFileError(f"no head model at {path}") from error
        except (OSError, ValueError) as error:
            raise HeadFileError(f"{path} is no head model: {error}") from error

    def _read(self, archive: np.lib.npyio.NpzFile) -> None:
        self.neutral: F32 = archive["neutral"].astype(np.float32)  # [V, 3]
        self.triangles: I32 = archive["tri"].astype(np.int32)  # [T, 3]
        self.shapes: F32 = archive["expr"].astype(np.float32)  # [57, V, 3]
        self.identities: F32 = archive["ident"].astype(np.float32)  # [100, V, 3]
        self.shape_names = [str(name) for name in archive["expression_names"]]
        self.ranges = {
            str(name): (int(a), int(b))
            for name, (a, b) in zip(archive["range_names"], archive["ranges"], strict=True)
        }
        self.landmarks68: I32 = archive["multipie68"].astype(np.int32)
        points = archive.get("studio_points", POINT_VERTICES)
        self.point_vertices: I32 = np.asarray(points, np.int32)
        self._uv = archive["uv"].astype(np.float32)
        self._uv_vertex = archive["uv_vert"].astype(np.int32)
        self._uv_triangles = archive["uv_tri"].astype(np.int32)

    def __len__(self) -> int:
        return len(self.neutral)

    @cached_property
    def triangle_part(self) -> NDArray[np.str_]:
        """The range that each triangle belongs to: that of its last vertex. [T]"""
        last = self.triangles.max(1)
        part = np.full(len(last), "", dtype="<U16")
        for name, (start, stop) in self.ranges.items():
            if name != "narrow_face" and name != "teeth":
                part[(last >= start) & (last < stop)] = name
        return part

    def corners(self, *parts: str) -> Corners:
        """The drawable vertices of some ranges."""
        chosen = np.isin(self.triangle_part, parts)
        used, triangles = np.unique(self._uv_triangles[chosen], return_inverse=True)
        source = self._uv_vertex[used]
        return Corners(
            source.astype(np.int32), self._uv[used],
            triangles.reshape(-1, 3).astype(np.int32), self.vertex_material[source],
        )  # fmt: skip

    @cached_property
    def vertex_material(self) -> I32:
        """[V] material; -1 for what is not drawn as a solid surface."""
        material = np.full(len(self), -1, np.int32)
        for name, kind in MATERIALS.items():
            if name in self.ranges:
                material[slice(*self.ranges[name])] = kind
        material[self.tongue] = Material.TONGUE
        material[self.palate] = Material.CAVITY
        return material

    @cached_property
    def skin_triangles(self) -> I32:
        """Triangles of face, head and neck. [T, 3]"""
        return self.triangles[np.isin(self.triangle_part, ("face", "head_neck"))]

    @cached_property
    def skin_and_mouth(self) -> I32:
        """Triangles that normals are made from: all but the sockets. [T, 3]"""
        inner = ("eye_socket_l", "eye_socket_r")
        return np.ascontiguousarray(self.triangles[~np.isin(self.triangle_part, inner)])

    @cached_property
    def smoother(self) -> sparse.csr_matrix:
        """[V, V] mean of a vertex and its neighbours."""
        ring = -_laplacian(self.triangles, len(self))
        ring.setdiag(1.0)
        return (sparse.diags(1 / np.asarray(ring.sum(1)).ravel()) @ ring).tocsr()

    # What gums, tongue and palate are: one range in the file, told apart by texture islands.

    @cached_property
    def _mouth_islands(self) -> list[I32]:
        chosen = self.triangle_part == "gums_tongue"
        corners = self._uv_triangles[chosen]
        label = _components(corners, len(self._uv))[corners[:, 0]]
        vertices = self._uv_vertex[corners]
        return [np.unique(vertices[label == k]) for k in np.unique(label)]

    @cached_property
    def tongue(self) -> I32:
        """Vertices of the tongue: moves with the jaw and is narrower than the lower gums."""
        jaw = -self.shape("jawOpen")[:, 1]
        return self._islands(
            lambda v: jaw[v].mean() >= 0.5 and np.abs(self.neutral[v, 0]).max() < 2.2
        )

    @cached_property
    def palate(self) -> I32:
        """Vertices of palate and throat: still, and reaching far back."""
        jaw = -self.shape("jawOpen")[:, 1]
        return self._islands(lambda v: jaw[v].mean() < 0.5 and self.neutral[v, 2].min() <= 4.5)

    def _islands(self, accept: object) -> I32:
        assert callable(accept)
        found = [island for island in self._mouth_islands if accept(island)]
        return np.concatenate(found).astype(np.int32) if found else np.zeros(0, np.int32)

    @cached_property
    def teeth(self) -> dict[str, list[I32]]:
        """The single teeth, as vertex lists, of `upper` and `lower` jaw."""
        out = {}
        for jaw in ("upper", "lower"):
            chosen = self.triangles[self.triangle_part == f"{jaw}_teeth"]
            label = _components(chosen, len(self))
            used = np.unique(chosen)
            out[jaw] = [used[label[used] == k].astype(np.int32) for k in np.unique(label[used])]
        return out

    # Expressions under ARKit's names.

    def shape(self, name: str) -> F32:
        """What weight 1 of a head-model shape, or of both its sides, adds. [V, 3]"""
        if name in self.shape_names:
            return self.shapes[self.shape_names.index(name)]
        return self.shape(name + "_L") + self.shape(name + "_R")

    @cached_property
    def arkit(self) -> F32:
        """[52, V*3] displacement of each ARKit coefficient at 1; what eyes and tongue do is apart.

        Gains are those of the shipped face basis, so that a coefficient means the same everywhere;
        mouthClose at 1 shuts what jawOpen at 1 opens.
        """
        gap = {s: self.lip_gap(self.shape(s)) for s in ("jawOpen", "mouthClose")}
        table = np.zeros((len(ARKIT_NAMES), len(self) * 3), np.float32)
        for row, name in enumerate(ARKIT_NAMES):
            if name == "tongueOut":
                continue
            stem = name.removesuffix("Left").removesuffix("Right")
            side = {"Left": "_L", "Right": "_R"}.get(name[len(stem) :], "")
            known = name if name in self.shape_names else stem + side
            gain = GAIN.get(known.split("_")[0], 1.0)
            if name == "mouthClose":
                gain = -gap["jawOpen"] / gap["mouthClose"]
            table[row] = gain * self.shape(known).reshape(-1)
        return table

    def lip_gap(self, place: F32) -> float:
        """Upper minus lower inner lip centre, along y."""
        upper, lower = (place[self.landmarks68[i]] for i in LIP_CENTRES)
        return float(upper[1] - lower[1])

    @cached_property
    def head_weight(self) -> F32:
        """[V] how far a vertex turns with the head: 1 on the head, 0 at the root of the neck."""
        y, z = self.neutral[:, 1], self.neutral[:, 2]
        used = np.zeros(len(self), bool)
        used[np.unique(self.skin_triangles)] = True
        rigid = ((y > -4.5) & (z < 5)) | ((z >= 5) & (y > -9.6))
        rigid[: self.ranges["narrow_face"][1]] = True
        fixed = used & ~rigid & (y < -15.2)
        rigid &= used
        free = np.flatnonzero(used & ~rigid & ~fixed)
        weight = np.ones(len(self))
        weight[fixed] = 0.0
        if len(free) and fixed.any():
            laplacian = _laplacian(self.skin_triangles, len(self))
            source = -(laplacian[free][:, np.flatnonzero(rigid)] @ np.ones(rigid.sum()))
            weight[free] = splu(laplacian[free][:, free].tocsc()).solve(source)
        weight = np.clip(weight, 0, 1)
        return (weight * weight * (3 - 2 * weight)).astype(np.float32)


def _components(triangles: I32, count: int) -> I32:
    """A label per vertex: vertices joined by triangles share labels. [count]"""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = sparse.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def _laplacian(triangles: I32, count: int) -> sparse.csr_matrix:
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ones = np.ones(len(edges))
    graph = sparse.coo_matrix((ones, (edges[:, 0], edges[:, 1])), (count, count)).tocsr()
    graph = graph + graph.T
    graph.data[:] = 1.0
    return (sparse.diags(np.asarray(graph.sum(1)).ravel()) - graph).tocsr()
