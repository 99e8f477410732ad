"""A whole evaluation, from sound to figures, of a generator one can see through."""

import json

import numpy as np
import pytest
from evaluation_helpers import SENTENCE

from mien.models.motion.gaze import eye_weights
from mien.models.motion.signal import CAMERA_HEAD_WIDTHS
from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, HOP_SAMPLES
from training.evaluation import evaluating
from training.evaluation.evaluating import Amount, Evaluation
from training.evaluation.lines import Line
from training.evaluation.results import OTHER_KEYS, SPEAKING_KEYS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TINY = Amount(
    pixel_lines_per_voice=1, scene_seeds=1, teacher_seeds=1, idle_seconds=10.0, wish_seeds=1,
    drift_seeds=1, feeling_lines_per_voice=1, baseline=False,
)  # fmt: skip


class Loudmouth:
    """Opens the jaw as loud as it hears, looks and leans where it is told, and feels nothing."""

    block_frames = 2
    lookahead_frames = 1

    class State:
        def reset(self, mask, seeds):
            pass

    def new_state(self, lanes):
        del lanes
        return self.State()

    def step(self, state, audio, controls, mask):
        del state
        lanes = len(audio)
        frames = audio.reshape(lanes, self.block_frames, HOP_SAMPLES)
        dynamics = np.zeros((lanes, self.block_frames, COEFFICIENTS), np.float32)
        dynamics[..., ARKIT_INDEX["jawOpen"]] = np.minimum(4 * frames.std(2), 1.0)
        pose = np.zeros((lanes, self.block_frames, 6), np.float32)
        for lane, wish in enumerate(controls):
            left, up = eye_weights(wish.gaze_rad.astype(np.float64), pose[lane, :, :3])
            for side, outward in (("Left", left), ("Right", -left)):
                dynamics[lane, :, ARKIT_INDEX["eyeLookOut" + side]] = np.maximum(outward, 0)
                dynamics[lane, :, ARKIT_INDEX["eyeLookIn" + side]] = np.maximum(-outward, 0)
                dynamics[lane, :, ARKIT_INDEX["eyeLookUp" + side]] = np.maximum(up, 0)
                dynamics[lane, :, ARKIT_INDEX["eyeLookDown" + side]] = np.maximum(-up, 0)
            pose[lane, :, 5] = CAMERA_HEAD_WIDTHS * (1 - wish.distance)
        return dynamics * mask[:, None, None], pose * mask[:, None, None]


def said(name, voice):
    """Noise that is loud where SENTENCE has sound and hushed on its closures."""
    audio = np.random.default_rng(len(name)).normal(size=round(SENTENCE[-1].end_s * 16_000))
    gain = np.zeros(len(audio))
    for segment in SENTENCE:
        span = slice(round(segment.start_s * 16_000), round(segment.end_s * 16_000))
        gain[span] = {"sil": 0.0, "p": 0.0, "m": 0.0}.get(segment.viseme, 0.1)
    return Line(name, voice, (audio * gain).astype(np.float32), tuple(SENTENCE))


@pytest.fixture(scope="module")
def evaluation():
    lines = [said(f"line {n}", "somebody") for n in range(8)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluating, "held_out_lines", lambda most=None: lines)
        patch.setattr(evaluating, "seen_voice_lines", lambda: lines[:2])
        told, known = [], []
        run = Evaluation(Loudmouth(), "loudmouth", None, TINY, told.append)
        run.run(lambda results: known.append(results.as_json()))
        run.told, run.known = told, known
        yield run


def test_every_agreed_figure_is_there_and_is_a_number(evaluation):
    form = json.loads(json.dumps(evaluation.results.as_json(), allow_nan=False))
    for key in SPEAKING_KEYS[:3] + SPEAKING_KEYS[4:]:
        assert isinstance(form["synthetic"][key], float), key
        assert isinstance(form["pixels"][key], float), key
    for key in OTHER_KEYS:
        assert isinstance(form[key], float), key
    assert form["real"] is None


def test_who_hushes_on_p_b_m_meets_them_in_coefficients_and_in_pixels(evaluation):
    form = evaluation.results.as_json()
    assert form["synthetic"]["bilabial_recall"] == 1.0
    assert form["pixels"]["bilabial_recall"] == 1.0
    assert form["synthetic"]["bilabial_spurious"] < 0.2


def test_a_face_that_never_rounds_has_no_rounding(evaluation):
    assert evaluation.results.as_json()["synthetic"]["rounding_r"] == 0.0


def test_who_looks_and_leans_as_told_but_feels_nothing_scores_so(evaluation):
    form = evaluation.results.as_json()
    assert form["gaze_error_deg"] < 1.0
    assert form["distance_error"] < 0.002
    assert form["emotion_accuracy"] < 0.3
    assert form["blinks_per_min"] == 0.0
    assert form["delta_pose_ratio"] == 0.0


def test_the_teacher_is_the_ceiling_beside_it(evaluation):
    teacher = evaluation.results.as_json()["teacher"]
    assert teacher["synthetic"]["bilabial_recall"] == 1.0
    assert teacher["synthetic"]["jaw_r"] > evaluation.results.as_json()["synthetic"]["jaw_r"]
    assert teacher["gaze_error_deg"] < 3.0


def test_the_picture_is_written(evaluation, tmp_path):
    evaluation.picture(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_people_are_told_what_is_being_done(evaluation):
    assert any("pixels" in words for words in evaluation.told)


def test_what_is_known_is_handed_out_part_by_part_lips_first(evaluation):
    first, last = evaluation.known[0], evaluation.known[-1]
    assert first["synthetic"]["bilabial_recall"] == last["synthetic"]["bilabial_recall"]
    assert first["drift_ratio"] is None
    assert last["drift_ratio"] is not None
