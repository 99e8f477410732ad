"""Makes `face_basis.safetensors`: how 478 landmarks move under the 52 ARKit coefficients.

Run from `models/`: `python -m training.face_basis --facekit ict_facekit.npz --measured
mp478_expression_basis.npz`. Each landmark follows one vertex of the head model (USC ICT-FaceKit,
MIT); the vertex is chosen near the measured correspondence so that its motion agrees with the
motion that the landmarker sees on renders. The result is symmetrised and lightly smoothed: a
fitted basis, not a mesh. Axes: x image right, y down, z away from the camera; unit:
outer-eye-corner distance (iod).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.optimize import linear_sum_assignment

from mien.models.codec import topology
from mien.models.motion import ARKIT_NAMES

F64 = NDArray[np.float64]
TO_IMAGE_AXES = np.array([1.0, -1.0, -1.0])
# What ARKit's weight 1 looks like, relative to the head model's weight 1 (judged on renders).
GAIN = {
    "browDown": 1.35, "browInnerUp": 1.25, "browOuterUp": 1.1, "cheekPuff": 0.8,
    "cheekSquint": 1.5, "eyeSquint": 1.4, "jawForward": 1.2, "mouthPucker": 1.35,
    "mouthStretch": 1.15, "mouthFrown": 1.3, "mouthLeft": 0.85, "mouthRight": 0.85,
    "mouthDimple": 1.1, "mouthLowerDown": 1.25, "noseSneer": 0.9,
}  # fmt: skip
TONGUE_NEEDS_JAW = 0.3  # a tongue comes out through an opening: this much of jawOpen


NOSTRIL_CLIQUES = ((49, 64, 129), (279, 294, 358))  # three edges that bound no face


def landmark_edges() -> NDArray[np.int32]:
    """The edges of the landmark mesh, [E, 2], each once."""
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    return np.array(sorted({tuple(sorted(edge)) for edge in FACEMESH_TESSELATION}), np.int32)


def face_triangles() -> NDArray[np.int32]:
    """The skin triangles of the landmark mesh: its three-cliques, then the filled openings."""
    neighbours: dict[int, set[int]] = {}
    for a, b in landmark_edges():
        neighbours.setdefault(int(a), set()).add(int(b))
        neighbours.setdefault(int(b), set()).add(int(a))
    cliques = {
        (a, b, c)
        for a, around in neighbours.items()
        for b in around
        if b > a
        for c in around & neighbours[b]
        if c > b
    }
    skin = np.array(sorted(cliques - set(NOSTRIL_CLIQUES)), np.int32)
    return np.concatenate([skin, topology.openings()])


def mirrored_name(name: str) -> str:
    """The same shape on the other side of the face, in the head model's naming."""
    if name.endswith(("_L", "_R")):
        return name[:-1] + ("R" if name.endswith("L") else "L")
    if "Left" in name:
        return name.replace("Left", "Right")
    return name.replace("Right", "Left")


