"""The painter over the real codec, without a GPU: its kernels go through Triton's interpreter.

A frame takes twenty seconds that way (a daemon would draw one to warm up, and be late with every
other), so one actor's frame goes from its shot into its ring here, and `test_batch_drawing.py`
drives a daemon with a painter small enough to see through.
"""

import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("triton", reason="Triton is not installed (Linux alone has it)")

from stage_helpers import wait_for  # noqa: E402

from mien.backend import gpu_painter  # noqa: E402
from mien.backend.batch_drawing import BatchDrawing, CastDecoder  # noqa: E402
from mien.backend.clock import now_us  # noqa: E402
from mien.backend.drawing import Canvas  # noqa: E402
from mien.backend.gpu_painter import Gpu, GpuPainter, find_gpu, what_it_means  # noqa: E402
from mien.backend.modelset import RealModels, make_models  # noqa: E402
from mien.backend.rings import RingChooser, RingRequest  # noqa: E402
from mien.backend.shot import Shot  # noqa: E402
from mien.models.codec import harmony  # noqa: E402
from mien.models.codec.decoder import Decoder  # noqa: E402
from mien.models.codec.gpu.batch_decoder import BatchDecoder, Parts  # noqa: E402
from mien.models.codec.skin_weights import shipped_model  # noqa: E402
from mien.models.codec.warm import stand_in  # noqa: E402
from mien.models.motion.types import ARKIT_INDEX  # noqa: E402
from mien.protocol import shm  # noqa: E402
from mien.protocol.errors import GpuLostError, GpuMemoryFullError, InvalidArgumentError  # noqa: E402
from mien.protocol.ring import Geometry, RingReader  # noqa: E402
from mien.protocol.wire import FrameFlag  # noqa: E402

ODD_PX = 384  # no whole part of 512


def real_painter(device="cpu"):
    parts = Parts(shipped_model(), harmony.shipped_model(), features="f32")
    return GpuPainter(BatchDecoder(parts, device))


@pytest.fixture(scope="module")
def painter():
    if torch.cuda.is_available():
        pytest.skip("Triton compiles here, and compiles for the GPU alone")
    return real_painter()


