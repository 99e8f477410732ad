"""Finding faces and measuring their 478 points.

Knows MediaPipe's FaceMesh and face detector, how to look again where they miss a face, and how to
frame a face as a 512 px portrait. Refuses to know whether a face is fit to be enrolled.

Points are [478, 3] float32: x, y in px of the picture they belong to with pixel centres at
integers, z in the same px, smaller is nearer.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.codec.basis import face_basis
from mien.models.codec.topology import LANDMARKS, OUTER_EYE_CORNERS
from mien.models.enrolment.quiet import quiet_stderr

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Box = tuple[float, float, float, float]  # x, y, width, height in px

_VIEW_SIDE_PX = 1600  # MediaPipe looks at 128 to 192 px; more than this only costs time
_SEARCH_SIDE_PX = 3200  # the same for parts of a picture
_SMALLEST_SEARCH_PX = 300  # a face that can be enrolled would fill this
_CROP_SIDE_PX = 512
_MAX_FACES = 16
# Two looks at one true face differ far less than this; a tree's bark differs more.
_FANTASY_DISAGREEMENT = 0.12


@dataclass(frozen=True, eq=False)
class Face:
    """A face of a picture."""

    landmarks: F32  # [478, 3] px of the picture
    mirror_disagreement: float  # between a look and a mirrored look, in outer-eye distances

    @property
    def box(self) -> Box:
        """The points' bounding box: forehead to chin, ear to ear."""
        low, high = self.landmarks[:, :2].min(axis=0), self.landmarks[:, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])

    @property
    def eye_distance_px(self) -> float:
        """Between the eyes' outer corners."""
        return eye_distance_px(self.landmarks)


class Landmarker:
    """MediaPipe's face models behind one lock: they are not thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        with quiet_stderr():
            import mediapipe

            solutions = mediapipe.solutions
            self._mesh = solutions.face_mesh.FaceMesh(
                static_image_mode=True,
                refine_landmarks=True,
                max_num_faces=_MAX_FACES,
                min_detection_confidence=0.4,
            )
            self._detectors = [
                solutions.face_detection.FaceDetection(
                    model_selection=reach, min_detection_confidence=0.5
                )
                for reach in (0, 1)  # near faces, far faces
            ]
            blank = np.zeros((64, 64, 3), np.uint8)
            for graph in (self._mesh, *self._detectors):
                graph.process(blank)  # a graph's first call logs
        self._has_seen_a_face = False

    def meshes(self, rgb: U8) -> list[F32]:
        """The points of every face that FaceMesh sees in `rgb` [H, W, 3]."""
        image = np.ascontiguousarray(rgb)
        # The part that refines eyes and lips logs when it first runs.
        quiet = contextlib.nullcontext() if self._has_seen_a_face else quiet_stderr()
        with self._lock, quiet:
            answer = self._mesh.process(image)
            self._has_seen_a_face |= bool(answer.multi_face_landmarks)
        height_px, width_px = rgb.shape[:2]
        return [_points(face, width_px, height_px) for face in (answer.multi_face_landmarks or [])]

    def boxes(self, rgb: U8) -> list[Box]:
        """The detectors' boxes, which run from the brows to the chin."""
        image = np.ascontiguousarray(rgb)
        height_px, width_px = rgb.shape[:2]
        found: list[Box] = []
        for detector in self._detectors:
            with self._lock:
                answer = detector.process(image)
            for detection in answer.detections or []:
                box = detection.location_data.relative_bounding_box
                corner = (box.xmin * width_px, box.ymin * height_px)
                found.append((*corner, box.width * width_px, box.height * height_px))
        return found


@lru_cache(maxsize=1)
def shared_landmarker() -> Landmarker:
    """The process's one landmarker; the first call loads MediaPipe (about a second)."""
    return Landmarker()


def find_faces(rgb: U8) -> list[Face]:
    """Every face of a picture, left to right. Empty when there is none."""
    landmarker = shared_landmarker()
    faces: list[Face] = []
    for points in _candidates(landmarker, rgb):
        face = _look_closely(landmarker, rgb, points)
        if face is not None and not _is_known(face.landmarks, [f.landmarks for f in faces]):
            faces.append(face)
    return sorted(faces, key=lambda face: face.box[0] + face.box[2] / 2)


