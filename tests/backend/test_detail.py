"""Levels of detail and budgets through a live daemon: what the game wishes, and what it gets."""

import time

import msgspec
import numpy as np
import pytest
from stage_helpers import RawClient, tone, wait_for

from mien.protocol import Detail, InvalidArgumentError, StageFullError, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.client import Client
from mien.protocol.errors import ErrorCode

# What else runs on the machine of a test must not take quality away.
TRUSTING = {"many_missed": 1e9}


@pytest.fixture
def stage(start_daemon):
    daemon = start_daemon(frame_px=512, plan=TRUSTING)
    with Client.connect(daemon.run_dir, name="game") as client:
        yield client


def of(client, actor):
    return next(a for a in client.stats().actors if a.actor_id == actor.actor_id)


def frames_in(client, actor, seconds):
    before = of(client, actor).frames
    time.sleep(seconds)
    return of(client, actor).frames - before


def test_pictures_come_in_the_size_that_the_screen_needs(stage):
    actor = stage.spawn(b"hero", detail=Detail(size_px=256))
    assert wait_for(actor.latest).pixels.shape == (256, 256, 4)
    actor.set_detail(Detail(coverage=0.1))
    wait_for(lambda: actor.latest().pixels.shape == (128, 128, 4), what="a smaller picture")
    actor.set_detail(Detail())
    wait_for(lambda: actor.latest().pixels.shape == (512, 512, 4), what="the whole picture")
    figures = of(stage, actor)
    assert (figures.size_px, figures.wanted_size_px, figures.rung) == (512, 512, "full")


@pytest.mark.parametrize("fps", [12.0, 12.5, 50.0, 60.0])
def test_pictures_come_at_the_rate_that_was_asked_for(stage, fps):
    actor = stage.spawn(b"hero", detail=Detail(fps=fps))
    wait_for(actor.latest)
    count = frames_in(stage, actor, 2.0)
    assert 0.7 * 2 * fps <= count <= 1.15 * 2 * fps
    assert of(stage, actor).wanted_fps == fps


def test_who_is_not_seen_moves_on_without_pictures_and_is_there_at_once_when_seen(stage):
    actor = stage.spawn(b"hero", curves=True)
    wait_for(actor.latest)
    actor.set_detail(Detail(visible=False))
    wait_for(lambda: not of(stage, actor).visible)
    time.sleep(0.1)
    assert frames_in(stage, actor, 0.5) == 0
    before = actor.curves.pts_us
    wait_for(lambda: actor.curves.pts_us > before + 200_000, what="motion")
    line = actor.say(tone(0.4), sample_rate=16_000)
    assert line.wait(5.0)  # lines go on and end though nobody looks
    held = actor.latest().frame_id
    actor.set_detail(Detail())
    asked = time.monotonic()
    wait_for(lambda: actor.latest().frame_id > held, what="a picture")
    assert time.monotonic() - asked < 0.5


def test_a_client_that_did_not_say_it_knows_small_pictures_never_gets_one(start_daemon):
    daemon = start_daemon(frame_px=512)
    with RawClient(daemon.endpoints) as raw:
        raw.hello()
        loaded = raw.ask(pb.LoadCharacter(data=b"hero"))
        spawned = raw.ask(
            pb.SpawnActor(character_id=loaded.character_id, detail=pb.Detail(size_px=128))
        )
        assert spawned.actor_id
        (figures,) = wait_for(lambda: (s := raw.ask(pb.Stats()).actors)[0].frames and s)
        assert figures.size_px == figures.wanted_size_px == 512


def test_wishes_out_of_range_are_refused_by_both_ends(stage, start_daemon):
    actor = stage.spawn(b"hero")
    with pytest.raises(InvalidArgumentError, match="fps"):
        actor.set_detail(Detail(fps=500.0))
    with pytest.raises(InvalidArgumentError, match="cpu_fraction"):
        stage.set_budget(cpu_fraction=0.0)
    assert actor.detail == Detail() and stage.set_budget().cpu_fraction == 1.0


def test_a_hostile_wish_is_answered_and_changes_nothing(daemon):
    with RawClient(daemon.endpoints) as raw:
        raw.hello()
        actor = raw.spawn().actor_id
        for fields in (
            [64, -1.0, 0.0, 0, 0, 0.0],
            [0, float("nan"), 0.0, 0, 0, 0.0],
            [0, -1.0, 1e8, 0, 0, 0.0],
            [0, -1.0, 0.0, 2**31 - 1, 0, 0.0],
            [0, -1.0, float("inf"), 0, 0, 0.0],
            ["big", -1.0, 0.0, 0, 0, 0.0],
        ):
            raw.data.send_multipart([msgspec.msgpack.encode([7, 1, actor, *fields]), b""])
            assert raw.news(wire.DataError).code is wire.DataErrorCode.INVALID
        raw.data.send_multipart([wire.encode_header(wire.Detail(1, actor + 1)), b""])
        assert raw.news(wire.DataError).code is wire.DataErrorCode.NOT_FOUND
        (figures,) = raw.ask(pb.Stats()).actors
        assert (figures.wanted_fps, figures.priority, figures.hidden) == (25.0, 0, False)


