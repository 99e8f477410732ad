"""The GPU machine's script, on a Python that has torch and little else, without a GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mien.backend.bench import gpu_bench, gpu_scene
from mien.backend.cli import main

pytest.importorskip("triton", reason="drawing on a GPU needs Triton")

SCRIPT = Path(gpu_bench.__file__)
BARE = """
import importlib.util, runpy, sys
GONE = {"cv2", "numba", "llvmlite", "mediapipe", "openvino", "PIL", "av", "soxr", "soundfile",
        "psutil", "typer", "rich", "pydantic", "scipy"}
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GONE:
            raise ModuleNotFoundError(name)
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: (
    None if name in GONE and name not in sys.modules else find(name, *rest)
)
sys.meta_path.insert(0, Gone())
"""
DRAW = """
import numpy as np, torch
from pathlib import Path
from mien.backend.bench import gpu_scene
assert gpu_scene.stand_in() == ["cv2", "numba", "llvmlite"]
replay = gpu_scene.Replay(Path(sys.argv[1]), "cpu")
out = torch.zeros((128, 128, 4), dtype=torch.uint8)
replay.draw([out])
np.save(sys.argv[2], out.numpy())
"""


def bare(code, *words, path=None):
    """Runs code on such a Python, which knows of no checkout unless `path` is told."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"TRITON_INTERPRET": "1"} | ({} if path is None else {"PYTHONPATH": path})
    return subprocess.run(
        [sys.executable, "-c", BARE + code, *words],
        capture_output=True, text=True, env=environment, timeout=280,
    )  # fmt: skip


@pytest.mark.slow
def test_it_runs_from_a_bare_checkout_and_counts_what_it_was_asked_for():
    run = f"sys.argv[0] = {str(SCRIPT)!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = bare(run, "--device", "cpu", "--actors", "1,3", "--runs", "2", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["stand_ins_for"] == ["cv2", "numba", "llvmlite"]
    assert [row["actors"] for row in found["rows"]] == [1, 3]
    assert all(0.0 < row["motion_ms"]["p50"] <= row["motion_ms"]["p95"] for row in found["rows"])
    assert found["device"] == "cpu" and "GPU" not in found["machine"]


@pytest.mark.slow
def test_a_scene_is_drawn_as_the_decoder_itself_draws_it(tmp_path):
    import torch

    from mien.backend.demo.parts import shipped_parts
    from mien.models.character import load

    character, scene = tmp_path / "guard.mien", tmp_path / "scene.safetensors"
    portrait = shipped_parts()[0].portrait
    assert main(["enroll", str(portrait), "-o", str(character), "--json"]) == 0
    assert gpu_bench.main(["--prepare", str(character), "--scene", str(scene)]) == 0
    decoder = gpu_scene.new_decoder("cpu")
    face, pose = gpu_scene.moments()[0]
    expected = torch.zeros((128, 128, 4), dtype=torch.uint8)
    decoder.decode([decoder.add(load(character))], face[None], pose[None], [expected])
    drawn = tmp_path / "drawn.npy"
    done = bare(DRAW, str(scene), str(drawn), path=os.pathsep.join(sys.path))
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(drawn), expected.numpy())
    assert expected[..., :3].float().std() > 20.0  # a picture


def test_the_table_has_a_row_for_every_number_of_actors():
    times = {"p50": 2.0, "p95": 3.0}
    row = {"actors": 4, "motion_ms": times, "draw_ms": times}
    row |= gpu_bench._judged(row)
    assert row["busy"] == pytest.approx((40 * 2.0 + 12.5 * 2.0) / 1000)
    found = {"machine": {"GPU": "one"}, "size": 512, "fps": 40.0, "rows": [row, {"actors": 64}]}
    lines = gpu_bench.table(found)
    assert lines[-2] == "| 4 | 2 (p95 3) | 2 (p95 3) | 10% |"
    assert lines[-1] == "| 64 | – | – | – |"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--size", "300"], "--size is 300"),
        (["--runs", "0"], "--runs is 0"),
        (["--scene", "nowhere.safetensors"], "--prepare writes one"),
        (["--prepare", "nowhere.mien"], "--prepare needs --scene"),
        (["--prepare", "nowhere.mien", "--scene", "x"], "there is no file 'nowhere.mien'"),
    ],
)
def test_what_it_cannot_do_is_one_line(given, complaint, capsys):
    assert gpu_bench.main([*given, "--device", "cpu"]) == 2
    assert complaint in capsys.readouterr().err
