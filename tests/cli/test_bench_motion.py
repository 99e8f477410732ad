"""What `mien bench --only motion` says of the sources, and what it leaves out."""

import json

import pytest

from mien.backend.bench import motion as bench_motion
from mien.backend.bench.figures import Findings
from mien.backend.cli import main
from mien.models.motion import SignalMotion


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench_motion, "RUNS_S", 0.4)


class Stepped(SignalMotion):
    """A source with denoising steps; what it takes is the signal source's."""

    def __init__(self, steps=4):
        self.steps = steps

    def with_steps(self, steps):
        return Stepped(steps)


def test_each_source_is_timed_alone_and_together_and_its_state_weighed(monkeypatch):
    sources = {"diffusion": Stepped, "signal": SignalMotion}
    monkeypatch.setattr(bench_motion.MotionChoice, "make", lambda choice: sources[choice.source]())
    findings = Findings({})
    bench_motion.measure(findings)
    names = [figure.name for figure in findings.figures]
    for steps in (4, 2, 1):
        for actors in ("one actor", "eight", "32"):
            assert f"motion by diffusion, {steps} steps, openvino: 0.2 s for {actors}" in names
    assert names[-4:] == [
        "motion by signal: 0.2 s for one actor",
        "motion by signal: 0.2 s for eight",
        "motion by signal: 0.2 s for 32",
        "motion by signal: state of an actor",
    ]
    assert all(figure.median > 0 for figure in findings.figures)
    assert {figure.target for figure in findings.figures if "one" in figure.name} == {40.0}


def test_a_source_that_cannot_be_had_is_named_and_not_measured(monkeypatch, capsys):
    def make(choice):
        if choice.source == "diffusion":
            raise ValueError("there are no motion weights")
        return SignalMotion()

    monkeypatch.setattr(bench_motion.MotionChoice, "make", make)
    assert main(["bench", "--only", "motion", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "no motion weights" in found["machine"]["motion by diffusion"]
    assert len(found["figures"]) == 4


def test_the_evaluation_is_a_command_of_its_own(capsys):
    assert main(["eval", "--help"]) == 0
    assert "motion" in capsys.readouterr().out


def test_a_mistake_in_an_evaluation_is_one_line_too(capsys):
    assert main(["eval", "motion", "--speech", "nowhere/at/all"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert main(["eval", "dragons"]) == 2
