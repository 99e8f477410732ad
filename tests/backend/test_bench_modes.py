"""The modes of the stage bench, on daemons with tiny models and on a real one."""

import json

import pytest
from bench_helpers import theatre_of

from mien.backend.bench import frame_parts, stage_bench
from mien.backend.bench.frame_parts import PARTS, PLACES, Stopwatch, character_bytes, watched
from mien.backend.bench.load.process import LoadError
from mien.backend.bench.stage_report import Measured
from mien.backend.bench.wish import StageWish
from mien.backend.cli import main
from mien.backend.motion import MotionChoice


@pytest.fixture
def theatre(start_daemon, tmp_path):
    return theatre_of(start_daemon(frame_px=128), tmp_path)


@pytest.fixture(scope="module")
def character_file(tmp_path_factory):
    """A real character, made of a shipped portrait."""
    from mien.backend.demo.parts import shipped_parts

    path = tmp_path_factory.mktemp("characters") / "guard.mien"
    portrait = shipped_parts()[0].portrait
    assert main(["enroll", str(portrait), "-o", str(path), "--name", "Guard", "--json"]) == 0
    return path


def bench(theatre, *words):
    places = ["--run-dir", str(theatre.run_dir), "--character", str(theatre.character)]
    return main(["bench", *words, "--size", "128", *places])


def test_a_stage_is_measured_by_what_two_processes_see_of_it(theatre):
    wish = StageWish(actors=3, size_px=128, seconds=3.0, processes=2)
    passed = []
    found = stage_bench.measure(theatre, wish, passed.append)
    assert isinstance(found, Measured)
    assert (found.actors, found.refused_spawns, found.profile) == (3, 0, "tiny")
    expected = 3 * 25 * (3.0 - 0.75)  # after the settling, a quarter of so short a time
    assert abs(found.frames.due - expected) <= 6
    assert 0 < found.frames.on_time <= found.frames.due
    assert found.missed_ratio == pytest.approx(
        1 - found.frames.on_time / found.frames.due, abs=1e-4
    )
    assert 80.0 < found.latency_ms.p50 <= found.latency_ms.p95 <= found.latency_ms.p99
    assert 0.0 < found.cpu_fraction <= 1.0 and found.gpu_fraction is None
    assert sum(found.rungs.values()) == pytest.approx(1.0, abs=0.01)
    assert 0.0 < found.actor_fps.min <= found.actor_fps.median
    assert found.ring_bytes > 8 * 128 * 128 * 4 and found.rss_bytes > 1e6
    assert sum(passed) >= 3.0


def test_a_budget_is_set_and_told(theatre):
    wish = StageWish(actors=1, size_px=128, seconds=2.0, cpu_fraction=0.5)
    assert stage_bench.measure(theatre, wish, lambda passed: None).cpu_budget == 0.5


def test_a_daemon_that_is_stopped_meanwhile_ends_the_bench_with_words(start_daemon, tmp_path):
    daemon = start_daemon(frame_px=128)
    theatre = theatre_of(daemon, tmp_path)
    wish = StageWish(actors=1, size_px=128, seconds=30.0)
    turns = []

    def stop_soon(passed):
        turns.append(passed)
        if len(turns) == 3:
            daemon.stop()

    with pytest.raises(LoadError, match="went away"):
        stage_bench.measure(theatre, wish, stop_soon)


def test_a_crowd_tells_of_the_first_and_of_the_rest(theatre, capsys):
    assert bench(theatre, "--crowd", "4", "--seconds", "3", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["crowd"]["actors"] == 3 and found["crowd"]["refused_spawns"] == 0
    assert found["crowd"]["fps_min"] > 0.0
    for when in ("alone", "in_the_crowd"):
        assert 80.0 < found[when]["latency_ms"]["p50"] <= found[when]["latency_ms"]["p95"]
        assert found[when]["fps"] > 0.0
    change = found["in_the_crowd"]["latency_ms"]["p95"] / found["alone"]["latency_ms"]["p95"] - 1
    assert found["p95_change"] == pytest.approx(change, abs=1e-3)


def test_a_soak_leaves_a_trace_a_picture_and_a_verdict(theatre, tmp_path, capsys):
    trace, plot = tmp_path / "trace.jsonl", tmp_path / "soak.png"
    status = bench(
        theatre, "--soak", "0.1", "--trace", str(trace), "--plot", str(plot), "--json"
    )  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert status == (0 if found["verdict"] == "flat" else 1)
    assert found["memory_slope"]["low"] <= found["memory_slope"]["high"]
    looks = [json.loads(line) for line in trace.read_text().splitlines()]
    assert len(looks) == found["looks"] >= 20
    assert max(look["frames"] for look in looks) > 100
    assert all(look["rss_bytes"] > 1e6 and look["fds"] > 3 for look in looks)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_scaling_asks_for_more_until_the_most_that_is_allowed(theatre, tmp_path, capsys):
    plot = tmp_path / "scale.png"
    assert bench(theatre, "--scale", "--actors", "2", "--seconds", "2", "--plot", str(plot)) == 0
    assert "128 px" in capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_stopwatch_counts_what_is_within_once():
    watch = Stopwatch()

    def busy(turns):
        return sum(range(turns))

    inner = watch.around("inner", lambda: busy(400_000))
    outer = watch.around("outer", lambda: (busy(100), inner()))
    outer()
    spent = watch.take()
    assert spent["inner"] > 5 * spent["outer"] > 0.0
    assert watch.take() == {}


def test_every_place_that_is_timed_is_there_and_left_as_it_was():
    from mien.models.codec.rig import Rig

    before = Rig.pose
    with watched(Stopwatch()):
        assert Rig.pose is not before
    assert Rig.pose is before
    assert set(PLACES) <= set(PARTS)


def test_a_place_that_went_away_is_named(monkeypatch):
    monkeypatch.setitem(frame_parts.PLACES, "flow", (("mien.models.codec.rig:Rig.posed",),))
    with pytest.raises(LookupError, match=r"Rig\.posed, which is not there"), watched(Stopwatch()):
        pass


def test_every_part_of_a_frame_is_timed(monkeypatch, character_file):
    for name in ("BLOCKS", "FRAMES", "PUBLISHED"):
        monkeypatch.setattr(frame_parts, name, 12)
    found = frame_parts.measure(character_file, 512, 2, MotionChoice())
    assert tuple(found) == PARTS
    assert all(ms > 0.0 for ms in found.values())
    assert found["motion"] > found["mel"]
    assert found["warp"] > found["publish"]
    assert character_bytes(character_file, 512) > 1_000_000


@pytest.mark.slow
def test_the_whole_bench_of_a_real_daemon_is_the_agreed_json(capsys, character_file):
    given = ["--actors", "1", "--seconds", "4", "--json", "--character", str(character_file)]
    assert main(["bench", *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["cores"]
    assert (found["actors"], found["size"], found["fps"]) == (1, 512, 25.0)
    assert 0.0 <= found["missed_ratio"] <= 1.0
    assert set(found["stage_ms"]) == set(PARTS)
    assert found["bytes_per_actor"] > 100_000
