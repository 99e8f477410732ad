"""Blocks trained in parallel see exactly what a block sees live."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra `train`")

from mien.models.motion.diffusion.mel import BANDS, whole_log_mel  # noqa: E402
from mien.models.motion.diffusion.network import (  # noqa: E402
    CONDITIONS,
    LEVELS,
    SLICE,
    EncoderShape,
    MotionTransformer,
    SpeechEncoder,
    TransformerShape,
)
from mien.models.motion.diffusion.tokens import FACE_COLUMNS, TOKEN  # noqa: E402
from mien.models.motion.types import ARKIT_INDEX  # noqa: E402
from training.motion.disguise import disguise  # noqa: E402
from training.motion.moving import MotionLoss, Mover, MovingPlan, reach_of  # noqa: E402
from training.motion.windows import Scaling, Windows  # noqa: E402

SHAPE = TransformerShape(width=32, layers=2, heads=2, history_frames=6, features=8)
BLOCKS = 5


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = MotionTransformer(SHAPE)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def windows(batch=3):
    span = BLOCKS * SHAPE.block_frames
    slices = SHAPE.heard_frames * 2
    track = torch.zeros(batch, BLOCKS, SHAPE.block_frames)
    return Windows(
        history=torch.randn(batch, SHAPE.history_frames + 2 + span, TOKEN),
        heard=torch.randn(batch, BLOCKS, slices, SHAPE.features + LEVELS),
        wishes=torch.randn(batch, BLOCKS, SHAPE.block_frames, CONDITIONS),
        close=track, labiodental=track, speech=track + 1,
    )  # fmt: skip


def test_blocks_in_parallel_are_what_each_block_is_alone(model):
    w = windows()
    mover = Mover(model, MovingPlan())
    noisy, t = torch.randn(3, BLOCKS, SHAPE.block_frames, TOKEN), torch.rand(3)
    with torch.no_grad():
        together = mover.predict(noisy, t, w.history, w, reach_of(model, BLOCKS))
        for k in range(BLOCKS):
            start = k * SHAPE.block_frames
            past = w.history[:, start : start + SHAPE.history_frames + 2]
            alone = model(noisy[:, k], t, past, w.heard[:, k], w.wishes[:, k])
            torch.testing.assert_close(together[:, k], alone, atol=1e-5, rtol=1e-5)


def test_a_played_block_replaces_its_frames_and_leaves_the_first_past(model):
    w = windows()
    played = Mover(model, MovingPlan()).play(w.history, w, reach_of(model, BLOCKS), 2)
    past = SHAPE.history_frames + 2
    assert played.shape == w.history.shape
    assert torch.equal(played[:, :past], w.history[:, :past])
    assert not torch.isclose(played[:, past:], w.history[:, past:]).all(-1).any()


def test_the_loss_is_zero_for_the_teachers_own_motion_and_minds_open_lips_most_at_closures():
    scaling = Scaling(torch.zeros(TOKEN), torch.ones(TOKEN), torch.ones(TOKEN))
    criterion = MotionLoss(scaling, MovingPlan())
    w = windows()
    target = 0.1 * torch.rand(3, BLOCKS, SHAPE.block_frames, TOKEN)
    before = target[:, :, 0]
    assert criterion(target, target, before, w).item() < 1e-6 + 0.5
    column = list(FACE_COLUMNS).index(ARKIT_INDEX["jawOpen"])
    wider = target.clone()
    wider[..., column] += 0.1
    shut = Windows(**{**vars(w), "close": torch.ones_like(w.close)})
    free = criterion(wider, target, before, w) - criterion(target, target, before, w)
    closed = criterion(wider, target, before, shut) - criterion(target, target, before, shut)
    assert closed > 1.2 * free > 0


def test_after_its_own_past_the_model_answers_for_lips_and_not_for_a_head_that_wanders():
    scaling = Scaling(torch.zeros(TOKEN), torch.ones(TOKEN), torch.ones(TOKEN))
    criterion, w = MotionLoss(scaling, MovingPlan()), windows()
    target = torch.zeros(3, BLOCKS, SHAPE.block_frames, TOKEN)
    before = target[:, :, 0]

    def cost(column: int, own: bool) -> float:
        x0 = target.clone()
        x0[..., column] += 0.1
        still = criterion(target, target, before, w, own)
        return float(criterion(x0, target, before, w, own) - still)

    turn, jaw = TOKEN - 6, list(FACE_COLUMNS).index(ARKIT_INDEX["jawOpen"])
    assert cost(turn, own=True) < 0.2 * cost(turn, own=False)
    assert cost(jaw, own=True) == pytest.approx(cost(jaw, own=False))


def test_the_encoder_never_hears_the_future():
    torch.manual_seed(0)
    encoder = SpeechEncoder(EncoderShape(width=16, dilations=(1, 2), features=4)).eval()
    mel = torch.randn(1, 40, SLICE)
    later = mel.clone()
    later[:, 25:] += 1.0
    with torch.no_grad():
        a, _ = encoder(mel, encoder.silence(1))
        b, _ = encoder(later, encoder.silence(1))
    assert torch.equal(a[:, :25], b[:, :25])
    assert not torch.isclose(a[:, 25:], b[:, 25:]).all()


def test_the_encoder_hears_the_same_in_pieces():
    torch.manual_seed(0)
    encoder = SpeechEncoder(EncoderShape(width=16, dilations=(1, 4), features=4)).eval()
    mel = torch.randn(2, 30, SLICE)
    with torch.no_grad():
        whole, _ = encoder(mel, encoder.silence(2))
        memory, pieces = encoder.silence(2), []
        for start, end in ((0, 1), (1, 4), (4, 17), (17, 30)):
            piece, memory = encoder(mel[:, start:end], memory)
            pieces.append(piece)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=1e-6, rtol=1e-6)


def test_mel_frames_end_with_their_own_sample():
    sound = np.random.default_rng(0).normal(0, 0.1, 3200).astype(np.float32)
    cut = sound.copy()
    cut[1600:] = 0.0
    whole, short = whole_log_mel(sound), whole_log_mel(cut)
    assert whole.shape == (20, BANDS)
    assert np.array_equal(whole[:10], short[:10])
    assert not np.allclose(whole[10], short[10])


def test_a_disguise_keeps_shape_and_time_of_what_is_said():
    rng = torch.Generator().manual_seed(1)
    mel = torch.full((4, 60, 2, BANDS), -12.0)
    labels = torch.zeros(4, 60, dtype=torch.long)
    mel[:, 20:40] = 2.0  # a loud stretch, labelled
    labels[:, 20:40] = 5
    other, (moved,) = disguise(mel, (labels,), rng)
    assert other.shape == mel.shape and torch.isfinite(other).all()
    loud = other.mean((2, 3))
    for row in range(4):
        spoken = moved[row] == 5
        assert loud[row][spoken].median() > loud[row][~spoken].median()
