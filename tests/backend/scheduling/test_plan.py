"""Who gives way, when, and how far; in made-up time, with made-up costs."""

import itertools
from dataclasses import replace

import pytest

from mien.backend.config import PlanConfig
from mien.backend.scheduling.costs import SIZES_PX, CostTable
from mien.backend.scheduling.plan import Plan
from mien.protocol import control_pb2 as pb
from mien.protocol.detail import Detail

CONFIG = PlanConfig()
SECOND = 1_000_000


def costs(scale=1.0):
    table = CostTable()
    for size in SIZES_PX:
        table.note_decode(size, scale * (2_000 + 8_000 * (size / 512) ** 2))
    for steps in (1, 2, 4):
        for lanes in (1, 2, 4, 8):
            table.note_motion(lanes, steps, scale * (1_000 + 500 * lanes) * (1 + steps) / 2)
    return table


def stage(*details, shrinks=True, config=CONFIG):
    plan = Plan(costs(), 4, 2, config)
    parts = [plan.enter(i, d, 512, shrinks) for i, d in enumerate(details, 1)]
    return plan, parts


def kinds(parts):
    return [part.rung.kind for part in parts]


def test_with_room_everybody_gets_what_was_asked_for():
    plan, parts = stage(Detail(), Detail(fps=50.0, size_px=256))
    plan.make(0, 2 * SECOND)
    assert kinds(parts) == [pb.RUNG_FULL] * 2
    assert (parts[1].rung.fps, parts[1].rung.size_px, parts[1].rung.steps) == (50.0, 256, 4)
    assert 0 < plan.planned_us < SECOND


@pytest.mark.parametrize("capacity", [0.05, 0.1, 0.2, 0.4, 0.8, 1.2])
def test_whatever_is_planned_fits(capacity):
    plan, parts = stage(*[Detail(priority=i % 3) for i in range(12)])
    plan.make(0, capacity * SECOND)
    held = all(kind == pb.RUNG_HELD for kind in kinds(parts))
    assert held or plan.planned_us <= capacity * SECOND * (1 + 1e-9)


def test_the_least_important_give_way_first_and_the_first_gives_last():
    plan, parts = stage(Detail(priority=9), *[Detail() for _ in range(7)])
    plan.make(0, SECOND)
    assert parts[0].rung.kind == pb.RUNG_FULL
    assert all(kind > pb.RUNG_FULL for kind in kinds(parts[1:]))


def test_equals_give_way_evenly_and_among_them_the_farther_first():
    plan, parts = stage(*[Detail(distance_m=float(i)) for i in range(8)])
    plan.make(0, 1.1 * SECOND)
    at = [part.at for part in parts]
    assert max(at) - min(at) <= 1 and at == sorted(at) and max(at) > 0


def test_nobody_stops_being_drawn_while_others_have_quality_left():
    plan, parts = stage(Detail(priority=50), *[Detail(priority=-50) for _ in range(31)])
    for capacity in (1.6, 1.2, 0.9):
        plan.make(0, capacity * SECOND)
        if any(not part.rung.draws for part in parts):
            assert all(part.at + 1 >= [r.draws for r in part.ladder].index(False) for part in parts)
        else:
            assert all(part.rung.fps >= 5 for part in parts)


def test_when_nothing_else_helps_faces_are_held_and_the_important_last():
    plan, parts = stage(Detail(priority=1), Detail(), Detail())
    plan.make(0, 0.0)
    assert kinds(parts) == [pb.RUNG_HELD] * 3
    plan, parts = stage(Detail(priority=1), Detail(), Detail())
    least = parts[0].ladder[-3]
    assert least.draws
    plan.make(0, 70_000.0)
    assert parts[0].rung.draws and not parts[1].rung.draws


def test_lateness_takes_quality_but_never_the_last_picture():
    plan, parts = stage(Detail(), Detail(), Detail())
    plan.make(0, 2 * SECOND, trusted=0.001)
    assert all(part.rung.draws and part.at > 4 for part in parts)
    plan.make(0, 0.001 * SECOND, trusted=1.0)
    assert not any(part.rung.draws for part in parts)


def test_all_motion_fits_on_its_one_thread_however_many_cores_there_are():
    plan, parts = stage(*[Detail() for _ in range(60)])
    plan.make(0, 64 * SECOND)
    load = plan._new_load()
    for part in parts:
        load.change(part.rung, 1)
    assert 0 < load.moved_us <= CONFIG.motion_us
    assert any(part.rung.kind == pb.RUNG_FEWER_STEPS for part in parts)


def test_where_motion_is_too_much_the_least_important_are_held_and_the_others_drawn():
    plan, parts = stage(Detail(priority=5), *[Detail(size_px=128) for _ in range(15)])
    plan.motion_us = 90_000.0
    plan.make(0, 64 * SECOND)
    assert parts[0].rung.draws and parts[0].rung.steps == 1
    held = [part for part in parts if part.rung.kind == pb.RUNG_HELD]
    assert 0 < len(held) < 15 and plan.moved_us <= 90_000.0
    assert all(part.rung.draws for part in parts if part not in held)


def test_down_at_once_up_only_after_a_while_one_rung_at_a_time():
    plan, (part,) = stage(Detail())
    plan.make(0, 0.1 * SECOND)
    low = part.at
    assert low > 2
    at_us, climbed = 0, []
    for at_us in range(250_000, 12 * SECOND, 250_000):
        before = part.at
        plan.make(at_us, 2 * SECOND)
        if part.at != before:
            climbed.append((at_us, before - part.at))
    assert part.at == 0 and part.recoveries == low == part.degradations
    assert climbed[0][0] >= CONFIG.patience_us and {by for _, by in climbed} == {1}
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(climbed)]
    assert set(gaps) == {CONFIG.next_rung_us}


