"""The synthetic assets that ship: mouth sprites, demo portraits, spoken lines."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from safetensors import safe_open

DATA = Path(str(files("mien.models") / "data"))
DEMO = DATA / "demo"
CHARACTERS = ("captain", "smith", "witch")
LAYERS = ("cavity", "tongue_rest", "lower", "tongue_out", "upper")
YAWS_DEG = (-30, -20, -10, 0, 10, 20, 30)

# Landmarks of the face mesh and their mirror images; those on the midline mirror themselves.
MIRRORED = np.array(
    [(33, 263), (133, 362), (159, 386), (145, 374), (70, 300), (105, 334), (61, 291), (78, 308),
     (40, 270), (91, 321), (50, 280), (172, 397), (129, 358),
     (1, 1), (13, 13), (14, 14), (152, 152), (168, 168)]
)  # fmt: skip


@pytest.fixture(scope="module")
def mouth() -> tuple[dict[str, np.ndarray], dict[str, object]]:
    with safe_open(DATA / "mouth.safetensors", "numpy") as archive:
        tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
        about = {key: json.loads(value) for key, value in archive.metadata().items()}
    return tensors, about


def sprite(tensors: dict[str, np.ndarray], layer: str, yaw_deg: int) -> np.ndarray:
    return cv2.imdecode(tensors[f"{layer}.{yaw_deg:+d}"], cv2.IMREAD_UNCHANGED)


def test_mouth_names_its_layers_yaws_and_scale(mouth) -> None:
    tensors, about = mouth
    assert tuple(about["layers"]) == LAYERS
    assert tensors["yaws_deg"].tolist() == list(YAWS_DEG)
    assert about["format"] == "mien mouth sprites 1"
    assert 0 < about["jaw_open"] <= 1
    assert 150 < about["px_per_outer_eye_distance"] < 300
    assert "ICT-FaceKit" in about["credit"]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("yaw_deg", YAWS_DEG)
def test_every_sprite_has_something_on_a_clear_ground(mouth, layer: str, yaw_deg: int) -> None:
    tensors, about = mouth
    picture = sprite(tensors, layer, yaw_deg)
    width, height = about["canvas_px"]
    assert picture.shape == (height, width, 4)
    alpha = picture[..., 3].astype(int)
    assert 0.02 < (alpha > 250).mean() < 0.6
    assert (alpha == 0).mean() > 0.3


@pytest.mark.parametrize("layer", ["upper", "tongue_out"])
def test_colour_does_not_darken_with_alpha_at_edges(mouth, layer: str) -> None:
    tensors, _ = mouth
    picture = sprite(tensors, layer, 0)
    alpha = picture[..., 3].astype(int)
    edge = picture[(alpha > 8) & (alpha < 120)][:, :3].mean()
    assert edge > 0.3 * picture[alpha > 250][:, :3].mean()


def test_teeth_are_pale_and_tongue_and_gums_are_red(mouth) -> None:
    tensors, about = mouth
    x, y = tensors["anchors_px"][3, about["anchors"].index("upper_incisor_edge")]
    tooth = sprite(tensors, "upper", 0)[int(y) - 12 : int(y) - 3, int(x) - 9 : int(x) + 9, :3]
    blue, _, red = tooth.reshape(-1, 3).mean(0)
    assert red > 130
    assert 0.6 < blue / red < 1.0, "enamel is warm, not pure white"
    tongue = sprite(tensors, "tongue_out", 0)
    blue, green, red = tongue[tongue[..., 3] > 250][:, :3].mean(0)
    assert red > 1.3 * green
    assert red > 1.3 * blue


def test_anchors_lie_on_the_canvas_and_where_anatomy_puts_them(mouth) -> None:
    tensors, about = mouth
    anchors, (width, height) = tensors["anchors_px"], about["canvas_px"]
    assert anchors.shape == (len(YAWS_DEG), len(about["anchors"]), 2)
    molars = [name.startswith("lower_molar") for name in about["anchors"]]
    for row, yaw_deg in zip(anchors, YAWS_DEG, strict=True):
        seen = row if abs(yaw_deg) < 30 else row[~np.array(molars)]
        assert (seen >= -0.5).all()
        assert (seen <= [width - 0.5, height - 0.5]).all()
    place = dict(zip(about["anchors"], anchors[3], strict=True))
    assert place["corner_image_left"][0] < place["corner_image_right"][0]
    assert place["upper_lip_inner"][1] <= place["lower_lip_inner"][1]
    assert place["lower_incisor_edge"][1] < place["lower_incisor_edge_open"][1]


def test_opened_jaw_anchor_agrees_with_the_stated_travel(mouth) -> None:
    tensors, about = mouth
    names, frontal = about["anchors"], tensors["anchors_px"][3]
    moved = frontal[names.index("lower_incisor_edge_open")][1]
    moved -= frontal[names.index("lower_incisor_edge")][1]
    stated = -about["jaw_travel_per_unit"]["incisor"][1] * about["jaw_open"]
    assert moved / about["px_per_outer_eye_distance"] == pytest.approx(stated, rel=0.05)


def test_upper_teeth_begin_at_their_edge_anchor(mouth) -> None:
    tensors, about = mouth
    column = about["anchors"].index("upper_incisor_edge")
    for row, yaw_deg in enumerate(YAWS_DEG):
        x, y = tensors["anchors_px"][row, column]
        alpha = sprite(tensors, "upper", yaw_deg)[..., 3]
        near = alpha[:, round(float(x)) - 6 : round(float(x)) + 7].max(1)
        lowest = np.flatnonzero(near > 128).max()
        assert abs(lowest - y) < 3.0, yaw_deg


def test_sprites_of_opposite_turns_are_mirror_images(mouth) -> None:
    tensors, _ = mouth
    for layer in LAYERS:
        left, right = sprite(tensors, layer, -20), sprite(tensors, layer, 20)
        assert np.array_equal(left[..., 3], right[:, ::-1, 3])


def portrait(character: str) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(DEMO / f"{character}.jpg")), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def face_mesh():
    mediapipe = pytest.importorskip("mediapipe")
    with mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=2, refine_landmarks=True
    ) as mesh:
        yield mesh


def landmarks(face_mesh, picture: np.ndarray) -> np.ndarray:
    found = face_mesh.process(np.ascontiguousarray(picture)).multi_face_landmarks
    assert found is not None
    assert len(found) == 1
    height, width = picture.shape[:2]
    return np.array([(p.x * width, p.y * height) for p in found[0].landmark])


@pytest.mark.parametrize("character", CHARACTERS)
def test_portrait_shows_one_large_stable_frontal_face(face_mesh, character: str) -> None:
    picture = portrait(character)
    assert picture.shape == (768, 768, 3)
    points = landmarks(face_mesh, picture)
    eyes = np.linalg.norm(points[33] - points[263])
    assert eyes >= 190
    flipped = landmarks(face_mesh, picture[:, ::-1])
    back = flipped[MIRRORED[:, 1]] * [-1, 1] + [picture.shape[1] - 1, 0]
    apart = np.linalg.norm(points[MIRRORED[:, 0]] - back, axis=1)
    assert apart.mean() / eyes < 0.03
    nose = (points[1] - (points[33] + points[263]) / 2)[0] / eyes
    assert abs(nose) < 0.14, "turned too far"


@pytest.mark.parametrize(
    ("character", "opening"), [("captain", 0.0), ("smith", 0.0), ("witch", 0.035)]
)
def test_portrait_mouth_is_closed_or_smiling(face_mesh, character: str, opening: float) -> None:
    points = landmarks(face_mesh, portrait(character))
    gap = np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[33] - points[263])
    assert abs(gap - opening) < 0.035


@pytest.mark.parametrize("character", CHARACTERS)
def test_line_is_mono_of_its_stated_length_and_loudness(character: str) -> None:
    about = json.loads((DEMO / f"{character}.json").read_text())
    sound, rate_hz = soundfile.read(DEMO / f"{character}.flac", dtype="float32")
    assert sound.ndim == 1
    assert rate_hz == about["sample_rate_hz"]
    assert len(sound) / rate_hz == pytest.approx(about["duration_s"], abs=0.001)
    assert 6.0 <= about["duration_s"] <= 9.0
    assert 0.2 < np.abs(sound).max() < 0.95
    assert 0.05 < float(np.sqrt(np.mean(sound**2))) < 0.12


@pytest.mark.parametrize("character", CHARACTERS)
def test_phone_times_run_forward_and_hold_closures(character: str) -> None:
    about = json.loads((DEMO / f"{character}.json").read_text())
    starts, ends, names = zip(*about["phones"], strict=True)
    assert all(a < b for a, b in zip(starts, ends, strict=True))
    assert all(abs(b - a) < 1e-6 for a, b in zip(starts[1:], ends[:-1], strict=True))
    assert starts[0] >= 0
    assert ends[-1] <= about["duration_s"] + 1e-6
    assert sum(name in ("p", "b", "m") for name in names) >= 6
    assert sum(name in ("f", "v") for name in names) >= 3
    assert sum(name in ("uw", "ow", "w", "ao") for name in names) >= 5


def test_stops_of_the_lips_are_quieter_than_vowels() -> None:
    for character in CHARACTERS:
        about = json.loads((DEMO / f"{character}.json").read_text())
        sound, rate_hz = soundfile.read(DEMO / f"{character}.flac", dtype="float32")

        def level(wanted: tuple[str, ...], about=about, sound=sound, rate_hz=rate_hz) -> float:
            pieces = [
                sound[round(a * rate_hz) : round(b * rate_hz)]
                for a, b, name in about["phones"]
                if name in wanted
            ]
            return float(np.sqrt(np.mean(np.concatenate(pieces) ** 2)))

        assert level(("p", "b")) < 0.5 * level(("ow", "aa", "ah", "iy", "uw", "ey", "ay"))


def test_assets_stay_small() -> None:
    sizes = {path: path.stat().st_size for path in DATA.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= 6_000_000
    assert sizes[DATA / "mouth.safetensors"] <= 1_500_000
    for character in CHARACTERS:
        assert sizes[DEMO / f"{character}.jpg"] <= 400_000
        assert sizes[DEMO / f"{character}.flac"] <= 350_000
