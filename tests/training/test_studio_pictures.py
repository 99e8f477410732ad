"""Pictures and labels of the studio agree: on a tiny head everywhere, on the real one if named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from studio_helpers import need_graphics, real_head
from tiny_head import write_tiny_head

from mien.models.motion.types import ARKIT_INDEX as I
from training.studio.layout import Part, point_groups

GROUPS = point_groups()
SIZE = 192


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory):
    need_graphics()
    from training.studio.head import HeadModel
    from training.studio.studio import Studio

    path = write_tiny_head(tmp_path_factory.mktemp("studio") / "tiny.npz")
    return Studio(HeadModel(path), SIZE, texture_size=256)


@pytest.fixture(scope="module")
def studio():
    need_graphics()
    path = real_head()
    from training.studio.head import HeadModel
    from training.studio.studio import Studio

    return Studio(HeadModel(path), SIZE)


def shoot(studio, sitter, yaw=0.0, pitch=0.0, roll=0.0, gaze=(0, 0), tongue=None, **coefficients):
    from training.studio.camera import frame_head
    from training.studio.head import ANCHOR, PIVOT
    from training.studio.mesh import rotation
    from training.studio.performances import Kind, Shot
    from training.studio.pose import Placement, Tongue, set_gaze

    face = np.zeros(52, np.float32)
    for name, value in coefficients.items():
        for full in (name, name + "Left", name + "Right"):
            if full in I:
                face[I[full]] = value
    set_gaze(face, *gaze)
    placement = Placement(np.eye(3), rotation(yaw, pitch, roll), np.zeros(3))
    camera = frame_head(placement.head @ (ANCHOR - PIVOT), distance=70, half_height=13)
    shot = Shot(Kind.PURE, face, tongue or Tongue(), placement, camera)
    return studio.take(sitter, shot, as_source=not coefficients and yaw == 0)


def plain(studio, seed=3, *, mean=False):
    """Somebody without hair, hat and glasses before the face."""
    from training.studio.person import random_person

    person = replace(random_person(studio.head, seed), style="bald", hat="none", glasses="none",
                     beard="none")  # fmt: skip
    if mean:
        person = replace(person, shape=np.zeros_like(person.shape))
    sitter = studio.wardrobe.sitter(seed, person)
    studio.renderer.seat(sitter, studio.wardrobe.fold_weights)
    studio.relight(np.random.default_rng(seed), sitter)
    return sitter


def parts_at(frame, rows):
    at = np.floor(frame.labels.points[rows, :2] * SIZE).astype(int).clip(0, SIZE - 1)
    return frame.picture.parts[at[:, 1], at[:, 0]]


def count(frame, *parts):
    return int(np.isin(frame.picture.parts, parts).sum())


def test_the_same_seed_gives_the_same_frames(tiny) -> None:
    first = list(tiny.session(5, 3))
    other = list(tiny.session(6, 1))
    again = list(tiny.session(5, 3))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.picture.rgb, b.picture.rgb)
        assert np.array_equal(a.picture.parts, b.picture.parts)
        assert np.array_equal(a.labels.points, b.labels.points)
    assert not np.array_equal(first[0].picture.rgb, other[0].picture.rgb)


def test_pictures_and_maps_have_the_stated_shapes(tiny) -> None:
    frame = next(tiny.session(5, 1))
    picture = frame.picture
    assert picture.rgb.shape == (SIZE, SIZE, 3) and picture.rgb.dtype == np.uint8
    assert picture.parts.shape == picture.depth.shape == (SIZE, SIZE)
    assert picture.canonical.shape == picture.source.shape == (SIZE, SIZE, 3)
    background = picture.parts == Part.BACKGROUND
    assert 0.05 < background.mean() < 0.9
    assert (picture.depth[background] == 0).all() and (picture.depth[~background] > 20).all()


def test_an_open_jaw_shows_the_mouth(tiny) -> None:
    sitter = plain(tiny)
    inside = (Part.MOUTH_CAVITY, Part.UPPER_TEETH, Part.LOWER_TEETH)
    shut, open_ = shoot(tiny, sitter), shoot(tiny, sitter, jawOpen=0.8)
    assert count(open_, *inside) > 60 > count(shut, *inside)
    assert open_.labels.lip_gap > shut.labels.lip_gap + 0.1


def test_points_lie_where_the_surface_is(tiny) -> None:
    frame = shoot(tiny, plain(tiny), yaw=12, pitch=5)
    labels = frame.labels
    at = np.floor(labels.points[:160, :2] * SIZE).astype(int)
    there = frame.picture.canonical[at[:, 1], at[:, 0]]
    rest = tiny.head.neutral[tiny.head.point_vertices]
    clear = labels.visible[:160] > 0.5
    assert clear.mean() > 0.7
    assert np.median(np.linalg.norm(there - rest, axis=1)[clear]) < 0.35


def test_the_pose_labels_reproduce_the_points(tiny) -> None:
    """A rigid head: turning the straight points by the label and projecting gives the others."""
    from training.studio.camera import frame_head
    from training.studio.head import ANCHOR, PIVOT
    from training.studio.mesh import rotation
    from training.studio.pose import Placement

    sitter = plain(tiny)
    frame = shoot(tiny, sitter, yaw=-25, pitch=10, roll=15)
    labels = frame.labels
    turn = rotation(*labels.pose_deg)
    assert np.allclose(labels.pose_deg, (-25, 10, 15), atol=1e-3)
    rest = sitter.body.neutral[tiny.head.point_vertices].astype(np.float64)
    steady = tiny.head.head_weight[tiny.head.point_vertices] > 0.999
    still = sitter.body.pose(np.zeros(52, np.float32), Placement.straight()).moved
    steady &= np.linalg.norm(still[tiny.head.point_vertices], axis=1) < 1e-4  # lids are moved
    camera = frame_head(turn @ (ANCHOR - PIVOT), distance=70, half_height=13)
    again = camera.project((rest - PIVOT) @ turn.T, 1)
    assert steady.mean() > 0.5
    assert np.abs(again[steady, :2] - labels.points[:160][steady, :2]).max() < 2e-3
    anchor = labels.translation
    middle = 0.5 + labels.focal * anchor[0] / anchor[2], 0.5 - labels.focal * anchor[1] / anchor[2]
    seen = camera.project((turn @ (ANCHOR - PIVOT))[None], 1)[0]
    assert np.allclose(np.ravel(middle), seen[:2], atol=1e-4)


def test_the_source_map_leads_back_to_the_source_picture(tiny) -> None:
    sitter = plain(tiny)
    source = shoot(tiny, sitter)
    turned = shoot(tiny, sitter, yaw=15, jawOpen=0.3)
    skin = turned.picture.parts == Part.SKIN
    place = turned.picture.source[skin]
    x, y = (np.clip(place[:, k].astype(int), 0, SIZE - 1) for k in (0, 1))
    shown = np.abs(source.picture.depth[y, x] - place[:, 2]) < 0.3  # not hidden in the source
    assert shown.mean() > 0.6
    away = np.linalg.norm(source.picture.canonical[y, x] - turned.picture.canonical[skin], axis=1)
    assert np.median(away[shown]) < 0.15


def test_without_a_change_the_source_map_is_the_picture_itself(tiny) -> None:
    frame = shoot(tiny, plain(tiny))
    solid = frame.picture.parts != Part.BACKGROUND
    rows, columns = np.nonzero(solid)
    place = frame.picture.source[solid]
    assert np.median(np.abs(place[:, 0] - columns - 0.5)) < 0.05
    assert np.median(np.abs(place[:, 1] - rows - 0.5)) < 0.05


# With the real head model.


@pytest.mark.shared
def test_iris_points_lie_on_irises(studio) -> None:
    sitter = plain(studio)
    for gaze in ((0, 0), (18, 0), (-18, 5)):
        frame = shoot(studio, sitter, gaze=gaze, eyeWide=0.4)
        for name in ("left_iris", "right_iris"):
            assert parts_at(frame, GROUPS[name])[0] == Part.IRIS


@pytest.mark.shared
def test_a_blink_hides_the_eyes(studio) -> None:
    sitter = plain(studio)
    eyes = (Part.EYE, Part.IRIS)
    open_, shut = shoot(studio, sitter), shoot(studio, sitter, eyeBlink=1.0)
    assert count(open_, *eyes) > 100
    assert count(shut, *eyes) < 0.06 * count(open_, *eyes)
    assert shut.labels.visible[-10:].sum() <= 2 < open_.labels.visible[-10:].sum()


@pytest.mark.shared
def test_lids_close_over_the_points_of_the_eye(studio) -> None:
    sitter = plain(studio)

    def height(frame, name: str) -> float:
        return float(np.ptp(frame.labels.points[GROUPS[name], 1]))

    for name in ("left_eye", "right_eye"):
        assert height(shoot(studio, sitter, eyeBlink=1.0), name) < 0.7 * height(
            shoot(studio, sitter), name
        )


@pytest.mark.shared
def test_jaw_open_parts_the_inner_lips_and_shows_what_is_behind(studio) -> None:
    sitter = plain(studio)
    shut, open_ = shoot(studio, sitter), shoot(studio, sitter, jawOpen=0.7)
    inside = [Part.MOUTH_CAVITY, Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE, Part.GUMS]
    assert count(shut, *inside) < 12 and count(open_, *inside) > 250
    assert np.ptp(open_.labels.points[GROUPS["inner_lip"], 1]) > 4 * np.ptp(
        shut.labels.points[GROUPS["inner_lip"], 1]
    )
    assert open_.labels.lip_gap > 0.2 > shut.labels.lip_gap


@pytest.mark.shared
def test_mouth_close_shuts_the_lips_over_an_open_jaw(studio) -> None:
    frame = shoot(studio, plain(studio), jawOpen=0.4, mouthClose=0.4)
    inside = [Part.MOUTH_CAVITY, Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE, Part.GUMS]
    assert count(frame, *inside) < 12
    assert frame.labels.lip_gap < 0.06


@pytest.mark.shared
def test_the_tongue_moves_on_its_own(studio) -> None:
    from training.studio.pose import Tongue

    sitter = plain(studio)
    rest = shoot(studio, sitter, jawOpen=0.4)
    out = shoot(studio, sitter, jawOpen=0.45, tongue=Tongue(out=0.8))
    lifted = shoot(studio, sitter, jawOpen=0.4, tongue=Tongue(lift=1.0))
    assert count(out, Part.TONGUE) > 1.5 * count(rest, Part.TONGUE)

    def height(frame) -> float:
        return -float(np.nonzero(frame.picture.parts == Part.TONGUE)[0].mean())

    assert height(lifted) > height(rest)


@pytest.mark.shared
def test_left_and_right_are_mirror_images(studio) -> None:
    """The mean head, turned to either side, has mirrored points."""
    sitter = plain(studio, mean=True)
    head = studio.head
    left, right = (shoot(studio, sitter, yaw=yaw).labels.points for yaw in (20, -20))
    vertices = head.point_vertices
    place = head.neutral[vertices]
    partner = np.linalg.norm((place * [-1, 1, 1])[:, None] - place[None], axis=2).argmin(1)
    flipped = right[partner, :2] * [-1, 1] + [1, 0]
    assert np.abs(flipped - left[:160, :2]).max() < 4e-3