def test_at_the_brink_nothing_flickers():
    plan, parts = stage(Detail(), Detail(), Detail())
    plan.make(0, 0.7 * SECOND)
    moves = 0
    for k in range(1, 400):
        before = [part.at for part in parts]
        plan.make(k * 250_000, (0.7 + 0.03 * (-1) ** k) * SECOND)
        moves += before != [part.at for part in parts]
    assert moves <= 1


def test_who_was_too_eager_waits_longer_the_next_time():
    plan, (part,) = stage(Detail())
    waits, low_since = [], 0
    for k in range(1, 900):
        before = part.at
        # Room appears only while the actor is modest: what a game does that fills what it finds.
        plan.make(k * 250_000, (0.45 if part.at >= 4 else 0.05) * SECOND)
        if part.at < before <= 5:
            waits.append(k * 250_000 - low_since)
        if part.at > before:
            low_since = k * 250_000
    assert len(waits) > 2 and waits[-1] > 4 * waits[0]
    assert part.patience_us <= CONFIG.most_patience_us


def test_a_hidden_actor_costs_motion_only_and_comes_back_as_it_was():
    plan, (part,) = stage(Detail())
    plan.make(0, 2 * SECOND)
    seen = plan.planned_us
    plan.change(part, Detail(visible=False))
    plan.make(250_000, 2 * SECOND)
    assert not part.rung.draws and part.rung.steps == 1 and plan.planned_us < seen / 4
    plan.change(part, Detail())
    assert part.rung.draws and part.rung.kind == pb.RUNG_FULL


def test_a_wish_that_changes_keeps_the_rung_of_its_kind():
    plan, (part,) = stage(Detail())
    plan.make(0, 0.1 * SECOND)
    kind = part.rung.kind
    assert kind == pb.RUNG_SMALLER
    plan.change(part, Detail(fps=50.0))
    assert part.rung.kind == kind
    plan.change(part, Detail(size_px=128))
    assert part.rung.kind <= kind and part.rung.size_px == 128


def test_there_is_room_as_long_as_all_can_be_drawn_modestly():
    plan, _ = stage(*[Detail() for _ in range(10)])
    least = 10 * 5.0 * 2_500 + 12.5 * (1_000 + 500 * 8 + 1_000 + 500 * 2)
    assert plan.fits_at_least(least * 1.02) and not plan.fits_at_least(least * 0.98)


def test_figures_outlive_the_actors():
    plan, parts = stage(Detail(), Detail())
    plan.make(0, 0.1 * SECOND)
    down = plan.degradations
    assert down == sum(part.at for part in parts) > 0
    plan.leave(1)
    plan.leave(1)
    assert plan.degradations == down and len(plan) == 1


def test_the_plan_of_a_full_stage_is_quick_enough_to_be_made_often():
    """Not a timed test: the number of loads that are weighed is bounded by the rungs there are."""
    weighed = 0

    class Counting(Plan):
        def _fits(self, load, *capacity):
            nonlocal weighed
            weighed += 1
            return super()._fits(load, *capacity)

    plan = Counting(costs(), 4, 2, replace(CONFIG))
    for i in range(64):
        plan.enter(i, Detail(), 512, True)
    plan.make(0, 0.0)
    assert weighed <= 2 * 64 * 12


# --- with a GPU that draws ------------------------------------------------------------------------


def loads(plan):
    """What is planned, of the processor and of the GPU."""
    return plan.planned_us / SECOND, plan.planned_gpu_us / SECOND


def test_what_a_gpu_draws_takes_nothing_from_the_processor():
    details = [Detail() for _ in range(4)]
    alone, parts = stage(*details)
    alone.make(0, 0.3 * SECOND)
    assert all(kind > pb.RUNG_FULL for kind in kinds(parts))
    together, parts = stage(*details)
    together.make(0, 0.3 * SECOND, gpu_us=2 * SECOND)
    assert kinds(parts) == [pb.RUNG_FULL] * 4
    moved, drawn = loads(together)
    assert 0 < moved <= 0.3 and drawn == pytest.approx(4 * 25 * 0.010)  # 10 ms a picture


@pytest.mark.parametrize("gpu_share", [0.02, 0.1, 0.4, 0.8])
@pytest.mark.parametrize("capacity", [0.05, 0.2, 1.0])
def test_whatever_is_planned_fits_both_the_processor_and_the_gpu(capacity, gpu_share):
    plan, parts = stage(*[Detail(priority=i % 3) for i in range(12)])
    plan.make(0, capacity * SECOND, gpu_us=gpu_share * SECOND)
    moved, drawn = loads(plan)
    held = all(kind == pb.RUNG_HELD for kind in kinds(parts))
    assert held or (moved <= capacity * (1 + 1e-9) and drawn <= gpu_share * (1 + 1e-9))


def test_a_full_gpu_refuses_who_would_fit_the_processor():
    plan, _ = stage(*[Detail() for _ in range(8)])
    assert plan.fits_at_least(10 * SECOND) and plan.fits_at_least(10 * SECOND, SECOND)
    assert not plan.fits_at_least(10 * SECOND, 0.001 * SECOND)


def test_lateness_takes_of_the_gpus_time_too_but_no_picture():
    plan, parts = stage(*[Detail() for _ in range(3)])
    plan.make(0, 10 * SECOND, 0.4, SECOND)
    assert loads(plan)[1] <= 0.4 and all(part.rung.draws for part in parts)
    plan.make(SECOND, 10 * SECOND, 0.0, SECOND)
    assert all(part.rung.draws for part in parts)
