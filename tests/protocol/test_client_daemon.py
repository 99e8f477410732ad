"""The client against the real daemon in a process of its own, killed and stopped for real."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import zmq

from mien.protocol import (
    ActorLostError,
    ActorState,
    Client,
    Cue,
    FrameFlag,
    InvalidArgumentError,
    LineState,
    LinkState,
    NotFoundError,
    RunDirectoryError,
    UnknownSessionError,
    UnsupportedVersionError,
    WireError,
    control,
    rundir,
)
from mien.protocol import control_pb2 as pb

DAEMON = Path(__file__).with_name("daemon_process.py")


@pytest.fixture
def start_daemon(run_dir, start_process):
    return lambda: start_process(DAEMON)


@pytest.fixture(scope="module")
def shared_daemon(start_shared):
    return start_shared(DAEMON)


@pytest.fixture
def client(shared_daemon):
    with Client.connect(shared_daemon.directory, name="test") as connected:
        yield connected


@pytest.fixture
def actor(client):
    spawned = client.spawn(b"hero")
    until(lambda: spawned.latest() is not None)
    return spawned


def until(condition, timeout_s=15.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def noise(seconds, rate=16_000, channels=1, level=12_000):
    rng = np.random.default_rng(1)
    shape = (int(seconds * rate), channels)
    return rng.integers(-level, level, shape).astype(np.int16)


def frames_of(actor, line, timeout_s=20):
    """All frames until the line is over."""
    seen = []
    for frame in actor.frames(timeout_s=timeout_s):
        seen.append(frame)
        if line.over:
            return seen
    return seen


def test_an_actor_idles_at_25_frames_a_second(actor):
    shown = actor.frames(timeout_s=5)
    first = next(shown)
    last = first
    while last.pts_us - first.pts_us < 1_000_000:
        last = next(shown)
        assert last.flags & FrameFlag.IDLE
    took_s = (last.written_us - first.written_us) / 1e6
    assert took_s == pytest.approx(1.0, abs=0.15)
    assert last.frame_id - first.frame_id == pytest.approx(25, abs=2)


def test_a_line_is_spoken_on_its_own_clock_and_ends(actor):
    line = actor.say(noise(0.8), sample_rate=16_000)
    spoken = [f for f in frames_of(actor, line) if f.line_id == line.line_id]
    assert line.state is LineState.ENDED
    times = [f.pts_us for f in spoken]
    assert times == sorted(times)
    assert times[0] == 0
    assert 700_000 <= times[-1] <= 900_000
    assert any(f.flags & FrameFlag.SPEAKING for f in spoken)
    assert max(int(f.pixels[0, 0, 1]) for f in spoken) > 100  # the jaw, by tiny_models
    assert spoken[-1].flags & FrameFlag.LINE_END
    until(lambda: actor.latest().line_id == 0)


def test_at_finds_the_frame_of_a_moment_of_the_line(actor):
    line = actor.say(noise(1.0), sample_rate=16_000)
    until(lambda: (f := actor.latest()).line_id == line.line_id and f.pts_us >= 400_000)
    newest = actor.latest().pts_us
    frame = actor.at(newest - 80_000, line)
    assert frame.line_id == line.line_id
    assert newest - 120_000 < frame.pts_us <= newest - 80_000
    line.wait(10)


def test_sound_of_more_than_the_credit_is_spoken_to_its_end(actor):
    sound = noise(3.0, rate=48_000, channels=2)  # 576 kB through a window of 256
    line = actor.say(sound, sample_rate=48_000)
    spoken = [f for f in frames_of(actor, line) if f.line_id == line.line_id]
    assert line.wait(1) is LineState.ENDED
    assert line.underruns == 0
    assert spoken[-1].pts_us == pytest.approx(2_960_000, abs=40_000)


def test_a_stream_with_a_gap_stalls_and_goes_on(actor):
    line = actor.stream(sample_rate=16_000)
    line.write(noise(0.4))
    until(lambda: line.underruns > 0)
    assert actor.latest().line_id in (0, line.line_id)
    line.write(noise(0.4))
    line.end()
    assert line.wait(10) is LineState.ENDED


def test_lines_are_spoken_in_turn_and_an_interrupt_drops_all(actor):
    lines = [actor.say(noise(1.5), sample_rate=16_000) for _ in range(3)]
    until(lambda: lines[0].state is LineState.SPEAKING)
    assert [line.state for line in lines[1:]] == [LineState.WAITING] * 2
    actor.interrupt()
    assert [line.wait(5) for line in lines] == [LineState.INTERRUPTED] * 3
    until(lambda: actor.latest().line_id == 0)
    assert actor.say(noise(0.2), sample_rate=16_000).wait(10) is LineState.ENDED


def test_replace_interrupts_first(actor):
    first = actor.say(noise(3), sample_rate=16_000)
    until(lambda: first.state is LineState.SPEAKING)
    second = actor.say(noise(0.2), sample_rate=16_000, replace_current=True)
    assert first.wait(5) is LineState.INTERRUPTED
    assert second.wait(10) is LineState.ENDED


def test_cues_are_taken_with_a_line_and_without(actor):
    cues = [Cue.emotion("happy", 0.7), Cue.gaze(0.2, 0.1, at_us=100_000), Cue.blink(at_us=200_000)]
    line = actor.say(noise(0.5), sample_rate=16_000, cues=cues)
    actor.cue(Cue.head(0.1, 0.0, 0.0), line)
    actor.cue(Cue.distance(1.2))
    assert line.wait(10) is LineState.ENDED


@pytest.mark.parametrize(
    "sound",
    [
        np.full(8000, np.nan, np.float32),
        np.full(8000, 5.0, np.float32),
        np.zeros(8000, np.int16),
        np.zeros((8000, 6), np.int16),
    ],
    ids=["all NaN", "clipped", "silent", "5.1"],
)
def test_odd_sound_is_spoken_and_harms_nothing(actor, sound):
    assert actor.say(sound, sample_rate=16_000).wait(10) is LineState.ENDED
    assert not actor.latest().stale


@pytest.mark.parametrize("rate", [8000, 96_000, 192_000])
def test_odd_rates_are_spoken(actor, rate):
    assert actor.say(noise(0.3, rate), sample_rate=rate).wait(10) is LineState.ENDED


def test_an_empty_stream_ends_at_once(actor):
    line = actor.stream(sample_rate=16_000)
    line.end()
    assert line.wait(5) is LineState.ENDED


def test_curves_come_with_frames_when_asked_for(client):
    actor = client.spawn(b"hero", curves=True)
    until(lambda: actor.curves is not None)
    line = actor.say(noise(0.6), sample_rate=16_000)
    until(lambda: actor.curves.dynamics.max() > 0.1)
    assert np.isfinite(actor.curves.pose).all()
    line.wait(10)


def test_a_killed_daemon_leaves_the_last_frame_and_the_client_outlives_it(start_daemon, run_dir):
    first = start_daemon()
    with Client.connect(run_dir) as client:
        actor = client.spawn(b"hero")
        until(lambda: actor.latest() is not None)
        line = actor.say(noise(5), sample_rate=16_000)
        until(lambda: actor.latest().line_id == line.line_id)
        first.kill()
        until(lambda: actor.latest().stale, 5)
        assert client.state is LinkState.LOST
        assert actor.latest().pixels.shape == (64, 64, 4)
        start_daemon()
        client.wait_connected(20)
        until(lambda: actor.state is ActorState.LOST)
        with pytest.raises(ActorLostError):
            line.wait(1)
        assert actor.latest().stale
        actor.respawn()
        until(lambda: not actor.latest().stale)
        assert actor.say(noise(0.3), sample_rate=16_000).wait(10) is LineState.ENDED


def test_with_respawn_the_stage_fills_again_by_itself(start_daemon, run_dir):
    first = start_daemon()
    with Client.connect(run_dir, respawn=True) as client:
        actors = [client.spawn(b"one"), client.spawn(b"two")]
        until(lambda: all(actor.latest() for actor in actors))
        first.kill()
        start_daemon()
        until(lambda: any(actor.state is not ActorState.LIVE for actor in actors))
        until(lambda: all(actor.state is ActorState.LIVE for actor in actors))
        until(lambda: not any(actor.latest().stale for actor in actors))
        assert len(client.stats().actors) == 2


def test_a_stopped_daemon_is_noticed_and_the_client_goes_on_after(start_daemon, run_dir):
    daemon = start_daemon()
    with Client.connect(run_dir, respawn=True) as client:
        actor = client.spawn(b"hero")
        until(lambda: actor.latest() is not None)
        daemon.signal(signal.SIGSTOP)
        until(lambda: actor.latest().stale, 10)
        daemon.signal(signal.SIGCONT)
        until(lambda: actor.state is ActorState.LIVE)
        until(lambda: not actor.latest().stale)
        assert actor.say(noise(0.3), sample_rate=16_000).wait(10) is LineState.ENDED


KILLED = """
import sys, time
import numpy as np
from pathlib import Path
from mien.protocol import Client
client = Client.connect(Path(sys.argv[1]))
actor = client.spawn(b"hero")
actor.say(np.zeros(160_000, np.int16), sample_rate=16_000)
print("speaking", flush=True)
time.sleep(60)
"""


def test_a_client_killed_while_it_speaks_is_cleared_away(shared_daemon, client):
    command = [sys.executable, "-c", KILLED, str(shared_daemon.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "speaking\n"
        assert len(client.stats().actors) == 1
        other.kill()
    until(lambda: client.stats().actors == (), 10)
    actor = client.spawn(b"hero")
    assert actor.say(noise(0.2), sample_rate=16_000).wait(10) is LineState.ENDED


def test_a_client_that_slept_through_its_lease_goes_on(client, actor, monkeypatch):
    # As after a breakpoint: the worker is held up for longer than the lease.
    link = client._link
    send, held = link._send_requests, threading.Event()

    def sleepy(sockets):
        if not held.is_set():
            held.set()
            time.sleep(2.5)
        send(sockets)

    monkeypatch.setattr(link, "_send_requests", sleepy)
    until(lambda: actor.state is ActorState.LOST)
    assert actor.latest().stale
    actor.respawn()
    assert actor.say(noise(0.2), sample_rate=16_000).wait(10) is LineState.ENDED


def test_a_shutdown_ends_the_daemon_and_the_frame_is_held(start_daemon, run_dir):
    daemon = start_daemon()
    with Client.connect(run_dir) as client:
        actor = client.spawn(b"hero")
        until(lambda: actor.latest() is not None)
        client.shutdown()
        assert daemon.process.wait(10) == 0
        until(lambda: actor.latest().stale)
    assert not list(run_dir.glob("*.sock"))


def test_a_character_that_is_not_there_is_refused(client):
    session = client._welcome.session
    with pytest.raises(NotFoundError):
        client.request(pb.SpawnActor(character_id="nobody"))
    with pytest.raises(NotFoundError):
        client.request(pb.Despawn(actor_id=12_345))
    assert client._welcome.session == session


def raw_request(run_dir, data):
    """What the daemon answers to bytes on its control socket."""
    endpoints = rundir.read_endpoints(run_dir)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(endpoints.control)
        dealer.send(data)
        assert dealer.poll(5000), "no answer"
        _, body = control.decode_reply(dealer.recv())
    return body


def test_bytes_that_are_no_request_are_answered_and_harm_nobody(shared_daemon, actor):
    wrong_version = control.encode_request(1, b"", pb.Hello(protocol_version=99))
    stranger = control.encode_request(1, b"x" * 16, pb.Stats())
    many = pb.Request(id=1, session=b"x" * 16, say=pb.Say(cues=[pb.Cue()] * 600_000))
    for data, kind in (
        (b"", WireError),
        (b"\xff" * 50, WireError),
        (wrong_version, UnsupportedVersionError),
        (stranger, UnknownSessionError),
        (stranger[:-1], InvalidArgumentError),
        (many.SerializeToString(), control.error_type(6)),
    ):
        body = raw_request(shared_daemon.directory, data)
        assert isinstance(body, pb.Error)
        with pytest.raises(kind if kind is not WireError else InvalidArgumentError):
            control.raise_error(body)
    assert actor.say(noise(0.2), sample_rate=16_000).wait(10) is LineState.ENDED


def test_sound_under_a_foreign_session_is_not_taken(shared_daemon, actor):
    from mien.protocol import wire

    line = actor.stream(sample_rate=16_000)
    endpoints = shared_daemon.endpoints
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.ROUTING_ID, b"y" * 16)
        dealer.connect(endpoints.data)
        chunk = wire.Audio(1, actor.actor_id, line.line_id, 0, 0, 100, 1)
        dealer.send_multipart(wire.encode(chunk, bytes(200)))
        dealer.send_multipart([b"junk", b"junk"])
        dealer.send_multipart([b"junk"] * 6)
        assert dealer.poll(5000), "no answer"
        answer, _ = wire.decode_from_daemon(dealer.recv_multipart())
        assert answer.code in (wire.DataErrorCode.NOT_FOUND, wire.DataErrorCode.INVALID)
    line.write(noise(0.2))
    line.end()
    assert line.wait(10) is LineState.ENDED


def test_start_brings_a_daemon_that_goes_with_its_client(run_dir):
    client = Client.connect(run_dir, start=True)
    pid = rundir.read_endpoints(run_dir).pid
    assert client.stats().actors == ()
    client.close()
    from mien.protocol.processes import pid_alive

    assert not pid_alive(pid)
    assert rundir.read_endpoints(run_dir) is None


def test_start_says_why_a_daemon_could_not(run_dir):
    run_dir.chmod(0o755)
    with pytest.raises(RunDirectoryError, match="755"):
        Client.connect(run_dir, start=True, timeout_s=5)
