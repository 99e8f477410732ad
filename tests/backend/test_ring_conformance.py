"""What every ring must do, run over every kind, with readers in this process and in another."""

import numpy as np
import pytest
from ring_kinds import EPOCH, GEOMETRY, KINDS, info_of

from mien.backend.rings import RingChooser
from mien.backend.rings.choice import kind_name
from mien.protocol import control_pb2 as pb
from mien.protocol.errors import InvalidArgumentError, RingError
from mien.protocol.ring import RingState
from mien.protocol.wire import FrameFlag

OFFERED = RingChooser().kinds


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    making = request.param(monkeypatch)
    made = next(making)
    yield made
    made.leave()
    assert next(making, None) is None


@pytest.fixture
def ring(kind):
    return kind.make()


@pytest.fixture
def reader(kind, ring):
    reader = kind.open_reader(info_of(ring))
    yield reader
    reader.close()


def show(ring, value, line_id=0, pts_us=0, flags=FrameFlag.IDLE):
    ring.begin()[...] = value
    return ring.commit(line_id=line_id, pts_us=pts_us, flags=flags)


def test_a_machine_offers_a_ring():
    assert OFFERED


def test_a_new_ring_has_no_frame(reader):
    assert reader.latest() is None
    assert reader.state is RingState.LIVE


def test_a_reader_sees_the_newest_frame_with_its_times_and_flags(ring, reader):
    show(ring, 1)
    frame_id, slot = show(ring, 2, 5, 40_000, FrameFlag.SPEAKING | FrameFlag.LINE_END)
    frame = reader.latest()
    assert (frame.pixels == 2).all() and frame.pixels.shape == (16, 32, 4)
    assert (frame.frame_id, frame.line_id, frame.pts_us) == (frame_id, 5, 40_000)
    assert frame.flags == FrameFlag.SPEAKING | FrameFlag.LINE_END
    again = reader.read(slot, frame_id)
    assert again.frame_id == frame_id and (again.pixels == 2).all()


def test_a_frame_in_work_is_not_seen(ring, reader):
    show(ring, 1)
    ring.begin()[...] = 99
    assert (reader.latest().pixels == 1).all()


def test_a_frame_given_up_leaves_the_last_one(ring, reader):
    show(ring, 1)
    ring.begin()[...] = 99
    ring.abort()
    assert (reader.latest().pixels == 1).all()
    show(ring, 3)
    assert (reader.latest().pixels == 3).all()


def test_frames_are_numbered_and_slots_used_in_turn(ring):
    shown = [show(ring, k) for k in range(9)]
    assert [frame_id for frame_id, _ in shown] == list(range(1, 10))
    assert [slot for _, slot in shown] == [k % GEOMETRY.slots for k in range(9)]


def test_what_is_held_is_the_last_good_picture_under_new_times(ring, reader):
    assert ring.hold(line_id=0, pts_us=0, flags=FrameFlag.HELD) is None
    show(ring, 4, pts_us=40_000)
    ring.begin()[...] = 99
    ring.abort()
    assert ring.hold(line_id=0, pts_us=80_000, flags=FrameFlag.HELD) is not None
    frame = reader.latest()
    assert (frame.pixels == 4).all()
    assert (frame.pts_us, frame.flags) == (80_000, FrameFlag.HELD)


def test_the_frame_for_a_time_is_found_while_it_is_in_the_ring(ring, reader):
    for k in range(6):
        show(ring, k, 1, k * 40_000, FrameFlag.SPEAKING)
    assert (reader.at(130_000, 1).pixels == 3).all()
    assert reader.at(0, 2) is None


def test_a_closed_ring_says_so_keeps_the_last_frame_and_its_name_is_free(kind, ring, reader):
    info = info_of(ring)
    show(ring, 8)
    assert (reader.latest().pixels == 8).all()
    ring.close()
    ring.close()
    assert reader.latest().stale
    assert (reader.latest().pixels == 8).all()
    with pytest.raises(RingError):
        kind.open_reader(info)


def test_a_ring_of_another_epoch_is_refused(kind, ring):
    with pytest.raises(RingError, match="epoch"):
        kind.open_reader(info_of(ring, EPOCH + 1))


def test_pixels_can_be_drawn_in_place_by_row(ring, reader):
    pixels = ring.begin()
    assert pixels.dtype == np.uint8 and pixels.shape == (16, 32, 4)
    assert pixels.flags.c_contiguous
    for y in range(16):
        pixels[y] = y
    ring.commit(line_id=0, pts_us=0, flags=FrameFlag.IDLE)
    assert reader.latest().pixels[11, 3, 2] == 11


def test_frames_of_several_sizes_go_through_one_ring_and_are_held_in_their_size(ring, reader):
    show(ring, 1)
    assert ring.begin(16).shape == (16, 16, 4)
    ring.begin(16)[...] = 2
    ring.commit(line_id=0, pts_us=40_000, flags=FrameFlag.IDLE)
    assert reader.latest().pixels.shape == (16, 16, 4) and (reader.latest().pixels == 2).all()
    ring.hold(line_id=0, pts_us=80_000, flags=FrameFlag.HELD)
    held = reader.latest()
    assert held.pixels.shape == (16, 16, 4) and (held.pixels == 2).all()
    show(ring, 3)
    assert reader.latest().pixels.shape == (16, 32, 4)


def test_a_frame_larger_than_the_ring_is_refused(ring):
    with pytest.raises(InvalidArgumentError, match="32x16"):
        ring.begin(17)


def test_two_readers_see_the_same_and_one_that_goes_leaves_the_other(kind, ring, reader):
    other = kind.open_reader(info_of(ring))
    show(ring, 1)
    assert (reader.latest().pixels == 1).all() and (other.latest().pixels == 1).all()
    other.close()
    other.close()
    show(ring, 2)
    assert (reader.latest().pixels == 2).all() and reader.state is RingState.LIVE
    assert other.latest().stale


def test_a_ring_closed_after_its_client_let_go_keeps_nothing(kind, ring, reader):
    show(ring, 1)
    assert reader.latest().frame_id == 1
    reader.close()
    ring.let_go()
    ring.close()
    assert len(getattr(kind.backend, "grace", ())) == 0


def test_many_rings_come_and_go(kind):
    for k in range(20):
        ring = kind.make()
        reader = kind.open_reader(info_of(ring))
        show(ring, k)
        assert (reader.latest().pixels == k).all()
        reader.close()
        ring.let_go()
        ring.close()


def test_nothing_is_drawn_into_a_ring_that_is_closed(ring):
    show(ring, 1)
    ring.close()
    with pytest.raises(RingError, match="closed"):
        ring.begin()


def test_a_forced_ring_is_the_only_one_and_an_unknown_one_is_refused():
    name = kind_name(OFFERED[0])
    chooser = RingChooser(name)
    assert chooser.kinds == [OFFERED[0]]
    assert "set" in chooser.choose([pb.RING_KIND_CUDA_IPC]).reason
    with pytest.raises(InvalidArgumentError, match=name):
        RingChooser("tape")


def test_wishes_are_taken_in_order_and_what_is_not_there_is_refused():
    chooser = RingChooser()
    assert chooser.choose([pb.RING_KIND_EXTERNAL, OFFERED[0]]).kind == OFFERED[0]
    with pytest.raises(InvalidArgumentError, match=kind_name(OFFERED[0])):
        chooser.choose([pb.RING_KIND_EXTERNAL])
    assert set(chooser.refused).isdisjoint(chooser.kinds)
