"""The codec's figures keep their agreed form, and what is missing is said in one line."""

import io
import json

import numpy as np
import pytest
from rich.console import Console
from tiny_head import write_tiny_head

from mien.backend.cli import main
from mien.models.motion.types import ARKIT_INDEX
from training.evaluation.codec import material
from training.evaluation.codec.contenders import NAMES
from training.evaluation.codec.evaluating import QUICK, Amount
from training.evaluation.codec.repeating import agreement, the_take
from training.evaluation.codec.report import show
from training.evaluation.codec.results import ENCODER_KEYS, Results
from training.evaluation.codec.scoring import AGREED, Tally
from training.evaluation.codec.shots import (
    GAP_MOST,
    GAP_OPEN,
    LIMITS_DEG,
    SEQUENCE_FRAMES,
    STILLS,
    lip_gap,
    names_of,
    shots_of,
)
from training.evaluation.lines import MaterialError
from training.studio.labels import LABEL_SHAPES, Labels, surface_points
from training.studio.mesh import angles_deg

TOP = ("studio", "video", "motion_encoder", "retarget_r", "rest_error", "decode_ms", "gflop")


def tally(db):
    found = Tally()
    for key in ("face_psnr", "mouth_psnr", "eyes_psnr", "face_ssim", "flicker"):
        found.add(key, db)
    found.energies.append((0.9, 1.0))
    return found


@pytest.fixture
def results():
    found = Results(people=3)
    found.studio = {"static": tally(18.0), "geometry": tally(21.0), "stretched": tally(20.0)}
    found.video = {"talk.mp4": {}}
    found.missing = {"learned": "no learned parts", "video": "no weights"}
    found.rest_error, found.decode_ms = 0.0, 9.5
    return found


def test_json_has_the_agreed_shape(results):
    form = json.loads(json.dumps(results.as_json(), allow_nan=False))
    assert set(form) == {*TOP, "more"}
    assert set(form["studio"]) == set(NAMES)
    assert set(form["studio"]["geometry"]) == set(AGREED)
    assert form["studio"]["geometry"]["face_psnr"] == 21.0
    assert form["studio"]["geometry"]["mouth_sharpness"] == 0.9
    assert set(form["motion_encoder"]) == set(ENCODER_KEYS)
    assert form["rest_error"] == 0.0


def test_what_could_not_be_measured_is_null_and_says_why(results):
    form = json.loads(json.dumps(results.as_json(), allow_nan=False))
    assert form["studio"]["learned"] is None
    assert form["video"]["talk.mp4"] == dict.fromkeys(NAMES)
    assert form["motion_encoder"] == dict.fromkeys(ENCODER_KEYS)
    assert form["gflop"] is None and form["retarget_r"] is None
    assert form["more"]["missing"]["learned"] == "no learned parts"


def test_the_table_asks_of_learned_parts_what_geometry_makes_fair(results):
    out = io.StringIO()
    show(results, Console(file=out, width=140))
    text = out.getvalue()
    assert "≥ 22.5" in text and "≥ 22 " in text  # 21 and 20, and the dB promised above them
    assert "no learned parts" in text


def test_quick_is_less_of_everything_it_changes():
    assert QUICK.people < Amount().people
    assert QUICK.take_moments < Amount().take_moments


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MIEN_FACEKIT", raising=False)
    return tmp_path


def test_without_cache_and_head_model_the_command_names_both(capsys, elsewhere):
    assert main(["eval", "codec", "--quick", "--json"]) == 2
    said = capsys.readouterr()
    assert "--facekit" in said.err and "MIEN_FACEKIT" in said.err and said.out == ""


@pytest.mark.parametrize(
    "words",
    [["--facekit", "none.npz"], ["--video", "none.mp4"], ["--video", "a.mp4", "b.mp4"]],
)
def test_files_that_are_not_there_are_bad_input(capsys, elsewhere, words):
    assert main(["eval", "codec", *words]) == 2
    assert words[0] in capsys.readouterr().err


def test_a_foreign_file_is_no_head_model(capsys, elsewhere):
    file = elsewhere / "head.npz"
    np.savez(file, something=np.zeros(3))
    assert main(["eval", "codec", "--facekit", str(file)]) == 2
    assert "no head model" in capsys.readouterr().err


