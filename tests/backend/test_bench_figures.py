"""Slopes, bisections, pictures, the agreed JSON: what the bench makes of its measurements."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.backend.bench import soak
from mien.backend.bench.load.account import ActorAccount
from mien.backend.bench.plot import LINES, Curve, Panel, draw
from mien.backend.bench.scale import Trial, as_json, best, most_sustained, picture
from mien.backend.bench.slope import slope, t_975
from mien.backend.bench.soak import FLAT_BYTES_PER_MIN, Sample, judge
from mien.backend.bench.stage_report import (
    AGREED,
    ActorFps,
    Frames,
    Generator,
    Measured,
    Quantiles,
    lines_of,
    report_of,
)
from mien.backend.bench.stage_report import as_json as report_json
from mien.backend.cli import main

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = Measured(
    profile="cpu", actors=2, size=512, fps=25.0, missed_ratio=0.001,
    latency_ms=Quantiles(130.0, 150.0, None), attach_ms=50.0, cpu_fraction=0.4, gpu_fraction=None,
    bytes_per_actor=200_000, seconds=60.0, live=True, jitter_ms=Quantiles(1.0, 2.0, 3.0),
    actor_fps=ActorFps(24.0, 25.0), frames=Frames(3000, 2997, 3010), daemon_missed_ratio=0.0,
    rungs={"full": 0.9, "fewer_steps": 0.1}, degradations=1, refused_spawns=0, underruns=0,
    ring_bytes=8_000_000, rss_bytes=500_000_000, cpu_budget=1.0, generator=Generator(0.03, 2.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("freedom", "found"), [(4, 2.7764), (10, 2.2281), (14, 2.1448), (30, 2.0423)]
)
def test_student_s_t_is_as_in_the_tables(freedom, found):
    assert t_975(freedom) == pytest.approx(found, rel=0.003)


def test_a_slope_is_found_within_its_interval():
    rng = np.random.default_rng(3)
    x = np.arange(200) / 12.0
    held = 0
    for _ in range(100):
        found = slope(x, 5.0 * x + rng.normal(0, 2.0, len(x)))
        assert found.low < found.per_x < found.high
        held += found.low <= 5.0 <= found.high
    assert 88 <= held <= 100  # 95 % of confidence


def test_verdicts_are_flat_growing_or_undecided():
    rng = np.random.default_rng(4)
    x = np.arange(120) / 12.0
    noise = rng.normal(0, 1000.0, len(x))
    assert slope(x, noise).verdict(FLAT_BYTES_PER_MIN) == "flat"
    assert slope(x, 1e6 * x + noise).verdict(FLAT_BYTES_PER_MIN) == "grows"
    assert slope(x, 1000 * noise).verdict(FLAT_BYTES_PER_MIN) == "undecided"
    with pytest.raises(ValueError, match="needs 6 samples"):
        slope(x[:5], noise[:5])


def soaked(grows=0.0, fds=23, later_fds=23, looks=120):
    rng = np.random.default_rng(5)
    return [
        Sample(
            5.0 * i,
            round(5e8 + grows * i / 12 + rng.normal(0, 2000)),
            16_000_000,
            later_fds if i > 100 else fds,
            12,
            i * 2.0,
            i * 250,
            0.0,
            1,
            2 if i else 0,
        )
        for i in range(looks)
    ]


def test_a_soak_is_flat_unless_memory_or_descriptors_grow(tmp_path):
    assert judge(soaked(), 2).words == "flat"
    assert judge(soaked(grows=500_000.0), 2).words == "grows"
    assert judge(soaked(later_fds=24), 2).words == "grows"
    with pytest.raises(ValueError, match="soak for longer"):
        judge(soaked(looks=6), 2)
    verdict = judge(soaked(), 2)
    soak.picture(soaked(), verdict, tmp_path / "soak.png")
    assert ink(tmp_path / "soak.png", LINES[0]) > 100
    assert soak.as_json(verdict, soaked(), 0.0)["verdict"] == "flat"
    assert soak.lines_of(verdict, 0.0)[0] == ("verdict", "flat")


def trial(actors, capacity, size=256):
    missed = 0.0 if actors <= capacity else 0.3
    return Trial(size, actors, missed, 0.0, 0, 140.0, 0.0004 * size * actors, 25.0, 0.0)


@pytest.mark.parametrize("capacity", [0, 1, 2, 3, 5, 6, 8, 13, 20])
def test_the_most_actors_that_are_sustained_are_found_in_few_trials(capacity):
    asked = []

    def attempt(actors):
        asked.append(actors)
        return trial(actors, capacity)

    trials = most_sustained(attempt, 20)
    assert best(trials) == capacity
    assert len(asked) == len(set(asked)) <= 9
    assert max(asked) <= 20


def test_who_is_shown_smaller_or_turned_away_is_not_sustained():
    assert trial(2, 4).sustained
    assert not Trial(256, 2, 0.0, 0.05, 0, 140.0, 0.2, 25.0, 0.0).sustained
    assert not Trial(256, 2, 0.0, 0.0, 1, 140.0, 0.2, 25.0, 0.0).sustained


def ink(path, colour):
    """How many pixels of a picture are of a colour."""
    with Image.open(path) as shown:
        return int((np.asarray(shown) == np.array(colour)).all(-1).sum())


def test_scaling_curves_have_a_line_for_every_size(tmp_path):
    trials = [trial(n, 4, size) for size in (128, 512) for n in (1, 2, 4, 8)]
    picture(trials, 25.0, tmp_path / "scale.png")
    assert ink(tmp_path / "scale.png", LINES[0]) > 200
    assert ink(tmp_path / "scale.png", LINES[1]) > 200
    found = as_json(trials, 25.0, {})
    assert found["sustained"] == {"128": 4, "512": 4}
    assert len(found["trials"]) == 8


def test_a_diagram_of_one_point_or_none_is_drawn_too(tmp_path):
    draw(
        [Panel("one", "x", [Curve("a", [(1.0, 2.0)])]), Panel("none", "x", [])], tmp_path / "p.png"
    )
    with Image.open(tmp_path / "p.png") as shown:
        assert shown.size == (920, 300)


def test_the_report_is_as_agreed_in_its_order_and_the_docs_name_every_field():
    report = report_of(MEASURED, {"cores": "2"}, {"mel": 0.1, "warp": 9.0}, 17_000_000)
    found = report_json(report)
    assert tuple(found)[: len(AGREED)] == AGREED == (
        "machine", "profile", "actors", "size", "fps", "missed_ratio", "latency_ms", "attach_ms",
        "stage_ms", "cpu_fraction", "gpu_fraction", "bytes_per_actor", "bytes_per_character",
    )  # fmt: skip
    assert found["latency_ms"] == {"p50": 130.0, "p95": 150.0, "p99": None}
    words = (DOCS / "benchmarks.md").read_text()
    for name in found:
        assert re.search(rf"`{name}`", words), f"docs/benchmarks.md does not name {name}"
    shown = dict(lines_of(report))
    assert shown["missed"] == "0.10% of 3,000 frames that were due"
    assert shown["sound to frame"] == "130 / 150 / – ms (p50 / p95 / p99)"
    assert shown["warp, one frame"] == "9 ms"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("--actors 0", "--actors is 0; it must be 1 to 256"),
        ("--actors -2", "--actors is -2"),
        ("--actors 10000", "it must be 1 to 256"),
        ("--size 100", "--size is 100; it must be 128 to 512"),
        ("--fps 1000", "--fps is 1000; it must be 12 to 120"),
        ("--fps nan", "--fps is nan"),
        ("--actors 1 --seconds -1", "--seconds is -1"),
        ("--seconds 0", "--seconds is 0"),
        ("--actors 2 --processes 3", "--processes is 3; it must be 1 to 2"),
        ("--actors 1 --budget 0", "--budget is 0; it must be 0.01 to 1"),
        ("--actors 1 --lead 1", "--lead goes with --at-once"),
        ("--actors 1 --profile cuda", "--profile is 'cuda'; it must be cpu or gpu"),
        ("--actors 1 --only ring", "--only and --markdown go with the bench of parts"),
        ("--actors 1 --character nowhere.mien", "there is no file 'nowhere.mien'"),
        ("--actors 1 --run-dir nowhere", "no daemon runs in nowhere"),
        ("--crowd 1", "--crowd is 1; it must be 2 to 256"),
        ("--crowd 4 --actors 4", "--crowd says how many"),
        ("--soak 0", "--soak is 0"),
        ("--soak 1 --seconds 3", "leave --seconds out"),
        ("--soak 1 --crowd 2", "ask for one of them"),
        ("--plot x.png", "--plot goes with --scale and --soak"),
        ("--actors 1 --trace x.jsonl", "--trace goes with --soak"),
        ("--scale --plot nowhere/x.png", "to write into"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_status_2(given, complaint, capsys):
    assert main(["bench", *given.split()]) == 2
    told = capsys.readouterr()
    assert complaint in told.err and not told.out


def test_a_profile_that_is_not_there_is_refused_before_anything_is_started(capsys, monkeypatch):
    monkeypatch.setattr("mien.backend.bench.profile.gpu_there", lambda: False)
    assert main(["bench", "--actors", "1", "--profile", "gpu"]) == 2
    assert "needs torch and a CUDA device" in capsys.readouterr().err


def test_nothing_due_is_nothing_missed():
    assert ActorAccount(1, 0, 25.0, None).missed_ratio == 0.0
