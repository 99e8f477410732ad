"""Audio is never dropped: credit, acknowledgement, going back, whatever the network does."""

from __future__ import annotations

import random
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.protocol import outbox as outbox_module
from mien.protocol.errors import ClosedError, RequestTimeoutError
from mien.protocol.limits import KIB, MIB
from mien.protocol.outbox import Outbox
from mien.protocol.wire import DataErrorCode


def opened(credit=MIB, frame_bytes=2, total_samples=None):
    box = Outbox(frame_bytes, total_samples)
    box.open(1, 1, credit)
    return box


def send_all(box):
    out = []
    while (chunk := box.next_chunk()) is not None:
        out.append(chunk)
        box.sent(chunk[0])
    return out


def test_chunks_count_samples_and_carry_the_end():
    box = opened(frame_bytes=4)
    box.put(bytes(400))
    box.put(bytes(40))
    box.end()
    headers = [header for header, _ in send_all(box)]
    assert [h.seq for h in headers] == [0, 1, 2]
    assert [h.first_sample for h in headers] == [0, 100, 110]
    assert [h.n_samples for h in headers] == [100, 10, 0]
    assert [h.flags for h in headers] == [0, 0, 1]


def test_a_line_of_known_length_ends_with_its_last_sample():
    box = opened(total_samples=100)
    box.put(bytes(200))
    box.end()
    assert [header.flags for header, _ in send_all(box)] == [1]
    assert not box.done
    box.on_credit(1, MIB)
    assert box.done


def test_nothing_goes_beyond_the_credit_until_more_is_given():
    box = opened(credit=256 * KIB)
    box.put(bytes(600 * KIB))
    sent = sum(len(payload) for _, payload in send_all(box))
    assert sent == 256 * KIB
    box.on_credit(2, 384 * KIB)
    assert sum(len(payload) for _, payload in send_all(box)) == 128 * KIB
    box.on_credit(2, 100)  # an old one that comes late takes nothing back
    assert send_all(box) == []


def test_refused_chunks_wait_for_credit_and_go_again_in_order():
    box = opened()
    for _ in range(5):
        box.put(bytes(100))
    send_all(box)
    for _ in range(3):
        box.on_refused(DataErrorCode.BACKPRESSURE, 2)
    assert send_all(box) == []
    box.on_credit(2, MIB)
    assert [header.seq for header, _ in send_all(box)] == [2, 3, 4]


def test_a_gap_is_filled_once_however_often_it_is_told():
    box = opened()
    for _ in range(6):
        box.put(bytes(100))
    send_all(box)
    box.on_refused(DataErrorCode.SEQUENCE, 1)
    assert [header.seq for header, _ in send_all(box)] == [1, 2, 3, 4, 5]
    box.on_refused(DataErrorCode.SEQUENCE, 1)
    assert send_all(box) == []


def test_put_waits_for_room_and_ends_with_the_line():
    box = opened()
    with pytest.raises(RequestTimeoutError):
        for _ in range(20):
            box.put(bytes(MIB), timeout_s=0.05)
    timer = threading.Timer(0.1, box.close, [ClosedError("over")])
    timer.start()
    with pytest.raises(ClosedError, match="over"):
        box.put(bytes(MIB))
    assert box.done
    assert box.next_chunk() is None


def test_nothing_can_be_added_after_the_end():
    box = opened()
    box.end()
    box.end()
    with pytest.raises(ClosedError, match="ended"):
        box.put(b"xx")
    assert len(send_all(box)) == 1


def test_silence_of_the_daemon_is_asked_about(monkeypatch):
    monkeypatch.setattr(outbox_module, "_PROBE_S", 0.02)
    box = opened(credit=256 * KIB)
    box.put(bytes(200))
    assert not box.probe()
    send_all(box)
    time.sleep(0.03)
    assert box.probe()
    assert [header.seq for header, _ in send_all(box)] == [0]
    box.on_credit(1, 256 * KIB)
    # Held back by credit alone: the Credit that would have freed it may have been lost.
    box.put(bytes(300 * KIB))
    box.on_credit(1 + len(send_all(box)), 200)
    assert box.next_chunk() is None
    time.sleep(0.03)
    assert box.probe()
    assert len(send_all(box)) == 1


class Daemon:
    """The receiving side of SPEC.md behind a network that loses what it likes."""

    def __init__(self, window, rng):
        self.window, self.rng = window, rng
        self.taken, self.next_seq, self.spoken, self.ended = bytearray(), 0, 0, False

    def hear(self, header, payload, box):
        if self.rng.random() < 0.2:
            return
        limit = self.spoken + self.window
        if header.seq > self.next_seq:
            box.on_refused(DataErrorCode.SEQUENCE, self.next_seq)
        elif header.seq == self.next_seq and len(self.taken) + len(payload) > limit:
            box.on_refused(DataErrorCode.BACKPRESSURE, self.next_seq)
        elif header.seq == self.next_seq:
            self.taken += payload
            self.next_seq += 1
            self.ended = bool(header.flags & 1)

    def speak(self, box):
        self.spoken = min(len(self.taken), self.spoken + self.rng.randrange(100 * KIB))
        if self.rng.random() < 0.7:
            box.on_credit(self.next_seq, self.spoken + self.window)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_every_byte_arrives_in_order_over_any_network(seed, pieces):
    rng = random.Random(seed)
    sound = [rng.randbytes(2 * rng.randrange(1, 30_000)) for _ in range(pieces)]
    box, daemon = opened(credit=256 * KIB), Daemon(256 * KIB, rng)
    old = outbox_module._PROBE_S, outbox_module._REWIND_PAUSE_S
    outbox_module._PROBE_S = outbox_module._REWIND_PAUSE_S = 0.0
    try:
        for piece in sound:
            box.put(piece)
        box.end()
        for _ in range(5000):
            if box.done:
                break
            for header, payload in send_all(box):
                daemon.hear(header, payload, box)
            daemon.speak(box)
            box.probe()
    finally:
        outbox_module._PROBE_S, outbox_module._REWIND_PAUSE_S = old
    assert daemon.ended
    assert bytes(daemon.taken) == b"".join(sound)
