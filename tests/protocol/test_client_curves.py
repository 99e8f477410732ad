"""Coefficients and pose as the client hands them out, one after another."""

from __future__ import annotations

import time

import pytest

from mien.protocol import Client, FrameFlag, InvalidArgumentError


@pytest.fixture
def client(shared_peer):
    with Client.connect(shared_peer.directory, name="test") as connected:
        yield connected


def until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_curves_are_watched_one_after_another_and_say_whose_they_are(client):
    actor = client.spawn(b"x", curves=True)
    watching = actor.watch_curves(timeout_s=5)
    seen = [next(watching)]
    line = actor.stream(sample_rate=16_000)
    line.write(bytes(32_000))
    while not seen[-1].line_id and len(seen) < 500:
        seen.append(next(watching))
    line.end()
    assert [c.frame_id for c in seen] == sorted({c.frame_id for c in seen})
    assert seen[-1].line_id == line.line_id
    assert seen[-1].flags & FrameFlag.SPEAKING


def test_who_watches_slowly_misses_the_oldest_and_never_the_newest(client):
    actor = client.spawn(b"x", curves=True)
    watching = actor.watch_curves(timeout_s=5)
    first = next(watching).frame_id
    until(lambda: actor.curves.frame_id > first + 80, 10)
    assert next(watching).frame_id > first + 1


def test_curves_end_with_their_actor(client):
    actor = client.spawn(b"x", curves=True)
    watching = actor.watch_curves()
    next(watching)
    actor.close()
    assert len(list(watching)) <= 64


@pytest.mark.parametrize("what", ["frames", "watch_curves"])
def test_what_was_not_asked_for_cannot_be_watched(client, what):
    actor = client.spawn(b"x", **{"curves": False} if what == "watch_curves" else {"frames": False})
    with pytest.raises(InvalidArgumentError, match="spawned without"):
        next(getattr(actor, what)())
