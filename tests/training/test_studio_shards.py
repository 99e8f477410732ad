"""Shards of the studio: written whole, resumed, read back; and the command line's errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from studio_helpers import need_graphics
from tiny_head import write_tiny_head

from training.studio import shards
from training.studio.labels import LABEL_SHAPES
from training.studio.read import Frames, Shard

SMALL = ["--identities", "2", "--heldout", "1", "--frames", "3", "--size", "128", "--jobs", "1",
         "--samples", "1"]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small set, and the head model it was made from."""
    need_graphics()
    folder = tmp_path_factory.mktemp("shards")
    facekit = write_tiny_head(folder / "tiny.npz")
    assert shards.main(["--facekit", str(facekit), "--out", str(folder / "set"), *SMALL]) == 0
    return folder / "set", facekit


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_bad_head_model_is_exit_code_2_and_a_sentence(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kit.npz"
    if content is not None:
        path.write_bytes(content)
    assert shards.main(["--facekit", str(path), "--out", str(tmp_path / "set")]) == 2
    said = capsys.readouterr().err
    assert "head model" in said and "Traceback" not in said
    assert not (tmp_path / "set").exists()


def test_what_was_written_can_be_read(written: tuple[Path, Path]) -> None:
    frames = Frames(written[0], "train")
    assert len(frames) == 6
    assert [len(rows) for rows in frames.identities().values()] == [3, 3]
    sample = frames[4]
    assert sample.image.shape == (128, 128, 3) and sample.mask.shape == (128, 128)
    for name, shape in LABEL_SHAPES.items():
        assert getattr(sample.labels, name).shape == shape
        assert np.isfinite(getattr(sample.labels, name)).all()
    assert (sample.seed, sample.number) == (1, 1)
    with pytest.raises(IndexError):
        frames[6]


def test_flow_of_a_source_leads_to_itself(written: tuple[Path, Path]) -> None:
    shard = Shard(written[0] / "train-000000.safetensors")
    place, depth = shard.flow(0)
    rows, columns = np.nonzero(depth > 0)
    assert len(rows) > 500
    away = place[rows, columns, :2] - np.stack([columns, rows], 1) * 2 - 1
    assert np.median(np.abs(away)) < 0.3


def test_held_out_identities_are_apart(written: tuple[Path, Path]) -> None:
    from training.studio.studio import HELD_OUT_SEEDS

    assert all(seed in HELD_OUT_SEEDS for seed in Frames(written[0], "heldout").identities())
    assert not any(seed in HELD_OUT_SEEDS for seed in Frames(written[0]).identities())
    with pytest.raises(ValueError, match="below"):
        shards.tasks(Path("x"), identities=2, heldout=0, frames=2, size=128, samples=1,
                     seed=HELD_OUT_SEEDS.start - 1)  # fmt: skip


def test_a_second_run_makes_only_what_is_missing(written: tuple[Path, Path]) -> None:
    folder, facekit = written
    kept, lost = folder / "heldout-900000.safetensors", folder / "train-000000.safetensors"
    before, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    assert shards.main(["--facekit", str(facekit), "--out", str(folder), *SMALL]) == 0
    assert kept.stat().st_mtime_ns == before
    again, old = Shard(lost), content
    assert len(again) == 6 and old is not None
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == [kept.name, lost.name]
    assert not list(folder.glob(".*.tmp"))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no train shards"):
        Frames(tmp_path)
