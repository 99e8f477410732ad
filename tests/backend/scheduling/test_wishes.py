"""From what the game tells to what is planned, and the ladder down from there."""

import pytest

from mien.backend.scheduling.rungs import LAST_FPS, LEAST_FPS, Wish, ladder_of
from mien.backend.scheduling.wishes import wish_of
from mien.protocol import control_pb2 as pb
from mien.protocol.detail import Detail, of_header, of_message
from mien.protocol.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("detail", "size_px"),
    [
        (Detail(), 512),
        (Detail(size_px=128), 128),
        (Detail(size_px=200), 256),
        (Detail(coverage=1.0), 512),
        (Detail(coverage=0.2), 256),
        (Detail(coverage=0.0), 128),
        (Detail(coverage=0.2, size_px=500), 512),
    ],
)
def test_the_picture_is_as_large_as_the_screen_needs(detail, size_px):
    assert wish_of(detail, 512, shrinks=True).size_px == size_px


def test_a_ring_or_a_client_that_knows_one_size_only_sets_the_limit():
    assert wish_of(Detail(size_px=512), 256, shrinks=True).size_px == 256
    assert wish_of(Detail(size_px=128), 512, shrinks=False).size_px == 512
    assert wish_of(Detail(size_px=128), 100, shrinks=True).size_px == 100


def test_a_face_that_walks_to_and_fro_keeps_its_size():
    at_the_edge = Detail(coverage=255 / 1080)
    assert wish_of(at_the_edge, 512, True, now_px=384).size_px == 384
    assert wish_of(Detail(coverage=220 / 1080), 512, True, now_px=384).size_px == 256
    assert wish_of(Detail(coverage=257 / 1080), 512, True, now_px=256).size_px == 384


def test_quality_goes_down_in_the_order_that_was_promised():
    rungs = ladder_of(Wish(512, 25.0), 4)
    kinds = [rung.kind for rung in rungs]
    assert kinds == sorted(kinds) and set(kinds) == set(pb.Rung.values()) - {pb.RUNG_UNSPECIFIED}
    assert [rung.steps for rung in rungs][:3] == [4, 2, 1]
    drawn = [rung for rung in rungs if rung.draws]
    assert [round(rung.fps, 1) for rung in drawn][3:5] == [12.5, 8.3]
    assert [rung.size_px for rung in drawn][4:] == [512, 384, 256, 192, 128, 128]
    assert min(rung.fps for rung in drawn[:-1]) >= LEAST_FPS and drawn[-1].fps == LAST_FPS
    assert not rungs[-1].moves and rungs[-2].moves


def test_ladders_of_modest_wishes_are_short():
    assert len(ladder_of(Wish(128, 12.0), None)) == 3  # as it is, motion only, held
    assert {r.size_px for r in ladder_of(Wish(512, 25.0, shrinks=False), 4)} == {512}
    hidden = ladder_of(Wish(512, 60.0, visible=False), 4)
    assert [(rung.steps, rung.draws) for rung in hidden] == [(1, False), (1, False)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_px": 64},
        {"size_px": 513},
        {"size_px": -1},
        {"coverage": 1.5},
        {"coverage": float("nan")},
        {"fps": 1.0},
        {"fps": float("inf")},
        {"fps": 121.0},
        {"priority": 101},
        {"distance_m": -1.0},
        {"distance_m": float("nan")},
    ],
)
def test_wishes_out_of_range_are_refused_with_what_is_allowed(wrong):
    with pytest.raises(InvalidArgumentError, match=f"{next(iter(wrong))} is .*must be"):
        Detail(**wrong)


@pytest.mark.parametrize(
    "detail",
    [
        Detail(),
        Detail(256, 0.25, 30.0, -5, False, 3.5),
        Detail(coverage=0.0, priority=100),
    ],
)
def test_a_wish_survives_both_ways_of_travelling(detail):
    assert of_header(detail.header(7)) == detail
    assert of_message(pb.Detail.FromString(detail.message.SerializeToString())) == detail
