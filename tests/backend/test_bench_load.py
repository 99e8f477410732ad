"""The load generator against a daemon with tiny models: it sees what is there, and tells."""

import itertools
import time

import numpy as np
import pytest
from bench_helpers import load_of, theatre_of
from stage_helpers import wait_for

from mien.backend.bench.load.account import accounts, first_sound_us
from mien.backend.bench.load.client import LoadClient
from mien.backend.bench.load.plan import CHUNK_US
from mien.backend.bench.load.process import GeneratorProcess, LoadError
from mien.backend.bench.load.recording import FRAME, Recording, joined
from mien.protocol import Client, Detail
from mien.protocol.wire import FrameFlag


@pytest.fixture
def theatre(start_daemon, tmp_path):
    return theatre_of(start_daemon(frame_px=128), tmp_path)


def played(plan):
    with GeneratorProcess(plan) as generator:
        ready = generator.wait_ready()
        generator.go()
        return (ready, *generator.wait_done())


def test_every_frame_in_the_ring_is_noted_once_with_the_ring_s_own_times(theatre):
    client = LoadClient.joined(theatre.run_dir)
    try:
        actor = client.spawn(theatre.character, detail=Detail(size_px=128))
        client.reads_pixels = True  # so that `latest` has a ring to look into as well
        wait_for(lambda: len(client.seen) >= 20 * len(FRAME), what="twenty frames")
        newest = actor.latest()
        rows = np.frombuffer(client.seen.tobytes(), FRAME)
    finally:
        client.close()
    assert (rows["frame"] == np.arange(1, len(rows) + 1)).all()
    assert newest.frame_id >= rows["frame"][-1] - 1
    same = rows[rows["frame"] == newest.frame_id]
    assert all(row["written_us"] == newest.written_us for row in same)
    assert (rows["rung_us"] >= rows["written_us"]).all()
    assert (np.diff(rows["pts_us"]) > 0).all()


def test_the_daemon_counts_as_many_frames_as_the_load_saw(theatre):
    plan = load_of(theatre, actors=2, seconds=3.0)
    with Client.connect(theatre.run_dir) as onlooker, GeneratorProcess(plan) as generator:
        generator.wait_ready()
        generator.go()
        time.sleep(2.0)
        counted = {actor.actor_id: actor.frames for actor in onlooker.stats().actors}
        looked_us = time.monotonic_ns() // 1000
        _, recording = generator.wait_done()
    assert len(counted) == 2
    for actor_id, frames in counted.items():
        mine = recording.frames[recording.frames["actor"] == actor_id]
        assert abs((mine["written_us"] < looked_us).sum() - frames) <= 2


def test_live_lines_leave_in_pieces_of_40_ms_and_each_piece_s_time_is_known(theatre):
    ready, done, recording = played(load_of(theatre, actors=3, seconds=2.0))
    assert (ready.spawned, ready.refused) == (3, [])
    assert len(recording.lines) == 3
    assert all(line["pieces"] == 50 for line in recording.lines)
    assert len(recording.sent_us) == 150
    for line in recording.lines:
        sent = recording.sent_us[line["first"] : line["first"] + line["pieces"]]
        assert (np.diff(sent) > 0).all()
        assert sent[-1] - sent[0] >= 48 * CHUNK_US  # never ahead of its time
    assert done.cpu_s > 0.0 and done.wall_s >= 2.0
    start_us = first_sound_us(recording)
    for account in accounts(recording, start_us, start_us + 2_000_000):
        assert 0 < account.on_time <= account.due <= 46  # 50, less what is due later
        assert account.latency_ms.min() >= 80.0  # tiny models hear two frames ahead
        assert account.attach_ms > 0.0


def test_lines_follow_each_other_with_pauses_and_do_not_mix(theatre):
    plan = load_of(theatre, actors=1, seconds=2.6, line_s=0.6, pause_s=0.4)
    _, _, recording = played(plan)
    assert list(recording.lines["line"]) == [1, 2, 3]
    for line in recording.lines:
        mine = recording.frames[recording.frames["line"] == line["line"]]
        spoken = mine[mine["flags"] & int(FrameFlag.SPEAKING) != 0]
        assert list(spoken["pts_us"]) == [k * CHUNK_US for k in range(15)]


def test_lines_sent_at_once_are_judged_on_their_own_clock(theatre):
    _, _, recording = played(load_of(theatre, actors=2, seconds=2.0, live=False))
    start_us = first_sound_us(recording)
    for account in accounts(recording, start_us, start_us + 3_000_000, live=False):
        assert 0 < account.on_time <= account.due == 50
        assert not len(account.latency_ms)  # nothing was waited for


def test_an_actor_without_a_place_is_told_with_its_reason(start_daemon, tmp_path):
    theatre = theatre_of(start_daemon(frame_px=128, max_actors=1), tmp_path)
    ready, _, recording = played(load_of(theatre, actors=3, seconds=1.0))
    assert ready.spawned == 1 and len(recording.actors) == 1
    assert len(ready.refused) == 2
    assert all("the stage holds 1 actors" in why for why in ready.refused)


def test_a_daemon_that_goes_away_meanwhile_is_an_error_that_says_so(start_daemon, tmp_path):
    daemon = start_daemon(frame_px=128)
    with GeneratorProcess(load_of(theatre_of(daemon, tmp_path), seconds=20.0)) as generator:
        generator.wait_ready()
        generator.go()
        time.sleep(0.5)
        daemon.stop()
        with pytest.raises(LoadError, match="went away"):
            generator.wait_done()


def test_what_cannot_be_begun_says_why(tmp_path, start_daemon):
    theatre = theatre_of(start_daemon(frame_px=128), tmp_path)
    theatre.speech.write_bytes(b"RIFF")
    with (
        GeneratorProcess(load_of(theatre)) as generator,
        pytest.raises(LoadError, match="generator ended"),
    ):
        generator.wait_ready()


def test_a_generator_ends_with_its_starter_and_before_its_time_when_told(theatre):
    with GeneratorProcess(load_of(theatre, seconds=60.0)) as generator:
        generator.wait_ready()
        generator.go()
        time.sleep(0.8)
        generator.stop()
        done, recording = generator.wait_done()
        assert done.wall_s < 30.0
        assert 0 < len(recording.sent_us) < 1500
    assert generator.ended
    with GeneratorProcess(load_of(theatre, seconds=60.0)) as generator:
        generator.wait_ready()
    assert generator.ended


def test_recordings_of_several_generators_are_one(tmp_path):
    def recording(actor):
        from mien.backend.bench.load.recording import ACTOR, LINE

        lines = np.array([(actor, 1, 960, 24_000, 0, 1), (actor, 2, 960, 24_000, 1, 1)], LINE)
        actors = np.array([(actor, 128, 25.0, 0, 5, 6)], ACTOR)
        sent = np.array([10 * actor, 10 * actor + 1])
        return Recording(actors, lines, sent, np.zeros(actor, FRAME))

    both = joined([recording(1), recording(2)])
    whole = [both.sent_us[line["first"]] for line in both.lines]
    assert whole == [10, 11, 20, 21]
    assert len(both.frames) == 3
    both.save(tmp_path / "both.npz")
    again = Recording.load(tmp_path / "both.npz")
    for name, one in itertools.product(("actors", "lines", "sent_us", "frames"), [again]):
        np.testing.assert_array_equal(getattr(one, name), getattr(both, name))
