"""How much motion the one thread bears, told by how busy it is."""

import pytest

from mien.backend.config import PlanConfig
from mien.backend.scheduling.budget import ThreadRoom

CONFIG = PlanConfig()
EVERY_US = 250_000


def looked(busy, moved_us, times=60):
    room = ThreadRoom(CONFIG)
    room.look(0, moved_us)
    for k in range(1, times):
        room.waited(round((1.0 - busy) * EVERY_US))
        room.look(k * EVERY_US, moved_us)
    return room.us


def test_a_thread_that_does_nothing_beside_motion_has_all_the_room():
    assert looked(0.3, 300_000) == pytest.approx(CONFIG.motion_us, rel=0.02)


def test_what_comes_with_every_actor_takes_room_from_motion():
    assert looked(0.8, 400_000) == pytest.approx(CONFIG.motion_us / 2, rel=0.05)


def test_a_thread_that_is_always_busy_gets_less_and_less_but_never_nothing():
    assert looked(1.0, 400_000, 20) < 0.7 * CONFIG.motion_us
    assert looked(1.0, 400_000, 500) == CONFIG.least_motion_us


def test_room_comes_back_when_there_is_little_to_do():
    room = ThreadRoom(CONFIG)
    room.us = 150_000.0
    room.look(0, 0.0)
    for k in range(1, 60):
        room.waited(240_000)
        room.look(k * EVERY_US, 20_000.0)
    assert room.us > 0.95 * CONFIG.motion_us
