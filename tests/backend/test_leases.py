"""Sessions: what a Hello may say of its client, and that only what we know is kept."""

from mien.backend.config import DaemonConfig
from mien.backend.daemon import Daemon
from mien.backend.leases import Leases
from mien.protocol.client import Client


def test_only_capabilities_that_we_know_are_kept():
    leases = Leases(3000, 4)
    session = leases.open("game", 1, 0, ["frame_sizes", "telepathy", "frame_sizes"])
    assert session.capabilities == {"frame_sizes"}
    assert leases.open("old game", 2, 0).capabilities == frozenset()


def test_our_client_announces_that_frames_may_have_sizes_of_their_own(run_dir):
    daemon = Daemon(DaemonConfig(run_dir=run_dir, models="tiny_models:TinyModels"))
    opened = []
    daemon.start()
    try:
        leases = daemon._gateway._leases
        plain = leases.open
        leases.open = lambda *given: opened.append(plain(*given)) or opened[-1]
        with Client.connect(run_dir):
            pass
    finally:
        daemon.stop()
    assert [session.capabilities for session in opened] == [{"frame_sizes"}]
