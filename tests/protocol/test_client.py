"""The client against a peer that follows SPEC.md in a process of its own (peer.py)."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
import wave

import msgspec
import numpy as np
import pytest

from mien.protocol import (
    ActorLostError,
    ActorState,
    AudioError,
    Client,
    ClosedError,
    ConnectionLostError,
    Cue,
    DaemonNotRunningError,
    FrameFlag,
    InvalidArgumentError,
    LineState,
    LinkState,
    NotFoundError,
    RequestTimeoutError,
    RunDirectoryError,
    StageFullError,
    UnsupportedVersionError,
    rundir,
)


@pytest.fixture
def peer(shared_peer):
    return shared_peer


@pytest.fixture
def client(peer):
    with Client.connect(peer.directory, name="test") as connected:
        yield connected


@pytest.fixture
def actor(client):
    return client.spawn(b"a character")


def until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def tone(samples, channels=1, dtype=np.int16):
    rng = np.random.default_rng(samples)
    shape = (samples, channels) if channels > 1 else samples
    if dtype == np.int16:
        return rng.integers(-30000, 30000, shape).astype(np.int16)
    return rng.uniform(-1, 1, shape).astype(np.float32)


def free_port_pair():
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def test_an_actor_shows_frames_from_the_ring_in_order(actor):
    seen = []
    for frame in actor.frames(timeout_s=5):
        seen.append(frame)
        if len(seen) == 10:
            break
    ids = [frame.frame_id for frame in seen]
    assert ids == sorted(set(ids))
    for frame in seen:
        assert frame.pixels.shape == (64, 64, 4)
        assert frame.pixels[0, 0].tolist() == [frame.frame_id & 255, actor.actor_id & 255, 0, 255]
        assert frame.flags & FrameFlag.IDLE
        assert not frame.stale


def test_latest_gives_the_same_object_until_there_is_a_newer_frame(actor):
    until(lambda: actor.latest() is not None)
    first = actor.latest()
    until(lambda: actor.latest() is not first)
    assert actor.latest().frame_id > first.frame_id


def test_sound_arrives_byte_for_byte_when_given_as_an_array(actor, peer):
    sound = tone(50_000, channels=2)
    line = actor.say(sound, sample_rate=48_000)
    assert line.wait(10) is LineState.ENDED
    assert peer.line() == sound.tobytes()


def test_sound_arrives_byte_for_byte_when_given_as_a_wav_file(actor, peer, tmp_path):
    sound = tone(30_000)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(sound.tobytes())
    assert actor.say(tmp_path / "a.wav").wait(10) is LineState.ENDED
    assert peer.line() == sound.tobytes()


def test_sound_arrives_byte_for_byte_when_it_comes_in_pieces(actor, peer):
    pieces = [tone(n, dtype=np.float32) for n in (1, 7, 4000, 333)]
    assert actor.say(iter(pieces), sample_rate=16_000).wait(10) is LineState.ENDED
    assert peer.line() == b"".join(piece.tobytes() for piece in pieces)


def test_a_line_longer_than_the_credit_waits_and_loses_nothing(start_peer, run_dir):
    peer = start_peer("--window", "262144", "--step", "65536")
    sound = tone(1_000_000)
    with Client.connect(run_dir) as client:
        line = client.spawn(b"x").say(sound, sample_rate=48_000)
        assert line.wait(20) is LineState.ENDED
    assert peer.line() == sound.tobytes()


def test_chunks_lost_on_the_way_are_sent_again(start_peer, run_dir):
    peer = start_peer("--lose-every", "5", "--step", "65536")
    sound = tone(500_000)
    with Client.connect(run_dir) as client:
        line = client.spawn(b"x").say(sound, sample_rate=48_000)
        assert line.wait(30) is LineState.ENDED
    assert peer.line() == sound.tobytes()


def test_a_stream_of_unknown_length_survives_a_gap(actor, peer):
    first, second = tone(1600), tone(3200)
    line = actor.stream(sample_rate=16_000)
    line.write(first)
    until(lambda: line.underruns > 0)
    assert line.state is LineState.SPEAKING
    line.write(second)
    line.end()
    assert line.wait(10) is LineState.ENDED
    assert peer.line() == first.tobytes() + second.tobytes()


def test_write_waits_when_the_daemon_has_enough_and_says_so_in_time(start_peer, run_dir):
    start_peer("--step", "0")
    with Client.connect(run_dir) as client:
        line = client.spawn(b"x").stream(sample_rate=48_000)
        with pytest.raises(RequestTimeoutError):
            for _ in range(200):
                line.write(bytes(2 * 48_000), timeout_s=0.2)


def test_lines_are_spoken_in_turn(actor, peer):
    lines = [actor.say(tone(n), sample_rate=16_000) for n in (4000, 5000, 6000)]
    assert [line.wait(10) for line in lines] == [LineState.ENDED] * 3
    assert [len(peer.line(i)) for i in (1, 2, 3)] == [8000, 10_000, 12_000]


def test_an_interrupted_line_takes_no_more_sound(actor):
    line = actor.stream(sample_rate=16_000)
    line.write(tone(1600))
    until(lambda: line.state is LineState.SPEAKING)
    actor.interrupt()
    assert line.wait(5) is LineState.INTERRUPTED
    with pytest.raises(ClosedError):
        line.write(tone(1600))


def test_an_interrupt_ends_a_feeder_that_still_has_sound(start_peer, run_dir):
    start_peer("--step", "1600")
    with Client.connect(run_dir) as client:
        actor = client.spawn(b"x")
        line = actor.say(tone(8_000_000), sample_rate=48_000)
        until(lambda: line.state is LineState.SPEAKING)
        actor.interrupt()
        assert line.wait(5) is LineState.INTERRUPTED
        until(lambda: not [t for t in threading.enumerate() if t.name.startswith("mien-line")])


def test_an_error_in_the_sound_of_a_line_is_the_lines_error(actor):
    def broken():
        yield tone(1600)
        raise OSError("the microphone fell off")

    line = actor.say(broken(), sample_rate=16_000)
    with pytest.raises(Exception, match="microphone"):
        line.wait(10)


def test_cues_are_checked_before_they_are_sent(actor):
    actor.cue(Cue.emotion({"happy": 0.5, "surprised": 0.5}, 0.8))
    actor.cue(Cue.gaze(0.2, -0.1, duration_us=500_000))
    with pytest.raises(InvalidArgumentError, match="ecstatic"):
        Cue.emotion("ecstatic")
    with pytest.raises(InvalidArgumentError):
        Cue.blink(float("nan"))


def test_curves_come_when_they_were_asked_for(client):
    actor = client.spawn(b"x", curves=True)
    until(lambda: actor.curves is not None)
    assert actor.curves.dynamics.shape == (52,)
    assert actor.curves.pose.shape == (6,)


def test_what_the_daemon_refuses_is_a_typed_error(client):
    until(lambda: client.stats().actors == ())
    actors = [client.spawn(b"x") for _ in range(4)]
    with pytest.raises(StageFullError):
        client.spawn(b"x")
    actors[0].close()
    client.spawn(b"x")
    assert len(client.stats().actors) == 4


def test_a_file_that_is_not_there_is_said_so(client):
    with pytest.raises(NotFoundError, match="nobody"):
        client.spawn("nobody.mien")


def test_no_daemon_is_said_with_what_to_do(run_dir):
    began = time.monotonic()
    with pytest.raises(DaemonNotRunningError, match="mien serve"):
        Client.connect(run_dir)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"control": "nonsense"},
        {"control": "ipc:///" + "x" * 200},
        {"data": "tcp://nowhere"},
        {"curve_public_key": "ü" * 40},
        {"curve_public_key": "short"},
    ],
    ids=["no address", "too long", "no port", "no letters", "short key"],
)
def test_endpoints_that_lead_nowhere_are_an_error_and_hold_nothing_up(start_peer, run_dir, wrong):
    peer = start_peer()
    rundir.make_curve_keys(run_dir, "client")
    rundir.write_endpoints(run_dir, msgspec.structs.replace(peer.endpoints, **wrong))
    with pytest.raises(ConnectionLostError):
        Client.connect(run_dir, timeout_s=0.3)
    assert not [t for t in threading.enumerate() if t.name.startswith("mien-")]


def test_a_client_may_wait_for_a_daemon_that_comes_later(start_peer, run_dir):
    timer = threading.Timer(0.3, start_peer)
    timer.start()
    with Client.connect(run_dir, wait=True) as client:
        assert client.state is LinkState.CONNECTED
    timer.join()


def test_a_program_that_forgets_to_close_still_ends(start_peer, run_dir):
    start_peer()
    code = (
        "import sys; from mien.protocol import Client; "
        "c = Client.connect(sys.argv[1]); a = c.spawn(b'x'); "
        "line = a.say(bytes(9_000_000), sample_rate=16000); a.latest()"
    )
    subprocess.run([sys.executable, "-c", code, str(run_dir)], check=True, timeout=20)


def test_an_actor_that_cannot_be_brought_back_is_given_up(start_peer, run_dir, tmp_path):
    first = start_peer()
    (tmp_path / "a.mien").write_bytes(b"x")
    with Client.connect(run_dir, respawn=True) as client:
        actor = client.spawn(tmp_path / "a.mien")
        frames = actor.frames(timeout_s=20)
        next(frames)
        (tmp_path / "a.mien").unlink()
        first.kill()
        start_peer()
        list(frames)
        assert actor.state is ActorState.LOST
        assert isinstance(actor.trouble, NotFoundError)
        assert actor.latest().stale


def test_a_daemon_of_another_version_is_refused_at_once(start_peer, run_dir):
    start_peer("--version", "9")
    began = time.monotonic()
    with pytest.raises(UnsupportedVersionError) as caught:
        Client.connect(run_dir, timeout_s=10)
    assert (caught.value.min_version, caught.value.max_version) == (9, 9)
    assert time.monotonic() - began < 5


def test_a_run_directory_open_to_others_is_refused(start_peer, run_dir):
    start_peer()
    run_dir.chmod(0o755)
    with pytest.raises(RunDirectoryError, match="755"):
        Client.connect(run_dir, timeout_s=5)


@pytest.fixture
def own(start_peer, run_dir):
    """(peer, client, actor) for a test that does something bad to the peer."""
    peer = start_peer()
    with Client.connect(run_dir) as client:
        yield peer, client, client.spawn(b"x")


def test_a_killed_daemon_leaves_the_last_frame_and_says_so(own):
    peer, client, actor = own
    until(lambda: actor.latest() is not None)
    line = actor.stream(sample_rate=16_000)
    line.write(tone(1600))
    peer.kill()
    until(lambda: actor.latest().stale, 3)
    held = actor.latest()
    assert held.pixels[0, 0, 3] == 255
    assert client.state is LinkState.LOST
    assert actor.state is ActorState.AWAY
    assert actor.at(0) is not None and actor.at(0).stale
    with pytest.raises(ConnectionLostError):
        actor.say(tone(100), sample_rate=16_000)
    with pytest.raises(ConnectionLostError):
        client.stats()


def test_after_a_restart_the_same_client_goes_on(start_peer, run_dir):
    first = start_peer()
    with Client.connect(run_dir) as client:
        actor = client.spawn(b"x")
        until(lambda: actor.latest() is not None)
        line = actor.stream(sample_rate=16_000)
        line.write(tone(1600))
        epoch = client.epoch
        first.kill()
        until(lambda: client.state is LinkState.LOST)
        second = start_peer()
        client.wait_connected(10)
        assert client.epoch > epoch
        until(lambda: actor.state is ActorState.LOST)
        assert actor.latest().stale
        with pytest.raises(ActorLostError):
            actor.say(tone(100), sample_rate=16_000)
        with pytest.raises(ActorLostError):
            line.wait(1)
        actor.respawn()
        until(lambda: not actor.latest().stale)
        sound = tone(5000)
        assert actor.say(sound, sample_rate=16_000).wait(10) is LineState.ENDED
        assert second.line() == sound.tobytes()


def test_with_respawn_actors_come_back_by_themselves(start_peer, run_dir):
    first = start_peer()
    with Client.connect(run_dir, respawn=True) as client:
        actor = client.spawn(b"x")
        frames = actor.frames(timeout_s=20)
        assert not next(frames).stale
        first.kill()
        second = start_peer()
        until(lambda: client.epoch == second.endpoints.epoch)
        # The very same iterator goes on, with frames of the new ring.
        assert sum(not next(frames).stale for _ in range(20)) == 20
        assert actor.state is ActorState.LIVE


def test_a_stopped_daemon_is_noticed_and_nothing_is_lost_when_it_goes_on(own):
    peer, _, actor = own
    until(lambda: actor.latest() is not None)
    peer.signal(signal.SIGSTOP)
    until(lambda: actor.state is ActorState.AWAY, 8)
    assert actor.latest().stale
    peer.signal(signal.SIGCONT)
    until(lambda: actor.state is ActorState.LIVE, 10)
    until(lambda: not actor.latest().stale)
    assert actor.say(tone(1600), sample_rate=16_000).wait(10) is LineState.ENDED


def test_a_daemon_that_shuts_down_leaves_the_last_frame(own):
    peer, client, actor = own
    until(lambda: actor.latest() is not None)
    client.shutdown()
    assert peer.process.wait(10) == 0
    until(lambda: actor.latest().stale)


def test_a_closed_actor_keeps_its_last_frame(actor, client):
    until(lambda: actor.latest() is not None)
    actor.close()
    assert actor.latest().stale
    assert client.stats().actors == ()
    with pytest.raises(ClosedError):
        actor.say(tone(10), sample_rate=16_000)
    actor.close()


def test_many_threads_may_use_one_client(client):
    actors = [client.spawn(b"x") for _ in range(3)]
    failures = []

    def work(actor):
        try:
            for _ in range(3):
                assert actor.say(tone(3000), sample_rate=16_000).wait(20) is LineState.ENDED
                client.stats()
                actor.latest()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(a,)) for a in actors for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


def test_over_tcp_only_the_key_in_the_run_directory_is_let_in(start_peer, run_dir, monkeypatch):
    import zmq

    port = free_port_pair()
    start_peer("--tcp", str(port))
    with Client.connect(run_dir) as client:
        assert client.stats().sessions >= 1
    monkeypatch.setenv("MIEN_RUN_DIR", str(run_dir))
    with Client.connect(f"tcp://127.0.0.1:{port}") as client:
        actor = client.spawn(b"x")
        until(lambda: actor.latest() is not None)
    public, secret = zmq.curve_keypair()
    (run_dir / "client.curve").write_text(
        f'{{"public": "{public.decode()}", "secret": "{secret.decode()}"}}'
    )
    with pytest.raises(ConnectionLostError):
        Client.connect(run_dir, timeout_s=3)


def test_closing_leaves_no_thread_and_no_memory_mapped(peer):
    client = Client.connect(peer.directory)
    actor = client.spawn(b"x")
    until(lambda: actor.latest() is not None)
    client.close()
    client.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("mien-")]
    with open("/proc/self/maps") as maps:
        assert "mien-" not in maps.read()
    with pytest.raises(ClosedError):
        client.stats()


@pytest.mark.parametrize(
    ("source", "kwargs", "words"),
    [
        (b"\0\0", {}, "sample_rate"),
        (b"\0\0\0", {"sample_rate": 16_000}, "whole number"),
        (b"", {"sample_rate": 16_000}, "no sound"),
        (b"\0\0", {"sample_rate": 100}, "8000"),
        (b"\0\0", {"sample_rate": 16_000, "channels": 9}, "channels"),
        (np.zeros((2, 16_000), np.int16), {"sample_rate": 16_000}, "transposed"),
        (np.zeros(10, np.int64), {"sample_rate": 16_000}, "int64"),
        (iter([]), {"sample_rate": 16_000}, "empty"),
        (7, {"sample_rate": 16_000}, "int"),
        ("/nowhere/a.wav", {}, "nowhere"),
        (__file__, {}, "ffmpeg"),
    ],
)
def test_sound_that_cannot_be_sent_is_refused_with_advice(actor, source, kwargs, words):
    with pytest.raises(AudioError, match=words):
        actor.say(source, **kwargs)
