"""Frames of every size: the portrait at rest, a well-filtered picture in motion, small state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from mien.models.codec.decoder import SIZES_PX, Decoder
from mien.models.motion import ARKIT_INDEX

SMALL = [size for size in SIZES_PX if size < 512]
REST = np.zeros(52, np.float32), np.zeros(6, np.float32)


def moment(turn: tuple[float, float, float] = (0.0, 0.0, 0.0), **values: float) -> tuple:
    dynamics, pose = np.zeros(52, np.float32), np.zeros(6, np.float32)
    for stem, value in values.items():
        names = [stem] if stem in ARKIT_INDEX else [stem + "Left", stem + "Right"]
        dynamics[[ARKIT_INDEX[name] for name in names]] = value
    pose[:3] = np.radians(turn)
    return dynamics, pose


MOMENTS = [
    moment((2, 5, 1), jawOpen=0.5, mouthFunnel=0.2),
    moment(eyeBlink=1.0, browInnerUp=0.5),
    moment((-6, 18, 6), mouthSmile=0.7, jawOpen=0.15),
    moment((6, -22, -8), browDown=0.8, eyeLookDown=0.4, tongueOut=0.8, jawOpen=0.3),
]


def averaged(frame: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one[..., :3].astype(float) - other[..., :3]) ** 2)
    return float(10.0 * np.log10(255.0**2 / max(error, 1e-9)))


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize("who", ["calm", "grinning", "turned"])
def test_at_rest_a_small_frame_is_the_portrait_averaged(
    size: int, who: str, request: pytest.FixtureRequest
) -> None:
    decoder: Decoder = request.getfixturevalue(who)
    frame = decoder.decode(*REST, size_px=size)
    assert frame.shape == (size, size, 4)
    assert (frame[..., 3] == 255).all()
    wanted = averaged(decoder.portrait, size).astype(int)
    difference = np.abs(frame[..., :3] - wanted).max(-1)
    assert (difference > 1).mean() < 1e-3  # where a sliver of skin is left beside an eye
    assert difference.max() <= 4


@pytest.mark.parametrize("size", SMALL)
def test_a_small_frame_is_the_large_one_averaged(size: int, calm: Decoder) -> None:
    for dynamics, pose in MOMENTS:
        large = averaged(calm.decode(dynamics, pose), size)
        assert psnr_db(calm.decode(dynamics, pose, size_px=size), large) > 35.0


@pytest.mark.parametrize("size", SMALL)
def test_a_small_frame_does_not_shimmer(size: int, calm: Decoder) -> None:
    # A head that drifts by fractions of a pixel: what changes from frame to frame is about what
    # changes in large frames averaged. Points picked out of the portrait would flicker.
    def drifting(draw: bool) -> np.ndarray:
        frames = []
        for k in range(8):
            dynamics, pose = moment()
            pose[3] = 0.002 * k
            large = None if draw else averaged(calm.decode(dynamics, pose), size)
            frame = calm.decode(dynamics, pose, size_px=size) if large is None else large
            frames.append(frame[..., :3].astype(float))
        return np.abs(np.diff(frames, axis=0)).mean()

    assert drifting(True) < 1.25 * drifting(False) + 0.05


@pytest.mark.parametrize("size", SIZES_PX)
def test_rows_of_a_wider_buffer_are_filled_and_nothing_beside_them(
    size: int, calm: Decoder
) -> None:
    dynamics, pose = MOMENTS[0]
    slot = np.full((512, 544, 4), 77, np.uint8)
    view = slot[:size, :size]
    assert calm.decode(dynamics, pose, view) is view
    np.testing.assert_array_equal(view, calm.decode(dynamics, pose, size_px=size))
    assert (slot[:size, size:] == 77).all()
    assert (slot[size:] == 77).all()


@pytest.mark.parametrize("size", [0, 1, 64, 300, 513, 1024])
def test_other_sizes_are_refused_with_those_that_are_drawn(size: int, calm: Decoder) -> None:
    with pytest.raises(ValueError, match="128, 192, 256, 384, 512"):
        calm.decode(*REST, size_px=size)
    with pytest.raises(ValueError, match="128, 192, 256, 384, 512"):
        calm.decode(*REST, np.zeros((size, size, 4), np.uint8))


@pytest.mark.parametrize(
    "buffer",
    [np.zeros((256, 128, 4), np.uint8), np.zeros((256, 256, 3), np.uint8),
     np.zeros((256, 256, 4), np.float32), np.zeros(4, np.uint8)],
)  # fmt: skip
def test_a_buffer_of_another_kind_is_refused(buffer: np.ndarray, calm: Decoder) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[n, n, 4\]"):
        calm.decode(*REST, buffer)


def test_room_and_size_must_agree(calm: Decoder) -> None:
    with pytest.raises(ValueError, match="256 px, but given room for 128"):
        calm.decode(*REST, np.zeros((128, 128, 4), np.uint8), size_px=256)


def test_another_actor_costs_next_to_nothing(draw) -> None:  # type: ignore[no-untyped-def]
    decoder = Decoder(draw())
    clone = decoder.clone()
    before = decoder.shared_bytes
    assert clone.state_bytes < 10_000
    assert 3_000_000 < before < 9_000_000
    own = [value for value in vars(clone).values() if isinstance(value, np.ndarray)]
    assert all(any(value is other for other in vars(decoder).values()) for value in own)
    clone.decode(*REST, size_px=128)
    # Levels are built when they are first asked for, once, and shared.
    assert before < decoder.shared_bytes == clone.shared_bytes < before + 500_000
    assert decoder.level(128) is clone.level(128)


def test_clones_in_several_threads_draw_what_one_draws_alone(draw) -> None:  # type: ignore[no-untyped-def]
    decoder = Decoder(draw())
    jobs = [(at, size) for _ in range(3) for at in MOMENTS for size in SIZES_PX]
    alone = {(k, size): decoder.decode(*MOMENTS[k], size_px=size)
             for k in range(len(MOMENTS)) for size in SIZES_PX}  # fmt: skip
    fresh = Decoder(draw())  # builds its levels while several threads ask for them
    actors = [fresh.clone() for _ in range(4)]

    def drawn(job: int) -> np.ndarray:
        (dynamics, pose), size = jobs[job]
        return actors[job % len(actors)].decode(dynamics, pose, size_px=size)

    with ThreadPoolExecutor(4) as threads:
        frames = list(threads.map(drawn, range(len(jobs))))
    for (_, size), frame, job in zip(jobs, frames, range(len(jobs)), strict=True):
        which = job // len(SIZES_PX) % len(MOMENTS)
        np.testing.assert_array_equal(frame, alone[which, size])


def test_one_decoder_goes_from_thread_to_thread(calm: Decoder) -> None:
    wanted = [calm.decode(*at) for at in MOMENTS]
    for at, frame in zip(MOMENTS, wanted, strict=True):
        with ThreadPoolExecutor(1) as thread:
            np.testing.assert_array_equal(thread.submit(calm.decode, *at).result(), frame)
