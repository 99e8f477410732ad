"""What things cost: measured where they were measured, judged by neighbours where not."""

import pytest

from mien.backend.scheduling.costs import BATCHES, SIZES_PX, CostTable, batch_of


def test_before_anything_was_measured_more_costs_more():
    table = CostTable()
    sizes = [table.decode_us(size) for size in SIZES_PX]
    assert sizes == sorted(sizes) and sizes[0] > 0
    steps = [table.motion_us(8, steps) for steps in (1, 2, 4)]
    assert steps == sorted(steps)
    batches = [table.motion_us(count, 4) for count in BATCHES]
    assert batches == sorted(batches)


def test_measurements_replace_the_guess_and_then_move_it_slowly():
    table = CostTable()
    for us in (90_000, 12_000, 10_000, 11_000, 10_500):  # at first everything is cold
        table.note_decode(512, us)
    assert table.decode_us(512) == 10_000
    table.note_decode(512, 10_000)
    table.note_decode(512, 30_000)  # one slow picture is no news
    assert 10_000 < table.decode_us(512) < 12_000
    for _ in range(200):
        table.note_decode(512, 30_000)
    assert table.decode_us(512) == pytest.approx(30_000, rel=0.01)


def test_a_size_that_was_never_drawn_is_judged_by_the_one_next_to_it():
    table = CostTable()
    dear = table.decode_us(256)
    table.note_decode(512, table.decode_us(512) / 2)
    assert table.decode_us(256) == pytest.approx(dear / 2)
    assert table.decode_us(0) == 0.0  # motion alone


def test_batches_are_counted_in_the_sizes_that_are_computed():
    assert [batch_of(n) for n in (1, 2, 3, 5, 8, 9, 33, 64)] == [1, 2, 4, 8, 8, 16, 64, 64]
    table = CostTable()
    table.note_motion(64, 1, 50_000)
    table.note_motion(8, 1, 9_000)
    assert table.motion_us(64 + 7, 1) == pytest.approx(59_000)


def test_unmeasured_batches_lie_between_their_neighbours():
    table = CostTable()
    table.note_motion(1, 1, 4_000)
    table.note_motion(8, 1, 12_000)
    assert 4_000 < table.motion_us(4, 1) < 12_000
    assert table.motion_us(8, 4) > 12_000


def test_rows_tell_what_was_measured_and_nothing_else():
    table = CostTable()
    assert table.rows() == []
    table.note_decode(256, 4_000)
    table.note_motion(8, 2, 7_000)
    rows = [(row.stage, row.batch, row.steps, row.size_px, row.us) for row in table.rows()]
    assert sorted(rows) == [("decode", 0, 0, 256, 4_000), ("motion", 8, 2, 0, 7_000)]
