"""Wishes of several clients, what was spent, and how far the machine is trusted."""

import time

import pytest

from mien.backend.config import PlanConfig
from mien.backend.scheduling.budget import Budget, Budgets, Spending, Trust
from mien.backend.scheduling.costs import CostTable
from mien.backend.scheduling.steward import Steward
from mien.protocol import control_pb2 as pb
from mien.protocol.checks import check_request
from mien.protocol.detail import Detail
from mien.protocol.errors import InvalidArgumentError, StageFullError

CONFIG = PlanConfig()


def test_the_tightest_wish_counts_until_its_client_is_gone():
    budgets = Budgets(Budget(cpu_fraction=0.8))
    assert budgets.in_force.cpu_fraction == 0.8
    assert budgets.wish(b"a", Budget(cpu_fraction=0.5)).cpu_fraction == 0.5
    assert budgets.wish(b"b", Budget(cpu_fraction=0.9, gpu_ms_per_frame=2.0)).cpu_fraction == 0.5
    budgets.forget(b"a")
    assert budgets.in_force == Budget(0.8, 2.0, None)


def test_what_a_client_does_not_name_stays_as_it_was():
    budgets = Budgets(Budget())
    budgets.wish(b"a", Budget(gpu_ms_per_frame=2.0))
    assert budgets.wish(b"a", Budget(game_fps=100.0)).gpu_us == pytest.approx(200_000)
    assert Budget(gpu_ms_per_frame=2.0).gpu_us == pytest.approx(120_000)  # at 60 frames
    assert Budget().gpu_us is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu_fraction": 0.0},
        {"cpu_fraction": -0.5},
        {"cpu_fraction": 1e9},
        {"cpu_fraction": float("nan")},
        {"gpu_ms_per_frame": 0.0},
        {"gpu_ms_per_frame": -1.0},
        {"gpu_ms_per_frame": 1e12},
        {"game_fps": 0.0},
        {"game_fps": float("inf")},
    ],
)
def test_budgets_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidArgumentError, match=rf"{next(iter(wrong))}.* is .*it must be"):
        check_request(pb.SetBudget(**wrong))


def test_spending_tells_what_the_plan_did_not_see():
    spending = Spending()
    for _ in range(12):
        began = time.process_time()
        while time.process_time() - began < 0.03:
            pass
        spending.noted(22_500)
        spent, unseen = spending.look()
    assert spent > 0 and 0 < unseen < spent
    assert unseen / spent == pytest.approx(0.25, abs=0.1)


def test_one_burst_of_unplanned_work_is_no_reason_to_take_quality():
    spending = Spending()
    for k in range(12):
        time.sleep(0.03)
        began = time.process_time()
        while k == 9 and time.process_time() - began < 0.2:  # a character is loaded
            pass
        spent, unseen = spending.look()
    assert spent > 3 * unseen


def test_lateness_that_lasts_costs_trust_and_time_restores_it():
    trust = Trust(CONFIG)
    trust.told(0, 0, 0, 0.5)
    trust.told(1_000_000, 50, 10, 0.5)
    assert trust.share == 1.0  # one hiccup
    trust.told(2_000_000, 50, 10, 0.5)
    assert trust.share == pytest.approx(0.45)  # less than what was planned, so that it matters
    for second in range(3, 40):
        trust.told(second * 1_000_000, 50, 0, 0.3)
    assert trust.share == 1.0


def test_a_few_late_pictures_change_nothing():
    trust = Trust(CONFIG)
    for second in range(20):
        trust.told(second * 1_000_000, 100, 2, 0.5)
    assert trust.share == 1.0


def test_trust_never_falls_to_nothing():
    trust = Trust(CONFIG)
    for second in range(200):
        trust.told(second * 1_000_000, 100, 100, trust.share)
    assert trust.share == CONFIG.least_trust


def test_a_full_stage_says_so_and_counts_it():
    steward = Steward(CONFIG, Budget(cpu_fraction=0.25))
    steward.begin(4, 2)
    admitted = 0
    with pytest.raises(StageFullError, match=r"stage full: \d+ actors .* 25% of this machine"):
        for actor_id in range(1, 10_000):
            steward.admit(actor_id, Detail(), 512, True)
            admitted += 1
    assert 0 < admitted == len(steward.plan)
    assert steward.figures().refused == 1
    steward.plan.leave(1)
    steward.admit(20_000, Detail(), 512, True)  # room again


def test_the_plan_stays_within_the_budget_it_is_given():
    steward = Steward(CONFIG, Budget())
    steward.begin(4, 2)
    for actor_id in range(8):
        steward.plan.enter(actor_id, Detail(), 512, True)
    for fraction in (0.8, 0.4, 0.2):
        steward.budgets.wish(b"game", Budget(cpu_fraction=fraction))
        steward._next_us = 0
        steward.mind(1)
        assert steward.plan.planned_us <= fraction * steward.spending.cores * 1e6
    assert steward.plan.degradations > 8


# --- with a GPU that draws ------------------------------------------------------------------------


def on_gpu(**budget):
    steward = Steward(CONFIG, Budget(**budget))
    steward.begin(4, 2)
    steward.draw_on_gpu()
    return steward


def test_the_gpus_time_is_counted_in_frames_of_the_game_and_not_as_the_processors():
    steward = on_gpu()
    steward.budgets.wish(b"game", Budget(gpu_ms_per_frame=4.0, game_fps=50.0))
    noted = steward.spending._noted_us
    for k in range(10):
        steward._next_us = 0
        steward.mind(1 + k * 250_000)
        steward.painted(512, 20, 10_000.0)
    figures = steward.figures()
    assert figures.gpu_spent_ms == pytest.approx(10.0 * 4 / 50)  # 40 ms a second
    assert steward.spending._noted_us == noted
    assert steward.costs.decode_us(512) == pytest.approx(500.0)


@pytest.mark.parametrize(
    "wish, gpu_us", [(Budget(), 1e6), (Budget(gpu_ms_per_frame=2.0, game_fps=60.0), 120e3)]
)
def test_a_games_budget_bounds_what_the_gpu_draws_and_without_one_it_is_a_second(wish, gpu_us):
    steward = on_gpu()
    steward.budgets.wish(b"game", wish)
    steward.painted(512, 1, 2_000.0)
    for steps in (1, 2, 4):
        steward.costs.note_motion(8, steps, 100.0)
    parts = [steward.plan.enter(actor_id, Detail(), 512, True) for actor_id in range(64)]
    steward.mind(1)
    planned_us = steward.plan.planned_gpu_us
    assert 0.3 * gpu_us < planned_us <= gpu_us * CONFIG.margin
    assert steward.plan.degradations > 64 and all(part.rung.moves for part in parts)
    assert steward.figures().planned == pytest.approx(planned_us / gpu_us)


def test_a_gpu_that_is_full_is_named():
    steward = on_gpu(gpu_ms_per_frame=0.1)
    with pytest.raises(StageFullError, match="budget of its GPU"):
        for actor_id in range(1, 1_000):
            steward.admit(actor_id, Detail(), 512, True)


def test_when_the_gpu_is_lost_pictures_cost_the_processor_again():
    steward = on_gpu()
    steward.painted(512, 1, 300.0)
    guess = CostTable().decode_us(512)
    steward.lose_gpu()
    assert steward.costs.decode_us(512) == guess
    steward.painted(512, 1, 300.0)  # a batch that was on its way
    assert steward.costs.decode_us(512) == guess
    before = steward.spending._noted_us
    steward.drew(512, 9_000.0)
    assert steward.spending._noted_us == before + 9_000.0
    assert steward.figures().gpu_spent_ms == 0.0
