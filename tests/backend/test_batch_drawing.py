"""Pictures drawn together: who shares a batch, and what a device does that is full or gone."""

import gc
import time
import weakref

import numpy as np
import pytest
from in_memory_cuda import Machine
from stage_helpers import RawClient, tone, wait_for
from tiny_painter import GPU_BLUE, TOOK_US, TinyPainter

from mien.backend.batch_drawing import BatchDrawing, CastDecoder
from mien.backend.clock import now_us
from mien.backend.drawing import Canvas, DrawingThreads
from mien.backend.rings import RingChooser, RingRequest
from mien.backend.rings.cuda import CudaRings
from mien.backend.rings.none import NoDecoder, NoRing
from mien.backend.shot import Shot
from mien.protocol import control_pb2 as pb
from mien.protocol import shm, wire
from mien.protocol.client import Client
from mien.protocol.errors import GpuLostError, GpuMemoryFullError
from mien.protocol.ring import Geometry, RingReader
from mien.protocol.states import LineState
from mien.protocol.wire import FrameFlag

SIZE_PX = 32
CPU_BLUE = 7


class Brush:
    """What draws on the processor."""

    def decode(self, dynamics, pose, out=None):
        out[...] = CPU_BLUE
        return out


class Studio:
    """A painter, who is drawn by it, and what was said of that."""

    def __init__(self):
        self.machine = Machine()
        self.gpu = self.machine.process().open_device()
        self.rings = CudaRings(0.01, lambda uuid: self.gpu, lambda: None)
        self.painter = TinyPainter(self.gpu.peek)
        self.painter.stream = self.gpu.create_stream()
        self.costs, self.canvases, self.drawing, self.took_over = [], [], None, 0

    def open(self, fallback=False):
        def take_over():
            self.took_over += 1
            return DrawingThreads(1)

        def painted(*cost):
            self.costs.append(cost)

        self.drawing = BatchDrawing(self.painter, painted, take_over if fallback else None)
        return self

    def actor(self, *, on_gpu=False, retry_us=10_000_000):
        number = len(self.canvases) + 1
        name = shm.segment_name("0123456789abcdef", number)
        request = RingRequest(name, number, 1, Geometry(4, SIZE_PX, SIZE_PX))
        ring = self.rings.create(request) if on_gpu else RingChooser().choose().create(request)
        seen = []
        canvas = Canvas(number, CastDecoder(number, None, Brush()), ring, seen.append, retry_us)
        canvas.seen = seen
        self.canvases.append(canvas)
        return canvas

    def actors(self, count, **options):
        return [self.actor(**options) for _ in range(count)]

    def submit(self, canvas, size_px=None, turn_us=None, **fields):
        return self.drawing.submit(canvas, shot(**fields), size_px, turn_us)

    def draw(self, *canvases, **options):
        """A picture of each; returns what was told of them."""
        counts = [len(canvas.seen) for canvas in canvases]
        self.painter.go.clear()
        for canvas in canvases:
            assert self.submit(canvas, **options)
        self.painter.go.set()
        wait_for(lambda: all(not canvas.busy for canvas in canvases), what="the pictures")
        assert [len(canvas.seen) for canvas in canvases] == [count + 1 for count in counts]
        return [canvas.seen[-1] for canvas in canvases]

    def blue(self, canvas):
        """Of the picture that is shown."""
        reader = RingReader.open(canvas.ring.name, canvas.ring.size_bytes, 1)
        try:
            return int(reader.latest().pixels[0, 0, 2])
        finally:
            reader.close()

    def close(self):
        self.painter.go.set()
        if self.drawing is not None:
            self.drawing.close()
        for canvas in self.canvases:
            canvas.retire()
        self.rings.close()
        assert self.machine.undefined == []


def shot(flags=FrameFlag.IDLE, happenings=()):
    at = now_us()
    zeros = np.zeros(52, np.float32), np.zeros(6, np.float32)
    return Shot(*zeros, 0, 0, flags, at, at, tuple(happenings))


@pytest.fixture
def studio():
    made = Studio()
    yield made
    made.close()


def blocked(studio):
    """An actor whose picture keeps the painter busy until `go`."""
    studio.painter.go.clear()
    canvas = studio.actor()
    studio.submit(canvas)
    wait_for(lambda: not studio.drawing._jobs, what="its turn")
    return canvas


