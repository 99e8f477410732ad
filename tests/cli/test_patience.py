"""A daemon that compiles for the first time is waited for, and that is said."""

from pathlib import Path

import pytest

from mien.backend.cli.private_daemon import PATIENCE, load_patiently
from mien.protocol import NotFoundError, RequestTimeoutError


class SlowClient:
    """Answers after some requests have timed out."""

    def __init__(self, timeouts):
        self.timeouts = timeouts
        self.asked = 0

    def load(self, file):
        self.asked += 1
        if self.asked <= self.timeouts:
            raise RequestTimeoutError("no answer")
        return f"loaded {file.name}"


def test_a_slow_daemon_is_asked_again_and_the_person_is_told(capsys):
    assert load_patiently(SlowClient(2), Path("a.mien")) == "loaded a.mien"
    assert capsys.readouterr().err.count("getting ready") == 2


def test_patience_ends():
    client = SlowClient(1000)
    with pytest.raises(RequestTimeoutError):
        load_patiently(client, Path("a.mien"))
    assert client.asked == PATIENCE + 1


def test_other_problems_are_not_waited_out():
    class Broken:
        def load(self, file):
            raise NotFoundError("no such file")

    with pytest.raises(NotFoundError):
        load_patiently(Broken(), Path("a.mien"))
