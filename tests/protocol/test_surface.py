"""What `import mien.protocol` gives, and what it must not cost."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import mien.protocol

PUBLIC = """
EMOTIONS PROTOCOL_VERSION ActorHandle ActorLostError ActorState ActorStats AudioError
Budget Detail StageCost StageStats
CharacterFileInvalidError CharacterRef Client ClosedError ConnectionLostError Cue Curves
DeviceFrame DaemonNotRunningError EnrolmentFailedError ErrorCode Face Frame FrameFlag GpuLostError
GpuMemoryFullError GpuMismatchError InternalError
InvalidArgumentError LineHandle LineState LinkState MienError MotionStats NotFoundError
NotOwnerError RequestTimeoutError ResourceExhaustedError RingError RunDirectoryError
SharedMemoryFullError StageFullError Stats TooLargeError UnknownSessionError UnsupportedVersionError
WireError
"""
HEAVY = {"torch", "cv2", "numba", "mediapipe", "scipy", "PIL", "av", "soundfile", "mien.models"}


def public_names(thing):
    return {name for name in vars(thing) if not name.startswith("_")}


def test_the_public_surface_is_exactly_this():
    assert sorted(mien.protocol.__all__) == sorted(PUBLIC.split())
    for name in mien.protocol.__all__:
        assert getattr(mien.protocol, name).__doc__ or name.isupper()


def test_a_client_and_an_actor_offer_exactly_this():
    client = """close connect enroll engine_profile epoch load server_id set_budget shutdown spawn
        state stats wait_connected"""
    inside = "forget on_connected on_data on_lost pump request spawn_again tell"
    assert public_names(mien.protocol.Client) == {*client.split(), *inside.split()}
    actor = "at close cue curves frames interrupt latest respawn say state stream"
    actor += " latest_device ring_reason watch_curves detail set_detail"
    inside = "abandon attach on_away on_back on_data on_lost"
    assert public_names(mien.protocol.ActorHandle) == {*actor.split(), *inside.split()}


def imported_with(code):
    code += "; import sys, json; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_it_imports_nothing_heavy():
    found = imported_with("import mien.protocol")
    assert found & HEAVY == set()
    assert {name for name in found if name.startswith(("mien.backend", "numpy"))} == set()
    assert len(found) < 350


def test_a_client_needs_nothing_heavy_either():
    found = imported_with("import mien.protocol.link, mien.protocol.ring, mien.protocol.launch")
    assert found & HEAVY == set()
    assert not any(name.startswith("mien.backend") for name in found)


def test_importing_it_is_quick():
    # 105 ms here; the bound only catches a library that does not belong.
    code = (
        "import time; t = time.process_time(); import mien.protocol; print(time.process_time() - t)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.6


def test_mien_is_a_namespace_that_others_can_share():
    spec = importlib.util.find_spec("mien")
    assert spec.origin is None
    for folder in spec.submodule_search_locations:
        assert not (Path(folder) / "__init__.py").exists()
