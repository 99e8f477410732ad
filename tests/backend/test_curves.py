"""Coefficients and head pose, streamed live for characters with a rig of their own."""

import time

import numpy as np
import pytest
from stage_helpers import RawClient, tone, wait_for

from mien.backend.outbox import DataOut, Outbox
from mien.protocol import control_pb2 as pb
from mien.protocol import wire
from mien.protocol.client import Client
from mien.protocol.errors import InvalidArgumentError
from mien.protocol.states import LineState
from mien.protocol.wire import FrameFlag

JAW = 17  # jawOpen, SPEC.md section 7
FRAME_US = 40_000


def watched(actor, until, timeout_s=5.0):
    seen = []
    for curves in actor.watch_curves(timeout_s):
        seen.append(curves)
        if until(curves):
            return seen
    raise AssertionError("the actor ended")


def line_ends(curves):
    return bool(curves.flags & FrameFlag.LINE_END)


@pytest.mark.parametrize("frames", [True, False], ids=["beside frames", "alone"])
def test_a_line_comes_as_curves_on_its_own_clock(client, frames):
    actor = client.spawn(b"hero", curves=True, frames=frames)
    line = actor.say(tone(1.0), sample_rate=16_000)
    seen = watched(actor, line_ends)
    said = [c for c in seen if c.line_id == line.line_id]
    times = [c.pts_us for c in said]
    assert times == sorted(times) and times[-1] == 24 * FRAME_US and len(times) >= 20
    assert max(float(c.dynamics[JAW]) for c in said) > 0.5
    assert all(np.isfinite(c.pose).all() and c.data.__len__() == 232 for c in seen)
    assert line.wait(5) is LineState.ENDED
    idle = watched(actor, lambda c: c.flags & FrameFlag.IDLE)
    assert idle[-1].line_id == 0


def test_curves_belong_to_the_frames_in_the_ring(client):
    actor = client.spawn(b"hero", curves=True)
    line = actor.say(tone(0.6), sample_rate=16_000)
    jaws = {c.frame_id: int(255 * c.dynamics[JAW]) for c in watched(actor, line_ends)}
    frame = actor.at(8 * FRAME_US, line)
    assert int(frame.pixels[0, 0, 1]) == jaws[frame.frame_id]


def test_motion_alone_takes_no_shared_memory(daemon, client):
    actor = client.spawn(b"hero", frames=False)
    watched(actor, lambda c: c.frame_id >= 5)
    assert daemon.segments() == []
    assert actor.latest() is None
    (figures,) = client.stats().actors
    assert figures.ring_kind == "none" and figures.frames >= 5
    with pytest.raises(InvalidArgumentError):
        next(actor.frames())
    actor.close()
    wait_for(lambda: client.stats().actors == ())


def test_motion_alone_can_be_interrupted_and_cued(client):
    from mien.protocol.cues import Cue

    actor = client.spawn(b"hero", frames=False)
    actor.cue(Cue.head(0.0, 0.3, 0.0))
    turned = watched(actor, lambda c: c.pose[1] > 0.25)
    line = actor.say(tone(5.0), sample_rate=16_000)
    watched(actor, lambda c: c.dynamics[JAW] > 0.5)
    actor.interrupt()
    assert turned and line.wait(5) is LineState.INTERRUPTED
    closed = watched(actor, lambda c: c.dynamics[JAW] < 0.02)
    assert len(closed) < 25


def test_motion_alone_goes_on_where_drawing_would_be_too_slow(client):
    slow = client.spawn(b"slow", frames=False)
    begun = time.monotonic()
    seen = watched(slow, lambda c: c.frame_id >= 25)
    assert len(seen) >= 20 and time.monotonic() - begun < 3.0


def test_who_did_not_ask_gets_none(daemon):
    with RawClient(daemon.endpoints) as raw:
        welcome = raw.hello()
        assert {"curves", "no_frames"} <= set(welcome.capabilities)
        spawned = raw.spawn()
        assert spawned.HasField("ring")
        raw.news(wire.Doorbell)
        with pytest.raises(AssertionError, match="no Curves"):
            raw.news(wire.Curves, timeout_s=0.4)


def test_motion_alone_rings_no_doorbells_and_has_no_ring(daemon):
    with RawClient(daemon.endpoints) as raw:
        raw.hello()
        loaded = raw.ask(pb.LoadCharacter(data=b"hero"))
        body = pb.SpawnActor(character_id=loaded.character_id, no_frames=True)
        assert not raw.ask(body).HasField("ring")
        raw.news(wire.Curves)
        with pytest.raises(AssertionError, match="no Doorbell"):
            raw.news(wire.Doorbell, timeout_s=0.4)


def test_an_actor_of_motion_alone_comes_back_after_a_restart(start_daemon):
    first = start_daemon()
    with Client.connect(first.run_dir, respawn=True) as client:
        actor = client.spawn(b"hero", frames=False)
        watched(actor, lambda c: c.frame_id >= 3)
        first.stop()
        start_daemon()
        assert watched(actor, lambda c: c.frame_id >= 2, timeout_s=15)


def test_under_pressure_the_oldest_curves_are_lost_and_nothing_else():
    outbox = Outbox()
    event = wire.LineEvent(1, 1, 1, wire.LineEventKind.STARTED, 0)
    outbox.put(DataOut(b"s", event))
    for k in range(5000):
        outbox.put(DataOut(b"s", wire.Curves(1, 1, k, 0), bytes(232), losable=True))
    kept = outbox.take_all()
    assert kept[0].message == event
    assert [item.message.frame_id for item in kept[1:]] == list(range(5000 - 4096, 5000))
    assert outbox.lost == 5000 - 4096
    outbox.close()