def test_a_file_is_no_folder_to_write_to(capsys, elsewhere):
    (elsewhere / "file").write_text("")
    assert main(["eval", "codec", "--out", str(elsewhere / "file")]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_file_that_is_no_video_is_refused_before_anything_is_measured(capsys, elsewhere):
    clip = elsewhere / "talk.mp4"
    clip.write_text("no pictures here")
    assert main(["eval", "codec", "--video", str(clip)]) == 2
    assert "talk.mp4" in capsys.readouterr().err


def test_a_clip_without_its_option_is_asked_about(capsys, elsewhere):
    assert main(["eval", "codec", "talk.mp4"]) == 2
    assert "--video" in capsys.readouterr().err


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    from training.studio.head import HeadModel
    from training.studio.pose import Body

    head = HeadModel(write_tiny_head(tmp_path_factory.mktemp("head") / "tiny.npz"))
    return Body(head, head.neutral)


def test_shots_stay_within_what_the_codec_promises(body):
    shots = shots_of(body, 950_003, 3)
    assert [shot.name for shot in shots] == names_of(3)
    straight = shots[0].shot.placement.head
    for named in shots:
        angles = angles_deg(straight.T @ named.shot.placement.head)
        assert (np.abs(angles) <= np.array(LIMITS_DEG) + 1e-6).all()
        gap = lip_gap(body, named.shot.coefficients, named.shot.tongue)
        assert gap <= GAP_MOST + 1e-6
        if named.name.startswith("mouth"):
            assert gap >= GAP_OPEN
        if named.name == "rigid":
            assert (named.shot.coefficients == shots[0].shot.coefficients).all()


def test_the_same_person_does_the_same_again(body):
    one, other = (shots_of(body, 950_001, 1) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert (a.shot.coefficients == b.shot.coefficients).all()
        assert (a.shot.placement.head == b.shot.placement.head).all()


def test_the_portrait_is_framed_as_enrolment_frames_it(body):
    source = shots_of(body, 950_000, 0)[0].shot
    posed = body.pose(source.coefficients, source.placement)
    seen = source.camera.project(surface_points(body.head, posed), 1)[:, :2]
    assert np.ptp(seen, axis=0).max() == pytest.approx(0.533, abs=0.01)
    assert (seen.min(0) + seen.max(0)) / 2 == pytest.approx([0.5, 0.54], abs=0.01)


def test_slow_sequences_change_one_thing_by_even_steps(body):
    rows = [named.shot for named in shots_of(body, 950_001, 1) if named.name == "slow jaw"]
    faces = np.stack([shot.coefficients for shot in rows])
    assert len(rows) == SEQUENCE_FRAMES
    assert (faces.std(0) > 0).sum() == 1
    steps = np.diff(faces[:, ARKIT_INDEX["jawOpen"]])
    assert steps == pytest.approx(np.full(len(steps), 0.25 / (SEQUENCE_FRAMES - 1)), rel=1e-3)


class FakeStudio:
    """Draws a grey that counts frames."""

    def __init__(self, body):
        self.body, self.count = body, 0

    def seat(self, seed):
        return self

    def take(self, sitter, shot, *, as_source):
        from types import SimpleNamespace

        values = {name: np.zeros(shape, np.float32) for name, shape in LABEL_SHAPES.items()}
        values["coefficients"] = shot.coefficients
        picture = SimpleNamespace(rgb=np.full((8, 8, 3), self.count, np.uint8))
        self.count += 1
        return SimpleNamespace(picture=picture, labels=Labels(**values))


def test_a_person_is_kept_and_read_again(body, tmp_path):
    path = tmp_path / f"{material.FIRST_SEED + 1}.safetensors"
    material.shoot(FakeStudio(body), material.FIRST_SEED + 1, path)
    take = material.read(path)
    assert len(take) == 1 + len(STILLS) + SEQUENCE_FRAMES
    assert take.picture(5)[0, 0].tolist() == [5, 5, 5]
    wanted = shots_of(body, take.seed, 1)[7].shot.coefficients
    assert (take.labels[7].coefficients == wanted).all()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "950000.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(MaterialError, match="950000"):
        material.read(path)


def test_what_is_there_already_needs_no_head_model(elsewhere):
    folder = material.folder()
    folder.mkdir(parents=True)
    for seed in material.seeds(2):
        (folder / f"{seed}.safetensors").write_bytes(b"")
    assert len(material.held_out(2, None)) == 2
    with pytest.raises(MaterialError, match="1 of the held-out people"):
        material.held_out(3, None)


def test_characters_that_perform_alike_agree_and_noise_does_not():
    take = the_take(24).dynamics
    rng = np.random.default_rng(0)
    alike = [0.8 * take + 0.1 for _ in range(4)]
    noise = [rng.uniform(size=take.shape).astype(np.float32) for _ in range(4)]
    moving = ["jawOpen", "mouthFunnel", "eyeBlinkLeft"]
    assert agreement(alike, take, moving)["among"] == pytest.approx(1.0, abs=1e-4)
    assert agreement(alike, take, moving)["with_take"] == pytest.approx(1.0, abs=1e-4)
    assert abs(agreement(noise, take, moving)["among"]) < 0.5
    assert np.isnan(agreement(alike, take, [])["among"])


def test_a_profile_that_nobody_knows_is_bad_input(capsys, elsewhere):
    assert main(["eval", "codec", "--profile", "npu"]) == 2
    told = capsys.readouterr().err
    assert "--profile" in told and "cpu, gpu" in told