def test_who_waits_for_a_busy_device_is_drawn_together_by_size_the_most_urgent_first(studio):
    studio.open()
    first = blocked(studio)
    a, b, c, d = studio.actors(4)
    for canvas, size_px, turn_us in ((a, 32, 400), (b, 16, 200), (c, 32, 300), (d, 16, 100)):
        studio.submit(canvas, size_px, turn_us)
    studio.painter.go.set()
    wait_for(lambda: not any(one.busy for one in studio.canvases))
    assert studio.painter.batches == [
        (32, [first.actor_id]),
        (16, [b.actor_id, d.actor_id]),
        (32, [a.actor_id, c.actor_id]),
    ]
    assert [studio.blue(canvas) for canvas in (a, b)] == [GPU_BLUE] * 2
    assert studio.costs == [(32, 1, TOOK_US), (16, 2, 2 * TOOK_US), (32, 2, 2 * TOOK_US)]


def test_more_than_a_batch_holds_waits_for_the_next_and_the_least_urgent_longest(studio):
    studio.open()
    blocked(studio)
    many = studio.actors(70)
    for i, canvas in enumerate(reversed(many)):
        studio.submit(canvas, turn_us=i)
    studio.painter.go.set()
    wait_for(lambda: not any(one.busy for one in studio.canvases))
    sizes = [len(handles) for _, handles in studio.painter.batches]
    assert sizes == [1, 64, 6]
    assert studio.painter.batches[2][1] == [canvas.actor_id for canvas in many[:6]]


def test_slots_on_the_device_are_drawn_into_where_they_are(studio):
    studio.open()
    there, here = studio.actor(on_gpu=True), studio.actor()
    for k in range(6):  # more than there are slots
        told = studio.draw(there, here)
        assert [drawn.frame_id for drawn in told] == [k + 1] * 2
    assert not studio.gpu.host  # nothing went through the host
    slot = there.ring.begin_device()
    shown = [studio.gpu.peek(slot)[0, 0, 2] for _ in range(1)]
    there.ring.abort()
    assert shown == [GPU_BLUE]


def test_one_frame_waits_for_the_one_in_work_and_a_third_is_dropped(studio):
    studio.open()
    canvas = blocked(studio)
    assert [studio.submit(canvas) for _ in range(2)] == [True, False]
    studio.painter.go.set()
    wait_for(lambda: len(canvas.seen) == 2 and not canvas.busy)


def test_one_actors_broken_ring_is_its_own_trouble(studio):
    studio.open()
    fine, broken = studio.actors(2)

    def explode(size_px=None):
        raise OSError("no such ring")

    broken.ring.begin = explode
    told = studio.draw(fine, broken)
    assert told[0].frame_id == 1 and told[0].error is None
    assert told[1].frame_id == 0 and "no such ring" in str(told[1].error)
    assert studio.draw(fine)[0].frame_id == 2


def test_a_ring_that_cannot_show_what_was_drawn_costs_nobody_else_a_picture(studio):
    studio.open()
    fine, broken = studio.actors(2)

    def explode(**_):
        raise OSError("no such slot")

    broken.ring.commit = explode
    assert [bool(drawn.error) for drawn in studio.draw(broken, fine)] == [True, False]


def test_a_character_that_cannot_be_drawn_is_found_out_and_the_others_are_drawn(studio):
    studio.open()
    blocked(studio)
    cast = studio.actors(5)
    studio.painter.sick = {cast[3].actor_id}
    told = studio.draw(*cast)
    assert [bool(drawn.error) for drawn in told] == [False, False, False, True, False]
    assert all(studio.blue(canvas) == GPU_BLUE for canvas in cast if canvas is not cast[3])


def test_a_batch_without_room_is_halved_until_it_fits_and_stays_small_a_while(studio):
    studio.open()
    blocked(studio)
    cast = studio.actors(8)
    studio.painter.room = 3
    assert all(drawn.error is None and drawn.frame_id for drawn in studio.draw(*cast))
    assert [len(handles) for _, handles in studio.painter.batches[-4:]] == [2, 2, 2, 2]
    del studio.painter.batches[:]
    studio.draw(*cast)
    assert max(len(handles) for _, handles in studio.painter.batches) == 2
    studio.painter.room, studio.drawing._more_at_us = 64, 0  # time passes
    blocked(studio)
    studio.draw(*cast)
    assert max(len(handles) for _, handles in studio.painter.batches) == 8


def test_an_actor_that_does_not_fit_alone_is_held_and_tried_again(studio):
    studio.open()
    canvas = studio.actor(retry_us=50_000)
    studio.draw(canvas)
    studio.painter.room = 0
    (first,) = studio.draw(canvas)
    assert isinstance(first.error, GpuMemoryFullError) and first.flags & FrameFlag.HELD
    assert first.frame_id == 2 and studio.blue(canvas) == GPU_BLUE
    (second,) = studio.draw(canvas)
    assert second.error is None and second.flags & FrameFlag.HELD  # told once
    studio.painter.room = 64
    time.sleep(0.06)
    (third,) = studio.draw(canvas)
    assert not third.flags & FrameFlag.HELD