def test_a_storm_of_wishes_costs_nobody_a_frame(stage):
    calm, wild = stage.spawn(b"calm"), stage.spawn(b"wild")
    wait_for(calm.latest)
    rng = np.random.default_rng(0)
    before, began = of(stage, calm).frames, time.monotonic()
    sent = 0
    while time.monotonic() - began < 2.0:
        wild.set_detail(
            Detail(
                size_px=int(rng.integers(128, 513)),
                fps=float(rng.uniform(12, 120)),
                priority=int(rng.integers(-100, 101)),
                visible=bool(rng.random() < 0.5),
            )
        )
        sent += 1
        time.sleep(0.001)
    assert sent > 500
    shown = (of(stage, calm).frames - before) / (time.monotonic() - began)
    assert shown >= 20
    wild.set_detail(Detail(fps=50.0))
    wait_for(lambda: of(stage, wild).wanted_fps == 50.0 and of(stage, wild).fps > 40)


def test_ten_thousand_spawns_are_answered_and_the_stage_stays_what_it_was(start_daemon):
    daemon = start_daemon(max_actors=4)
    with RawClient(daemon.endpoints) as raw:
        raw.hello()
        loaded = raw.ask(pb.LoadCharacter(data=b"hero"))
        answers = [raw.ask(pb.SpawnActor(character_id=loaded.character_id)) for _ in range(10_000)]
        made = [a for a in answers if isinstance(a, pb.ActorSpawned)]
        refused = [a for a in answers if isinstance(a, pb.Error)]
        assert len(made) == 4 and len(refused) == 9_996
        assert {a.code for a in refused} == {ErrorCode.STAGE_FULL}
        assert len(raw.ask(pb.Stats()).actors) == 4 and len(daemon.segments()) == 4


# --- with pictures that cost something -------------------------------------------------------


@pytest.fixture
def busy(start_daemon):
    daemon = start_daemon(
        models="busy_models:BusyModels", frame_px=512, decode_threads=2, plan=TRUSTING
    )
    with Client.connect(daemon.run_dir, name="game") as client:
        yield client


def test_a_budget_takes_quality_from_the_least_important_and_gives_it_back(busy):
    # Looked at seldom: answering costs processor time, and that counts.
    hero = busy.spawn(b"hero", detail=Detail(priority=10))
    extras = [busy.spawn(name) for name in (b"anna", b"bert")]
    cores = busy.stats().stage.cores
    budget = busy.set_budget(cpu_fraction=1.4 / cores)
    assert budget.cpu_fraction == pytest.approx(1.4 / cores)
    wait_for(lambda: all(of(busy, a).rung != "full" for a in extras), 10, "extras to give way", 0.3)
    wait_for(lambda: of(busy, hero).rung == "full", 10, "the hero", 0.3)
    time.sleep(1.5)
    stats = busy.stats()
    assert all(extra.allotted_fps >= 5 for extra in stats.actors)
    assert stats.stage.degradations >= 2
    assert stats.stage.cpu_spent <= 1.1 * stats.stage.cpu_budget
    busy.set_budget(cpu_fraction=1.0)
    for extra in extras:
        extra.set_detail(Detail(size_px=128))  # room enough for all on any machine
    wait_for(
        lambda: all(of(busy, a).rung == "full" for a in extras), 20, "quality to come back", 0.3
    )
    assert busy.stats().stage.recoveries > 0


def test_a_stage_that_cannot_even_be_modest_is_full(busy):
    busy.set_budget(cpu_fraction=0.02)
    with pytest.raises(StageFullError, match=r"stage full: .* budget"):
        for _ in range(64):
            busy.spawn(b"hero")
    assert busy.stats().stage.refused_spawns == 1
    busy.set_budget(cpu_fraction=1.0)
    busy.spawn(b"hero")


def test_a_budget_goes_with_its_client(start_daemon):
    daemon = start_daemon(lease_ms=2_000)
    with Client.connect(daemon.run_dir) as stays:
        with Client.connect(daemon.run_dir) as goes:
            goes.set_budget(cpu_fraction=0.1)
            assert stays.stats().stage.cpu_budget == pytest.approx(0.1)
        wait_for(lambda: stays.stats().stage.cpu_budget == 1.0, 10, "the budget to go")


def test_costs_are_told_as_they_were_measured(busy):
    actor = busy.spawn(b"hero")
    wait_for(lambda: of(busy, actor).frames > 20)
    (cost,) = [c for c in busy.stats().stage.costs if c.stage == "decode"]
    assert cost.size_px == 512 and 20 <= cost.ms <= 40


def test_a_line_known_ahead_is_in_the_ring_before_its_time(stage):
    actor = stage.spawn(b"hero", slots=12)
    wait_for(actor.latest)
    line = actor.say(tone(2.0), sample_rate=16_000, lead_s=0.3)
    wait_for(lambda: actor.latest().line_id == line.line_id)
    began = time.monotonic()
    time.sleep(1.0)
    ahead_us = actor.latest().pts_us - (time.monotonic() - began) * 1e6
    assert 150_000 <= ahead_us <= 450_000
    assert of(stage, actor).lead_us >= 250_000
    now = int((time.monotonic() - began) * 1e6)
    frame = actor.at(now, line)
    assert frame is not None and abs(frame.pts_us - now) <= 60_000
