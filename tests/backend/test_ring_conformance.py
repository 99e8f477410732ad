"""What every ring must do, run over every ring that this machine offers."""

import numpy as np
import pytest

from mien.backend.rings import RingChooser, RingRequest
from mien.backend.rings.choice import kind_name
from mien.protocol import control_pb2 as pb
from mien.protocol import shm
from mien.protocol.errors import InvalidArgumentError, RingError
from mien.protocol.ring import Geometry, RingReader, RingState
from mien.protocol.wire import FrameFlag

GEOMETRY = Geometry(slots=4, width_px=32, height_px=16)
EPOCH = 7
OFFERED = RingChooser().kinds


@pytest.fixture(params=OFFERED, ids=kind_name)
def ring(request):
    name = shm.segment_name("0123456789abcdef", 1)
    made = RingChooser().choose([request.param]).create(RingRequest(name, 1, EPOCH, GEOMETRY))
    yield made
    made.close()


@pytest.fixture
def reader(ring):
    reader = RingReader.open(ring.name, ring.size_bytes, EPOCH)
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
    assert reader.read(slot, frame_id) is frame


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


def test_a_closed_ring_says_so_keeps_the_last_frame_and_its_name_is_free(ring, reader):
    show(ring, 8)
    assert (reader.latest().pixels == 8).all()
    ring.close()
    ring.close()
    assert reader.latest().stale
    assert (reader.latest().pixels == 8).all()
    with pytest.raises(RingError):
        RingReader.open(ring.name, GEOMETRY.size_bytes, EPOCH)


def test_a_ring_of_another_epoch_is_refused(ring):
    with pytest.raises(RingError, match="epoch"):
        RingReader.open(ring.name, ring.size_bytes, EPOCH + 1)


def test_pixels_can_be_drawn_in_place_by_row(ring, reader):
    pixels = ring.begin()
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
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


def test_a_forced_ring_is_the_only_one_and_an_unknown_one_is_refused():
    name = kind_name(OFFERED[0])
    chooser = RingChooser(name)
    assert chooser.kinds == [OFFERED[0]]
    assert "set" in chooser.choose([pb.RING_KIND_CUDA_IPC]).reason
    with pytest.raises(InvalidArgumentError, match=name):
        RingChooser("tape")


def test_wishes_are_taken_in_order_and_what_is_not_there_is_refused():
    chooser = RingChooser()
    chosen = chooser.choose([pb.RING_KIND_CUDA_IPC, OFFERED[0]])
    assert chosen.kind == OFFERED[0] and "wish" in chosen.reason
    with pytest.raises(InvalidArgumentError, match=kind_name(OFFERED[0])):
        chooser.choose([pb.RING_KIND_EXTERNAL])
    assert set(chooser.refused).isdisjoint(chooser.kinds)