def mirror_indices(mean: F64) -> NDArray[np.int32]:
    """For each landmark the one on the other side: the best one-to-one match of the mesh with its
    mirror image, judged by position and by the positions of the neighbours in the mesh."""
    edges = landmark_edges()
    around = np.zeros((468, 3))
    degree = np.bincount(edges.ravel(), minlength=468)[:, None]
    np.add.at(around, edges[:, 0], mean[edges[:, 1]])
    np.add.at(around, edges[:, 1], mean[edges[:, 0]])
    signature = np.concatenate([mean[:468], around / degree], axis=1)
    flipped = signature * np.array([-1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
    cost = ((flipped[:, None] - signature[None]) ** 2).sum(-1)
    cost = cost + cost.T  # the same cost both ways makes the best match an involution
    _, nearest = linear_sum_assignment(cost)
    iris = [473, 474, 475, 476, 477, 468, 469, 470, 471, 472]
    iris = [473, 476, 475, 474, 477, 468, 471, 470, 469, 472] if iris_swaps(mean) else iris
    out = np.r_[nearest, iris].astype(np.int32)
    if not (out[out] == np.arange(478)).all():
        raise ValueError("the mirror map is no involution: the mean face is too asymmetric")
    return out


def iris_swaps(mean: F64) -> bool:
    """Whether iris rims are numbered mirror-wise (outer matches outer) rather than by position."""
    by_position = abs(mean[469, 0] + mean[474, 0])
    swapped = abs(mean[469, 0] + mean[476, 0])
    return bool(swapped < by_position)


def follow_vertices(
    shapes: F64, neutral: F64, guess: NDArray[np.int32], measured: F64, reach: float = 0.07
) -> NDArray[np.int32]:
    """Re-choose each landmark's vertex among near ones so that it moves as was measured.

    `shapes` [S, V, 3], `neutral` [V, 3], `guess` [468], `measured` [S, 478, 3], all in iod.
    """
    signature = shapes[:, :, :2].transpose(1, 0, 2).reshape(len(neutral), -1)
    wanted = measured[:, :468, :2].transpose(1, 0, 2).reshape(468, -1)
    chosen = guess.copy()
    for landmark, start in enumerate(guess):
        distance = np.linalg.norm(neutral - neutral[start], axis=1)
        near = np.flatnonzero(distance < reach)
        error = np.linalg.norm(signature[near] - wanted[landmark], axis=1)
        chosen[landmark] = near[np.argmin(error + 1.2 * distance[near])]
    return chosen


def smooth(shape: F64, weight: F64, steps: int = 2) -> F64:
    """Laplacian smoothing over the landmark mesh; `weight` [468] says how much, per landmark."""
    edges = landmark_edges()
    out = shape.copy()
    degree = np.bincount(edges.ravel(), minlength=468)[:, None]
    for _ in range(steps):
        around = np.zeros((468, 3))
        np.add.at(around, edges[:, 0], out[edges[:, 1]])
        np.add.at(around, edges[:, 1], out[edges[:, 0]])
        out[:468] += weight[:, None] * 0.5 * (around / degree - out[:468])
    return out


def to_arkit(shapes: dict[str, F64]) -> F64:
    """53 head-model shapes to the 52 coefficients, [52, 478, 3]."""
    out = np.zeros((len(ARKIT_NAMES), 478, 3))
    for i, name in enumerate(ARKIT_NAMES):
        side = "_L" if name.endswith("Left") else "_R"
        stem = name.removesuffix("Left").removesuffix("Right")
        if name in shapes:
            out[i] = shapes[name]
        elif stem + side in shapes and stem != name:
            out[i] = shapes[stem + side]
        elif name + "_L" in shapes:
            out[i] = shapes[name + "_L"] + shapes[name + "_R"]
        elif name == "tongueOut":
            out[i] = TONGUE_NEEDS_JAW * shapes["jawOpen"]
        else:
            raise KeyError(f"no head-model shape for {name}")
    return out


def build(facekit: Path, measured_path: Path) -> dict[str, NDArray[np.generic]]:
    """All arrays of the asset."""
    kit, measured = np.load(facekit), np.load(measured_path)
    names = [str(name) for name in measured["names"]]
    mean = measured["neutral_mean"].astype(np.float64)
    mean[:, 0] -= mean[[33, 263], 0].mean()
    mirror = mirror_indices(mean)
    mean = (mean + mean[mirror] * [-1.0, 1.0, 1.0]) / 2
    mean /= np.linalg.norm(mean[33] - mean[263])

    kit_names = [str(name) for name in kit["expression_names"]]
    guess = measured["mp_to_ict_vertex"].astype(np.int32)
    neutral = kit["neutral"].astype(np.float64)[:9409]
    unit = np.linalg.norm(neutral[guess[33]] - neutral[guess[263]])
    neutral = neutral / unit * TO_IMAGE_AXES
    raw = np.stack([kit["expr"][kit_names.index(n)][:9409] for n in names]).astype(np.float64)
    raw = raw / unit * TO_IMAGE_AXES

    def symmetrised(basis: F64) -> F64:
        other = basis[[names.index(mirrored_name(n)) for n in names]][:, mirror]
        return (basis + other * [-1.0, 1.0, 1.0]) / 2

    seen = symmetrised(measured["basis"].astype(np.float64))
    vertices = follow_vertices(raw, neutral, guess, seen)
    basis = np.zeros((len(names), 478, 3))
    basis[:, :468] = raw[:, vertices]
    basis = symmetrised(basis)
    weight = np.full(468, 0.8)
    weight[list(topology.LIPS)] = 0.15
    weight[list(topology.EYES)] = 0.3
    shapes = {n: smooth(b, weight) for n, b in zip(names, basis, strict=True)}
    for name, shape in shapes.items():
        shape *= GAIN.get(name.split("_")[0], 1.0)
    gap = {n: (s[14] - s[13])[1] for n, s in shapes.items()}
    shapes["mouthClose"] *= -gap["jawOpen"] / gap["mouthClose"]

    rigid = np.zeros(478)
    rigid[measured["stable"]] = 1.0
    rigid = np.maximum(rigid, rigid[mirror])
    return {
        "mean": mean.astype(np.float32),
        "dynamics": to_arkit(shapes).astype(np.float16),
        "mirror": mirror,
        "rigid_weight": rigid.astype(np.float32),
        "triangles": face_triangles(),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facekit", type=Path, required=True)
    parser.add_argument("--measured", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("mien/models/data/face_basis.safetensors"))
    options = parser.parse_args()
    arrays = build(options.facekit, options.measured)
    save_file(
        {k: np.ascontiguousarray(v) for k, v in arrays.items()},
        options.out,
        metadata={"source": "fitted from USC ICT-FaceKit (MIT) and renders of it"},
    )
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