def test_without_a_fallback_a_lost_device_is_told_to_everybody_once_and_all_are_held(studio):
    studio.open()
    here, there, late = studio.actor(), studio.actor(on_gpu=True), studio.actor()
    studio.draw(here, there, late)
    studio.painter.lost = GpuLostError("unplugged")
    for canvas in (here, there):
        (told,) = studio.draw(canvas)
        assert isinstance(told.error, GpuLostError) and "unplugged" in str(told.error)
        assert told.flags & FrameFlag.HELD
    assert "spawn the actor anew" in str(there.seen[-1].error)
    assert [d.error for d in studio.draw(here, there)] == [None] * 2
    assert studio.draw(late)[0].error is studio.painter.lost  # at its own next picture
    assert here.seen[-1].frame_id == 3 and studio.blue(here) == GPU_BLUE
    assert there.seen[-1].frame_id == 0


def test_a_lost_device_is_never_touched_again_and_lines_end_all_the_same(studio):
    studio.open()
    there = studio.actor(on_gpu=True)
    studio.draw(there)
    studio.painter.lost = GpuLostError("unplugged")
    studio.draw(there)
    wait_for(lambda: not studio.gpu.allocations, what="the end of its memory")
    calls = []
    studio.gpu._call = calls.append
    (told,) = studio.draw(there, happenings=["the line ended"])
    assert told.shot.happenings == ("the line ended",) and calls == []
    del studio.gpu._call


def test_with_a_fallback_the_processor_draws_on_for_rings_of_the_host(studio):
    studio.open(fallback=True)
    here, other, there = studio.actor(), studio.actor(), studio.actor(on_gpu=True)
    studio.draw(here, other, there)
    studio.painter.lost = GpuLostError("unplugged")
    told = studio.draw(here, other, there)
    assert all(isinstance(drawn.error, GpuLostError) for drawn in told)
    for _ in range(3):
        after = studio.draw(here, other, there)
        assert [bool(drawn.flags & FrameFlag.HELD) for drawn in after] == [False, False, True]
        assert [drawn.error for drawn in after] == [None] * 3
    assert [studio.blue(canvas) for canvas in (here, other)] == [CPU_BLUE] * 2
    assert studio.took_over == 1


def test_a_ring_that_fails_alone_is_one_actors_trouble_if_the_painters_device_is_there(studio):
    studio.open(fallback=True)
    here, there = studio.actor(), studio.actor(on_gpu=True)
    studio.machine.lost.add(studio.gpu.uuid)
    assert isinstance(studio.draw(there)[0].error, GpuLostError)
    assert studio.draw(here)[0].error is None and studio.took_over == 0
    studio.machine.lost.clear()


def test_a_ring_that_finds_the_device_gone_tells_all_of_them(studio):
    studio.open(fallback=True)
    here, there, other = studio.actor(), studio.actor(on_gpu=True), studio.actor()
    studio.draw(here, there, other)
    studio.machine.lost.add(studio.gpu.uuid)
    studio.painter.lost = GpuLostError("unplugged")
    (told,) = studio.draw(there)  # it never comes to painting
    assert "spawn the actor anew" in str(told.error) and studio.took_over == 1
    assert all(isinstance(drawn.error, GpuLostError) for drawn in studio.draw(here, other))
    studio.draw(here, other)
    assert studio.blue(here) == studio.blue(other) == CPU_BLUE
    studio.machine.lost.clear()


def test_who_has_no_place_in_the_cast_is_drawn_by_its_own_decoder(studio):
    studio.open()
    stranger = studio.actor()
    stranger.decoder = Brush()
    rig = Canvas(99, NoDecoder(), NoRing(), lambda drawn: None, 0)
    studio.canvases.append(rig)
    studio.submit(rig)
    studio.draw(stranger)
    wait_for(lambda: not rig.busy)
    assert studio.blue(stranger) == CPU_BLUE and studio.painter.batches == []
    assert rig.ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE) == (2, 0)


def test_what_waits_when_the_stage_closes_is_let_go_and_every_ring_freed(studio):
    studio.open()
    canvas = blocked(studio)
    waiting = studio.actor()
    studio.submit(waiting)
    studio.submit(canvas)
    studio.drawing._stopping = True
    studio.painter.go.set()
    studio.drawing.close()
    assert not canvas.busy and not waiting.busy and waiting.seen == []


