"""How the codec's networks are trained: courses that go on, losses that ask for what they say."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("torch is not installed", allow_module_level=True)

import itertools
from dataclasses import asdict

import torch
from torch import nn

from mien.models.codec.skin_network import SkinNetwork
from mien.models.codec.skin_shape import NARROW, WIDE, SkinShape
from mien.models.codec.skin_weights import load_model
from training.codec import encoding
from training.codec.appearance import same_person
from training.codec.course import Course, Lesson, Pace
from training.codec.encoding import equal_say
from training.codec.export import export_skin
from training.codec.faces import Faces
from training.codec.growing import grow
from training.codec.harmony import teeth_in


def line_course(checkpoint, minutes):
    torch.manual_seed(1)
    pace = Pace(minutes, 0.05, warm_up=5, kept=0.9)
    return Course(nn.Linear(1, 1), nn.Linear(1, 1), checkpoint, pace, meant="for a test")


def a_line(count):
    x = torch.linspace(-1, 1, 32)[:, None]
    return itertools.repeat((x, 3.0 * x - 1.0), count)


def test_a_course_learns_and_goes_on_where_it_was_stopped(tmp_path):
    path = tmp_path / "line.pt"
    course = line_course(path, 60.0)

    def teach(batch):
        away = (course.model(batch[0]) - batch[1]).square().mean()
        return Lesson({"away": away}, {"twice": 2 * away})

    before = teach(next(a_line(1))).parts["away"].item()
    course.run(a_line(150), teach)
    assert course.step == 150
    assert teach(next(a_line(1))).parts["away"].item() < 0.05 * before
    kept = torch.load(path, weights_only=True)
    assert kept["step"] == 150 and kept["meant"] == "for a test"
    weight = course.model.weight.item()
    course = line_course(path, 60.0)
    assert course.step == 150 and course.model.weight.item() == weight
    assert abs(course.average.weight.item() - weight) < 0.5
    course.run(a_line(10), teach)
    assert course.step == 160


def test_a_course_whose_time_is_spent_learns_nothing_more(tmp_path):
    course = line_course(tmp_path / "line.pt", 0.0)
    course.run(a_line(50), lambda batch: Lesson({"away": course.model(batch[0]).mean()}))
    assert course.step == 0


def test_rare_coefficients_have_an_equal_say():
    spread = np.full(52, 0.04, np.float32)
    spread[3] = 0.001
    say = equal_say(spread).numpy()
    assert say[3] > 4 * say[0]
    assert (say * spread).sum() == pytest.approx(spread.sum(), rel=1e-5)
    assert say[3] * spread[3] < say[0] * spread[0]  # … but what never moves does not rule


def test_codes_of_one_person_are_to_be_alike():
    who = torch.tensor([0, 0, 1, 1])
    east, north = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    right = same_person(torch.stack([east, east, north, north]), who, 0.1)
    wrong = same_person(torch.stack([east, north, east, north]), who, 0.1)
    assert right < 0.01 < 5.0 < wrong


def test_teeth_are_grey_under_any_tint():
    tint = np.array([[1.1, 0.8, 0.6]], np.float32)
    pictures = np.zeros((1, 3, 2, 2), np.float32)
    pictures[0, :, 0] = np.array([0.7, 0.68, 0.62])[:, None] * tint[0][:, None]  # a tooth
    pictures[0, :, 1] = np.array([0.4, 0.15, 0.12])[:, None] * tint[0][:, None]  # flesh
    share = teeth_in(pictures, tint)
    assert (share[0, 0, 0] > 0.99).all() and (share[0, 0, 1] < 0.01).all()


def test_a_wide_network_begins_as_the_narrow_one_and_can_learn_more():
    torch.manual_seed(5)
    narrow, wide = SkinNetwork(NARROW), SkinNetwork(WIDE)
    for parameter in narrow.parameters():  # norms too must not be what they are at first
        torch.nn.init.normal_(parameter, std=0.1)
    grow(wide, NARROW, narrow.state_dict())
    skin, motion = torch.rand(2, 4, 128, 128), torch.rand(2, 55)
    (features, code), (more, same_code) = narrow.features(skin), wide.features(skin)
    torch.testing.assert_close(same_code, code)
    halved = torch.nn.functional.avg_pool2d(more, 2)
    own = slice(WIDE.own, WIDE.own + NARROW.shared)
    torch.testing.assert_close(halved[:, : NARROW.own], features[:, : NARROW.own])
    torch.testing.assert_close(halved[:, own], features[:, NARROW.own :])
    matrix, grown = narrow.matrix(motion, code), wide.matrix(motion, code)
    torch.testing.assert_close(grown[..., : NARROW.own], matrix[..., : NARROW.own])
    assert not grown[..., NARROW.own : WIDE.own].any()
    wide.maps(more, motion, code).square().sum().backward()
    new = wide.mix[4].weight.grad.unflatten(0, (5, WIDE.features))[:, NARROW.own : WIDE.own]
    assert new.abs().max() > 0
    with pytest.raises(ValueError, match="groups of normalisation"):
        grow(SkinNetwork(SkinShape(widths=(24, 48, 72, 96), leave=36)), NARROW, {})


def test_weights_are_exported_with_the_shape_they_were_trained_in(tmp_path):
    network = SkinNetwork(WIDE)
    kept = {"average": network.state_dict(), "step": 7, "shape": asdict(WIDE)}
    torch.save(kept, tmp_path / "wide.pt")
    export_skin(tmp_path / "wide.pt", tmp_path / "wide.safetensors")
    model = load_model(tmp_path / "wide.safetensors")
    assert model.shape == WIDE and model.notes["steps"] == 7
    np.testing.assert_allclose(
        model.tensors["leave.weight"], network.leave.weight.detach(), atol=1e-3
    )


def some_faces(count=4):
    torch.manual_seed(2)
    points = 0.5 * torch.randn(count, 170, 2)
    return Faces(
        crops=torch.randn(count, 3, 160, 160), eyes=torch.randn(count, 2, 3, 96, 96),
        mouth=torch.randn(count, 3, 128, 128), boxes=torch.full((count, 3, 3), 0.3),
        first=points + 0.02, points=points, visible=torch.ones(count, 170),
        motion=torch.rand(count, 52), gaze=torch.randn(count, 4),
        rotation=torch.eye(3).repeat(count, 1, 1), neutral=torch.zeros(count, dtype=torch.long),
    )  # fmt: skip


def test_the_first_look_is_learned_and_then_left_as_it_is(tmp_path):
    first, whole = tmp_path / "first.pt", tmp_path / "face.pt"
    plan = encoding.EncodingPlan(minutes=60.0)
    encoding.train_first(itertools.repeat(some_faces(), 2), first, plan)
    encoding.train(itertools.repeat(some_faces(), 2), whole, plan, first=first)
    learned, kept = (torch.load(path, weights_only=True) for path in (first, whole))
    assert learned["step"] == kept["step"] == 2
    for name, value in learned["average"].items():
        for which in ("model", "average"):
            assert torch.equal(kept[which]["first." + name], value), name
    moved = (
        kept["model"]["mouth.maps.weight"]
        - encoding.MotionEncoder(encoding.MotionEncoderShape()).state_dict()["mouth.maps.weight"]
    )
    assert moved.abs().max() > 0