def talking():
    dynamics = np.zeros(52, np.float32)
    dynamics[[ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthSmileLeft"]]] = 0.5, 0.4
    return dynamics, np.float32([0.05, 0.1, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.slow
def test_an_actors_frame_comes_into_its_ring_at_a_size_that_must_be_shrunk(painter):
    cast = stand_in()
    handle = painter.add(cast)
    dynamics, pose = talking()
    name = shm.segment_name("0123456789abcdef", 77)
    ring = RingChooser().choose().create(RingRequest(name, 77, 1, Geometry(2, 512, 512)))
    seen, costs = [], []
    canvas = Canvas(77, CastDecoder(handle, cast, None), ring, seen.append, 0)
    reader = RingReader.open(ring.name, ring.size_bytes, 1)
    drawing = BatchDrawing(painter, lambda *cost: costs.append(cost), None)
    at = now_us()
    drawing.submit(canvas, Shot(dynamics, pose, 0, 0, FrameFlag.IDLE, at, at, ()), ODD_PX)
    wait_for(lambda: not canvas.busy, 250, "the frame")
    drawing.close()
    assert [drawn.error for drawn in seen] == [None]
    pixels = reader.latest().pixels  # whose rows lay the ring's stride apart
    reader.close()
    ring.close()
    assert pixels.shape == (ODD_PX, ODD_PX, 4)
    whole = torch.from_numpy(Decoder(cast).decode(dynamics, pose)).permute(2, 0, 1)[None].float()
    wanted = torch.nn.functional.interpolate(whole, (ODD_PX, ODD_PX), mode="area")[0]
    off = np.abs(pixels.astype(float) - wanted.permute(1, 2, 0).numpy())
    assert off.mean() < 0.6 and np.percentile(off, 99.9) < 4
    ((size_px, pictures, us),) = costs
    assert (size_px, pictures) == (ODD_PX, 1) and us > 1000
    assert painter.finished() == []
    painter.forget(handle)
    with pytest.raises((KeyError, ValueError)):
        painter.paint([handle], dynamics[None], pose[None], [pixels])


def test_errors_of_a_device_are_told_apart(painter):
    def broken():
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nand more")

    def fine():
        pass

    full = what_it_means(torch.cuda.OutOfMemoryError("no 2 GiB\nmore"), broken)
    assert type(full) is MemoryError and str(full) == "no 2 GiB"
    lost = what_it_means(RuntimeError("whatever"), broken)
    assert isinstance(lost, GpuLostError) and lost.message.endswith("was encountered")
    for innocent in (RuntimeError("sizes differ"), KeyError(3), ValueError("of one size")):
        assert what_it_means(innocent, fine) is innocent
    assert type(what_it_means(RuntimeError("Triton Error [CUDA]: out of memory"), fine)) is (
        MemoryError
    )


class Device(BatchDecoder):
    """Does nothing but fail as it is told to."""

    def __init__(self):
        self.device, self.stream, self.error = torch.device("cpu"), None, None

    def prepare(self, character):
        raise self.error

    def decode(self, *_):
        raise self.error


def test_a_device_that_was_lost_is_not_asked_again():
    painter = GpuPainter(Device())
    painter._settle = lambda: torch.ones(2) @ torch.ones(3)  # throws, as a broken context does
    painter._decoder.error = RuntimeError("CUDA error: device-side assert")
    out = [np.zeros((512, 512, 4), np.uint8)]
    with pytest.raises(GpuLostError):
        painter.paint([1], np.zeros((1, 52)), np.zeros((1, 6)), out)
    assert painter.lost is not None
    painter._decoder = None
    for ask in (painter.check, lambda: painter.add(None)):
        with pytest.raises(GpuLostError):
            ask()
    assert painter.finished() == []


def test_a_character_that_does_not_fit_is_refused_by_name():
    painter = GpuPainter(Device())
    painter._decoder.error = torch.cuda.OutOfMemoryError("3 MiB are missing")
    with pytest.raises(GpuMemoryFullError, match="3 MiB are missing"):
        painter.add(stand_in())
    assert painter.lost is None


# --- the models that ship -----------------------------------------------------------------------


def test_without_a_gpu_the_profile_is_refused_with_words_or_the_cpu_draws_loudly(caplog):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(GpuLostError, match=r"CUDA device.*--profile cpu.*--gpu-fallback"):
        find_gpu()
    with pytest.raises(GpuLostError):
        RealModels("gpu")
    models = RealModels("gpu", True)
    assert (models.profile, models.gpu_uuid, models.painter) == ("openvino", "", None)
    assert any(r.levelname == "WARNING" and "CPU draws" in r.message for r in caplog.records)
    with pytest.raises(InvalidArgumentError, match="'tpu'; there are cpu, gpu"):
        RealModels("tpu")


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(gpu_painter, "find_spec", lambda name: None if name == "triton" else name)
    with pytest.raises(GpuLostError, match=r"needs triton.*pip install 'mien\[gpu\]'"):
        find_gpu()


@pytest.fixture
def gpu_models(monkeypatch, painter):
    """The real models on a GPU that is the processor."""

    def make(fallback):
        made = real_painter()
        monkeypatch.setattr(gpu_painter, "find_gpu", lambda: Gpu("cpu", "GPU-1"))
        monkeypatch.setattr(gpu_painter, "make_painter", lambda device: made)
        return make_models("mien.backend.modelset:RealModels", "gpu", fallback), made

    return make


def test_a_character_joins_the_cast_when_loaded_and_leaves_with_its_last_actor(gpu_models):
    models, painter = gpu_models(fallback=False)
    assert (models.profile, models.gpu_uuid) == ("torch", "GPU-1")
    loaded = models.load(stand_in().to_bytes())
    assert models.painter is painter and list(painter._decoder._cast) == [0]
    assert loaded.body.decoder is None  # nothing is prepared that nobody needs
    actor = models.decoder(loaded, 512)
    assert actor.handle == 0
    del loaded
    gc.collect()
    assert not painter._left
    del actor
    gc.collect()
    assert list(painter._left) == [0]
    painter.check()
    painter._let_go()
    assert painter._decoder._cast == {}


def test_when_the_gpu_is_lost_new_actors_and_characters_are_the_processors(gpu_models):
    models, painter = gpu_models(fallback=True)
    before = models.load(stand_in().to_bytes())
    assert models.decoder(before, 512).handle == 0
    painter.lost = GpuLostError("unplugged")
    assert (models.profile, models.gpu_uuid) == ("openvino", "")
    after = models.load(stand_in().to_bytes())
    for loaded in (before, after):
        assert isinstance(models.decoder(loaded, 512), Decoder)


def test_when_the_gpu_is_lost_without_a_fallback_nobody_new_is_let_in(gpu_models):
    models, painter = gpu_models(fallback=False)
    loaded = models.load(stand_in().to_bytes())
    painter.lost = GpuLostError("unplugged")
    assert models.profile == "torch"
    with pytest.raises(GpuLostError, match="unplugged"):
        models.decoder(loaded, 512)
    with pytest.raises(GpuLostError, match="unplugged"):
        models.load(stand_in().to_bytes())


def test_a_gpu_that_cannot_draw_after_all_leaves_it_to_the_processor(gpu_models, monkeypatch):
    def fail(device):
        raise RuntimeError("no kernel image is available")

    models, _ = gpu_models(fallback=True)
    monkeypatch.setattr(gpu_painter, "make_painter", fail)
    loaded = models.load(stand_in().to_bytes())
    assert isinstance(models.decoder(loaded, 512), Decoder) and models.profile == "openvino"
    strict, _ = gpu_models(fallback=False)
    monkeypatch.setattr(gpu_painter, "make_painter", fail)
    with pytest.raises(RuntimeError, match="no kernel image"):
        strict.load(stand_in().to_bytes())