def measure_points(rgb: U8, near: F32) -> tuple[F32, float] | None:
    """The points of the face near `near`, averaged over a look and a mirrored look.

    Returns points and how far the two looks differ (mean over the points, in outer-eye
    distances), or None when either look sees no face there.
    """
    landmarker = shared_landmarker()
    direct = _nearest(landmarker.meshes(rgb), near)
    mirrored_looks = landmarker.meshes(rgb[:, ::-1])
    mirrored = _nearest((unmirror(p, rgb.shape[1]) for p in mirrored_looks), near)
    if direct is None or mirrored is None:
        return None
    gap = np.linalg.norm(direct[:, :2] - mirrored[:, :2], axis=1).mean()
    middle = (direct + mirrored) / 2
    return middle, float(gap / max(eye_distance_px(middle), 1e-6))


def eye_distance_px(landmarks: F32) -> float:
    """Distance between the eyes' outer corners in the picture plane."""
    right, left = landmarks[OUTER_EYE_CORNERS[0]], landmarks[OUTER_EYE_CORNERS[1]]
    return float(np.linalg.norm(right[:2] - left[:2]))


def unmirror(landmarks: F32, width_px: int) -> F32:
    """Points found in a mirrored picture, as points of the picture itself."""
    points = landmarks[face_basis().mirror].copy()
    points[:, 0] = (width_px - 1) - points[:, 0]
    return points


def look_again(
    rgb: U8, near: F32, scale: float, shift_x_px: int, shift_y_px: int, mirrored: bool
) -> F32 | None:
    """The face near `near` measured on a picture that was scaled, shifted or mirrored.

    Returns points of `rgb` itself, or None when the face is not seen.
    """
    height_px, width_px = rgb.shape[:2]
    shift = (width_px / 2 * (1 - scale) + shift_x_px, height_px / 2 * (1 - scale) + shift_y_px)
    move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    moved = cv2.warpAffine(rgb, move, (width_px, height_px), borderMode=cv2.BORDER_REFLECT)
    landmarker = shared_landmarker()
    if mirrored:
        looks = landmarker.meshes(np.asarray(moved[:, ::-1], np.uint8))
        found = _nearest((unmirror(p, width_px) for p in looks), _transform(near, move))
    else:
        found = _nearest(landmarker.meshes(np.asarray(moved, np.uint8)), _transform(near, move))
    back = np.asarray(cv2.invertAffineTransform(move), np.float32)
    return None if found is None else _transform(found, back)


def _points(face: Any, width_px: int, height_px: int) -> F32:
    raw = np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32)
    if raw.shape != (LANDMARKS, 3):
        raise RuntimeError(f"FaceMesh gave {raw.shape}, not 478 points")
    # Normalised positions run edge to edge; ours from pixel centre to pixel centre.
    edges = raw * np.array([width_px, height_px, width_px], np.float32)
    return edges - np.array([0.5, 0.5, 0.0], np.float32)


def _candidates(landmarker: Landmarker, rgb: U8) -> list[F32]:
    """Rough points of every face, looking harder only while nothing was found."""
    looks = ((_look_at_whole, _VIEW_SIDE_PX), (_search, _SEARCH_SIDE_PX), (_look_tilted, 1024))
    for look, side_px in looks:
        view, scale = _shrink(rgb, side_px)
        found = look(landmarker, view)
        if found:
            return [_rescale(points, 1 / scale) for points in found]
    return []


def _look_at_whole(landmarker: Landmarker, view: U8) -> list[F32]:
    found = _merge([], landmarker.meshes(view))
    for box in landmarker.boxes(view):
        found = _merge(found, _look_at_box(landmarker, view, box, found))
    return found


def _look_at_box(landmarker: Landmarker, view: U8, box: Box, known: list[F32]) -> list[F32]:
    x, y, width, height = box
    centre = np.array([x + width / 2, y + height / 2])
    if any(_covers(points, centre) for points in known):
        return []
    for widening in (1.8, 2.6, 1.3):
        side = max(width, height) * widening
        crop, to_view = _square(view, centre - side / 2, side)
        found = [_transform(points, to_view) for points in landmarker.meshes(crop)]
        nearest = [points for points in found if _covers(points, centre)]
        if nearest:
            return nearest[:1]
    return []


def _search(landmarker: Landmarker, view: U8) -> list[F32]:
    """Faces that fill the frame (wider than the picture), then ever smaller ones."""
    height, width = view.shape[:2]
    for part in (1.5, 0.5, 0.3, 0.2):
        side = max(height, width) * part
        if side < _SMALLEST_SEARCH_PX:
            break
        found: list[F32] = []
        for y in _starts(height, side):
            for x in _starts(width, side):
                found = _merge(found, _search_square(landmarker, view, np.array([x, y]), side))
        if found:
            return found
    return []


