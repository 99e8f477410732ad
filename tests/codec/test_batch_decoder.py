"""BatchDecoder: frames of several actors at once are the frames that the processor draws."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("triton", reason="Triton is not installed (Linux alone has it)")

from mien.models.codec import harmony  # noqa: E402
from mien.models.codec.decoder import Decoder  # noqa: E402
from mien.models.codec.gpu.batch_decoder import BatchDecoder, Parts  # noqa: E402
from mien.models.codec.skin_weights import shipped_model  # noqa: E402
from mien.models.motion.types import ARKIT_INDEX  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LEAST_PSNR_DB = 60.0


@pytest.fixture(scope="module")
def stage(draw):
    """Two people on the device, with the networks that the processor's decoder has."""
    parts = Parts(shipped_model(), harmony.shipped_model(), features="f32")
    batch = BatchDecoder(parts, DEVICE)
    cast = [draw(), draw(jaw_open=0.3, smile=0.7)]
    return batch, [batch.add(one) for one in cast], cast


def face(**coefficients):
    out = np.zeros(52, np.float32)
    for name, value in coefficients.items():
        out[ARKIT_INDEX[name]] = value
    return out


def psnr_db(one, other):
    return 10 * np.log10(255**2 / max(float(((one.astype(float) - other) ** 2).mean()), 1e-9))


@pytest.mark.slow
def test_two_actors_are_drawn_as_the_processor_draws_them(stage, calm, grinning):
    batch, handles, _ = stage
    talking = face(
        jawOpen=0.4, mouthSmileLeft=0.4, browInnerUp=0.7, browDownLeft=0.5, eyeBlinkLeft=0.6,
        eyeBlinkRight=1.0, eyeLookOutLeft=0.6, tongueOut=0.9, cheekPuff=0.3,
    )  # fmt: skip
    dynamics = np.stack([face(), talking])
    pose = np.float32([[0, 0, 0, 0, 0, 0], [0.08, 0.3, 0.08, 0.02, 0.01, 0.1]])  # the sheet folds
    room = torch.full((2, 512, 530, 4), 3, dtype=torch.uint8, device=DEVICE)
    batch.decode(handles, dynamics, pose, [one[:, :512] for one in room])
    if batch.stream is not None:
        batch.stream.synchronize()
    frames = room.cpu().numpy()
    assert (frames[:, :, 512:] == 3).all()
    wanted = [calm.decode(dynamics[0], pose[0]), grinning.decode(dynamics[1], pose[1])]
    np.testing.assert_array_equal(frames[0, :, :512], wanted[0])  # at rest: the portrait
    assert psnr_db(frames[1, :, :512], wanted[1]) > LEAST_PSNR_DB
    assert psnr_db(grinning.decode(face(), pose[0]), wanted[1]) < 25.0  # it did move
    assert (frames[..., :512, 3] == 255).all()


def test_what_a_batch_cannot_be_drawn_of_is_refused(stage):
    batch, handles, _ = stage
    still, pose = np.zeros((2, 52), np.float32), np.zeros((2, 6), np.float32)
    outs = [torch.zeros((512, 512, 4), dtype=torch.uint8, device=DEVICE) for _ in handles]
    with pytest.raises(ValueError, match=r"2 actors want dynamics \[2, 52\], pose \[2, 6\] and 2"):
        batch.decode(handles, still[:1], pose, outs)
    with pytest.raises(ValueError, match="1 to 64 actors, not 0"):
        batch.decode([], still[:0], pose[:0], [])
    with pytest.raises(ValueError, match="of one size"):
        batch.decode(handles, still, pose, [outs[0], outs[1][:256, :256].contiguous()])
    with pytest.raises(KeyError):
        batch.decode([handles[0], 99], still, pose, outs)


def test_who_left_the_cast_is_a_stranger_and_the_others_stay(stage, draw):
    batch, handles, cast = stage
    another = batch.add(cast[0])
    assert another not in handles
    batch.remove(another)
    with pytest.raises(KeyError):
        batch.decode([another], np.zeros((1, 52), np.float32), np.zeros((1, 6), np.float32),
                     [torch.zeros((512, 512, 4), dtype=torch.uint8, device=DEVICE)])  # fmt: skip


@pytest.mark.gpu
def test_graphs_and_half_numbers_on_a_gpu_change_next_to_nothing(draw, calm: Decoder):
    if DEVICE == "cpu":
        pytest.skip("there is no CUDA device")
    batch = BatchDecoder(Parts(shipped_model(), harmony.shipped_model()), "cuda")
    handle, moved = batch.add(draw()), face(jawOpen=0.5, mouthSmileLeft=0.5)
    out = torch.zeros((512, 512, 4), dtype=torch.uint8, device="cuda")
    for share in (0.0, 0.5, 1.0):  # captured once, replayed
        batch.decode([handle], share * moved[None], np.zeros((1, 6), np.float32), [out])
        batch.stream.synchronize()
        wanted = calm.decode(share * moved, np.zeros(6, np.float32))
        assert psnr_db(out.cpu().numpy(), wanted) > 45.0