def test_a_place_in_the_cast_keeps_its_character():
    class Character:
        pass

    character = Character()
    kept = weakref.ref(character)
    place = CastDecoder(1, character, None)
    del character
    gc.collect()
    assert kept() is not None
    with pytest.raises(GpuLostError, match="--gpu-fallback"):
        place.decode(np.zeros(52), np.zeros(6))
    del place
    gc.collect()
    assert kept() is None


# --- through a daemon ---------------------------------------------------------------------------

PAINTED = "tiny_painter:TinyModelsWithPainter"


def blue_of(frame):
    return int(frame.pixels[0, 0, 2])


def test_a_daemon_draws_its_stage_together_and_counts_the_gpus_time(start_daemon):
    daemon = start_daemon(models=PAINTED)
    with Client.connect(daemon.run_dir) as client:
        assert client.engine_profile == "tiny"
        client.set_budget(gpu_ms_per_frame=2.0, game_fps=50.0)
        cast = [client.spawn(name) for name in (b"hero", b"zoe", b"max")]
        frames = [wait_for(actor.latest) for actor in cast]
        assert [blue_of(frame) for frame in frames] == [GPU_BLUE] * 3
        assert int(frames[0].pixels[0, 0, 0]) == sum(b"hero") % 256

        def spent():
            stage = client.stats().stage
            return stage.gpu_spent_ms and stage

        time.sleep(1.2)
        stage = wait_for(spent, what="the GPU's figures")
        # three actors at 25 frames a second, for a game of 50
        assert stage.gpu_spent_ms == pytest.approx(3 * 25 * TOOK_US / 1000 / 50, rel=0.3)
        assert stage.gpu_budget_ms == 2.0
        (cost,) = [c for c in stage.costs if c.stage == "decode" and c.size_px == 64]
        assert cost.ms == pytest.approx(TOOK_US / 1000, rel=0.01)


def lose_gpu(start_daemon, **options):
    return start_daemon(models=PAINTED, environment={"MIEN_TEST_TROUBLE": "gpu"}, **options)


def test_a_gpu_that_vanishes_in_mid_line_is_told_and_the_processor_draws_on(start_daemon):
    daemon = lose_gpu(start_daemon, profile="gpu", gpu_fallback=True)
    with Client.connect(daemon.run_dir) as client:
        loud, still = client.spawn(b"hero"), client.spawn(b"zoe")
        assert all(blue_of(wait_for(actor.latest)) == GPU_BLUE for actor in (loud, still))
        line = loud.say(tone(1.0, amplitude=0.9), sample_rate=16_000)
        for actor in (loud, still):
            trouble = wait_for(lambda actor=actor: actor.trouble, what="the error")
            assert "GpuLostError" in trouble.message and "off the bus" in trouble.message
        for actor in (loud, still):
            wait_for(lambda actor=actor: blue_of(actor.latest()) == CPU_BLUE, what="the CPU")
        before = still.latest().frame_id
        assert line.wait(5) is LineState.ENDED
        assert still.latest().frame_id >= before
        late = client.spawn(b"max")
        assert blue_of(wait_for(late.latest)) == CPU_BLUE and late.trouble is None
        assert client.stats().stage.gpu_spent_ms == 0.0
    assert "the CPU draws from here on" in daemon.words


def test_without_a_fallback_everybody_is_held_and_lines_end(start_daemon):
    daemon = lose_gpu(start_daemon, profile="gpu")
    with Client.connect(daemon.run_dir) as client:
        loud, still = client.spawn(b"hero"), client.spawn(b"zoe")
        for actor in (loud, still):
            wait_for(actor.latest)
        line = loud.say(tone(0.6, amplitude=0.9), sample_rate=16_000)
        for actor in (loud, still):
            trouble = wait_for(lambda actor=actor: actor.trouble, what="the error")
            assert "GpuLostError" in trouble.message
        assert line.wait(5) is LineState.ENDED
        assert blue_of(still.latest()) == GPU_BLUE
    assert daemon.stop() == 0


def test_the_wire_says_it_once_an_actor(start_daemon):
    daemon = lose_gpu(start_daemon, profile="gpu", gpu_fallback=True)
    with RawClient(daemon.endpoints) as raw:
        raw.hello()
        actor = raw.spawn().actor_id
        raw.say(actor, line_id=1, total_samples=8000)
        raw.audio(actor, 1, 0, 0, tone(0.5, amplitude=0.9))
        error = raw.news(wire.DataError)
        assert (error.actor, error.line, error.code) == (actor, 0, wire.DataErrorCode.INTERNAL)
        with pytest.raises(AssertionError, match="no DataError"):
            raw.news(wire.DataError, timeout_s=0.5)
        assert isinstance(raw.ask(pb.Stats()), pb.StatsReply)
