"""Drawing threads: a slow, broken or hanging actor is its own trouble."""

import threading
import time

import numpy as np
import pytest
from stage_helpers import wait_for

from mien.backend.clock import now_us
from mien.backend.drawing import Canvas, DrawingThreads, Job
from mien.backend.rings import RingChooser, RingRequest
from mien.backend.shot import Shot
from mien.protocol import shm
from mien.protocol.errors import RingError
from mien.protocol.ring import Geometry, RingReader
from mien.protocol.wire import FrameFlag

SIZE_PX = 16


class Painter:
    """Paints `value`, after doing what it is told to do."""

    def __init__(self, before=lambda: None):
        self.before, self.value = before, 1

    def decode(self, dynamics, pose, out=None):
        self.before()
        out[...] = self.value
        return out


def shot(flags=FrameFlag.IDLE, happenings=()):
    at = now_us()
    zeros = np.zeros(52, np.float32), np.zeros(6, np.float32)
    return Shot(*zeros, 0, 0, flags, at, at, tuple(happenings))


def job(**fields):
    one = shot(**fields)
    return Job(one, None, one.due_us)


@pytest.fixture
def canvas():
    made = []

    def make(painter, retry_us=10_000_000):
        seen = []
        geometry = Geometry(4, SIZE_PX, SIZE_PX)
        name = shm.segment_name("0123456789abcdef", len(made))
        ring = RingChooser().choose().create(RingRequest(name, len(made), 1, geometry))
        canvas = Canvas(len(made), painter, ring, seen.append, retry_us)
        canvas.seen = seen
        made.append(canvas)
        return canvas

    yield make
    for canvas in made:
        canvas.ring.close()


@pytest.fixture
def threads():
    threads = DrawingThreads(2)
    yield threads
    threads.close()


def test_actors_that_hang_take_no_frame_from_the_others(canvas, threads):
    release = threading.Event()
    hanging = [canvas(Painter(lambda: release.wait(20))) for _ in range(3)]
    for slow in hanging:
        slow._mean_us = 1e6  # known to be slow
        assert threads.submit(slow, shot())
    quick = canvas(Painter())
    for k in range(50):
        wait_for(lambda: not quick.busy)
        assert threads.submit(quick, shot())
        wait_for(lambda count=k + 1: len(quick.seen) >= count)
    assert all(slow.busy for slow in hanging)
    assert not threads.submit(hanging[0], shot())  # its frame is dropped
    release.set()


def test_one_frame_waits_for_the_one_in_work_and_a_third_is_dropped(canvas, threads):
    release = threading.Event()
    actor = canvas(Painter(lambda: release.wait(20)))
    shots = [shot() for _ in range(3)]
    assert [threads.submit(actor, one) for one in shots] == [True, True, False]
    release.set()
    wait_for(lambda: not actor.busy)
    assert [drawn.shot for drawn in actor.seen] == shots[:2]
    assert threads.submit(actor, shot())


def test_an_actor_that_leaves_draws_nothing_that_waits(canvas, threads):
    release = threading.Event()
    actor = canvas(Painter(lambda: release.wait(20)))
    assert threads.submit(actor, shot()) and threads.submit(actor, shot())
    actor.retire()
    release.set()
    wait_for(lambda: not actor.busy)
    assert len(actor.seen) == 1


def test_an_actor_that_turns_slow_is_noticed(canvas, threads):
    slow = canvas(Painter(lambda: time.sleep(0.3)))
    assert not slow.slow
    threads.submit(slow, shot())
    wait_for(lambda: slow.slow)


def test_where_every_picture_takes_long_nobody_is_slow(canvas, threads):
    alike = [canvas(Painter(lambda: time.sleep(0.06))) for _ in range(3)]
    for _ in range(30):
        for one in alike:
            threads.submit(one, shot())
        time.sleep(0.06)
    assert not any(one.slow for one in alike)


def test_slow_actors_have_their_turns(canvas, threads):
    slow = [canvas(Painter(lambda: time.sleep(0.02))) for _ in range(3)]
    for one in slow:
        one._mean_us = 1e6
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        for one in slow:
            threads.submit(one, shot())
        time.sleep(0.005)
    drawn = [len(one.seen) for one in slow]
    assert min(drawn) >= 0.5 * max(drawn) > 2


def test_a_broken_decoder_is_told_once_and_the_last_frame_is_held(canvas):
    painter = Painter()
    broken = canvas(painter)
    reader = RingReader.open(broken.ring.name, broken.ring.size_bytes, 1)
    broken.draw(job())

    def explode():
        raise RuntimeError("boom")

    painter.before, painter.value = explode, 99
    for _ in range(5):
        broken.draw(job())
    errors = [drawn.error for drawn in broken.seen if drawn.error]
    assert [str(error) for error in errors] == ["boom"]
    assert [bool(d.flags & FrameFlag.HELD) for d in broken.seen] == [False] + [True] * 5
    assert (reader.latest().pixels == 1).all()
    assert reader.latest().frame_id == 6
    reader.close()


def test_a_decoder_is_tried_again_and_its_next_trouble_is_news(canvas):
    moody = iter([True, False, True])

    def maybe():
        if next(moody):
            raise RuntimeError("boom")

    actor = canvas(Painter(maybe), retry_us=0)
    for _ in range(3):
        actor.draw(job())
    assert [bool(d.error) for d in actor.seen] == [True, False, True]


def test_what_happened_is_told_even_if_nothing_could_be_drawn(canvas):
    def explode():
        raise RuntimeError("boom")

    broken = canvas(Painter(explode))
    broken.draw(job(happenings=["the line began"]))
    (drawn,) = broken.seen
    assert drawn.frame_id == 0
    assert drawn.shot.happenings == ("the line began",)


def test_a_ring_goes_when_the_frame_in_work_is_done(canvas, threads):
    release = threading.Event()
    leaving = canvas(Painter(lambda: release.wait(20)))
    threads.submit(leaving, shot())
    leaving.retire()
    RingReader.open(leaving.ring.name, leaving.ring.size_bytes, 1).close()
    release.set()

    def gone():
        try:
            RingReader.open(leaving.ring.name, leaving.ring.geometry.size_bytes, 1).close()
        except RingError:
            return True

    wait_for(gone)
