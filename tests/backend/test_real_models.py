"""The daemon with the models that ship: a portrait is enrolled, becomes an actor and speaks."""

import contextlib
import io
import signal
import time

import numpy as np
import psutil
import pytest
from stage_helpers import RawClient, wait_for

from mien.protocol import control
from mien.protocol import control_pb2 as pb
from mien.protocol.client import Client
from mien.protocol.errors import CharacterFileInvalidError, EnrolmentFailedError
from mien.protocol.states import LineState

pytestmark = pytest.mark.slow


@pytest.fixture
def client(start_daemon):
    daemon = start_daemon(models="mien.backend.modelset:RealModels", frame_px=512)
    with Client.connect(daemon.run_dir, name="test") as client:
        yield client


def portrait_png():
    """A portrait that comes with a library: large enough after scaling up."""
    skimage = pytest.importorskip("skimage.data")
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(skimage.astronaut()).resize((1024, 1024)).save(out, "png")
    return out.getvalue()


def voice(seconds):
    t = np.arange(round(seconds * 16_000)) / 16_000
    pitch = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 20))
    return (6000 * np.clip(np.sin(2 * np.pi * 3 * t), 0, 1) * pitch).astype("<i2").tobytes()


def test_a_portrait_is_enrolled_while_another_actor_goes_on_and_then_speaks(client, tmp_path):
    file = tmp_path / "astronaut.mien"
    character = client.enroll(portrait_png(), name="Astronaut", consent="test", output=file)
    assert file.stat().st_size <= 6_000_000 and character.name == "Astronaut"
    actor = client.spawn(file, curves=True)
    before, begun = wait_for(actor.latest).frame_id, time.monotonic()
    enrolled = client.enroll(portrait_png(), name="Second")
    lived = actor.latest().frame_id - before  # meanwhile the first one goes on
    assert lived >= 5 * (time.monotonic() - begun)
    assert enrolled.character_id != character.character_id
    line = actor.say(voice(2.0), sample_rate=16_000)
    jaws, closed = [], None
    for frame in actor.frames(10):
        if frame.speaking:
            jaws.append(frame)
        elif jaws:
            break
        else:
            closed = frame
    assert line.wait(10) is LineState.ENDED
    assert jaws[0].pixels.shape == (512, 512, 4) and (jaws[0].pixels[..., 3] == 255).all()
    moved = [np.abs(f.pixels.astype(int) - closed.pixels).max() for f in jaws if closed is not None]
    assert max(moved, default=255) > 30
    assert actor.curves is not None


def test_what_is_no_portrait_and_what_is_no_character_is_said_in_words(client, tmp_path):
    with pytest.raises(EnrolmentFailedError) as refused:
        client.enroll(b"not a picture")
    assert refused.value.enrolment_code == "bad_image"
    junk = tmp_path / "junk.mien"
    junk.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(CharacterFileInvalidError):
        client.load(junk)
    with pytest.raises(CharacterFileInvalidError):
        client.load(b"junk")


def test_an_enrolment_ends_with_its_daemon_however_that_ends(start_daemon):
    daemon = start_daemon(models="mien.backend.modelset:RealModels", frame_px=512)
    with RawClient(daemon.endpoints) as raw:
        raw.hello()
        body = pb.Enroll(data=portrait_png())
        raw.control.send(control.encode_request(1, raw.session, body))
        process = psutil.Process(daemon.pid)

        def enrolments() -> list[psutil.Process]:
            found = []
            for child in process.children():  # libraries being loaded start helpers of their own
                with contextlib.suppress(psutil.NoSuchProcess):
                    if "mien.backend.enrolling" in child.cmdline():
                        found.append(child)
            return found

        (child,) = wait_for(enrolments, 10, "the enrolment")
        daemon.stop(signal.SIGKILL)
        wait_for(lambda: not child.is_running(), 10, "its end")