def _search_square(landmarker: Landmarker, view: U8, corner: F64, side: float) -> list[F32]:
    crop, to_view = _square(view, corner, side)
    found = _look_at_whole(landmarker, crop)
    return [_transform(points, to_view) for points in found]


def _starts(length: float, side: float) -> list[float]:
    if side >= length:
        return [(length - side) / 2]
    count = int(np.ceil((length - side) / (side * 0.6))) + 1
    return [float(v) for v in np.linspace(0, length - side, count)]


def _look_tilted(landmarker: Landmarker, view: U8) -> list[F32]:
    """Heads that lean further than the detector follows."""
    height, width = view.shape[:2]
    for angle_deg in (-30.0, 30.0):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, 1.0).astype(np.float32)
        leaned = cv2.warpAffine(view, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        found = landmarker.meshes(np.asarray(leaned, np.uint8))
        if found:
            back = np.asarray(cv2.invertAffineTransform(turn), np.float32)
            return [_transform(points, back) for points in _merge([], found)]
    return []


def _square(view: U8, corner: F64, side: float) -> tuple[U8, F32]:
    """A square of the view at a size that suits the models, and the way back [2, 3]."""
    scale = min(1.0, _VIEW_SIDE_PX / 2 / side) if side > _CROP_SIDE_PX else _CROP_SIDE_PX / side
    size = round(side * scale)
    to_crop = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]], np.float32)
    crop = cv2.warpAffine(
        view,
        to_crop,
        (size, size),
        flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop, np.uint8), np.asarray(cv2.invertAffineTransform(to_crop), np.float32)


def _look_closely(landmarker: Landmarker, rgb: U8, rough: F32) -> Face | None:
    """Measure a candidate again, large and from both sides; None for a fantasy."""
    low, high = rough[:, :2].min(axis=0), rough[:, :2].max(axis=0)
    side = float((high - low).max()) * 1.8
    corner = (low + high) / 2 - side / 2
    crop, origin = _cut(rgb, corner, side)
    crop, scale = _shrink(crop, _CROP_SIDE_PX)
    near = _rescale(rough - np.array([*origin, 0], np.float32), scale)
    measured = measure_points(crop, near)
    if measured is None or measured[1] > _FANTASY_DISAGREEMENT:
        return None
    points, disagreement = measured
    points = _rescale(points, 1 / scale) + np.array([*origin, 0], np.float32)
    return Face(points.astype(np.float32), disagreement)


def _cut(rgb: U8, corner: F64, side: float) -> tuple[U8, tuple[int, int]]:
    """The part of a square that lies in the picture, and where it starts."""
    height, width = rgb.shape[:2]
    x0, y0 = (int(max(0, np.floor(v))) for v in corner)
    x1, y1 = int(min(width, np.ceil(corner[0] + side))), int(min(height, np.ceil(corner[1] + side)))
    return rgb[y0:y1, x0:x1], (x0, y0)


def _shrink(rgb: U8, side_px: int) -> tuple[U8, float]:
    scale = side_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb, 1.0
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _rescale(points: F32, scale: float) -> F32:
    moved = (points + np.array([0.5, 0.5, 0], np.float32)) * np.float32(scale)
    return np.asarray(moved - np.array([0.5, 0.5, 0], np.float32), np.float32)


def _transform(points: F32, affine: F32) -> F32:
    """Apply a similarity [2, 3] to x, y and its scale to z."""
    moved = points.copy()
    moved[:, :2] = points[:, :2] @ affine[:, :2].T + affine[:, 2]
    moved[:, 2] *= np.hypot(affine[0, 0], affine[0, 1])
    return moved


def _merge(known: list[F32], found: Iterable[F32]) -> list[F32]:
    merged = list(known)
    for points in found:
        if not _is_known(points, merged):
            merged.append(points)
    return merged


def _is_known(points: F32, known: Iterable[F32]) -> bool:
    centre = points[:, :2].mean(axis=0)
    return any(
        np.linalg.norm(other[:, :2].mean(axis=0) - centre) < eye_distance_px(other) * 0.7
        for other in known
    )


def _covers(points: F32, position: F64) -> bool:
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return bool((position >= low).all() and (position <= high).all())


def _nearest(looks: Iterable[F32], near: F32) -> F32 | None:
    """The look whose middle lies nearest to that of `near`, if it lies on the same face."""
    middle = near[:, :2].mean(axis=0)

    def distance(points: F32) -> float:
        return float(np.linalg.norm(points[:, :2].mean(axis=0) - middle))

    best = min(looks, key=distance, default=None)
    reach = max(float(np.ptp(near[:, :2], axis=0).max()) * 0.5, 1.0)
    return None if best is None or distance(best) > reach else best
