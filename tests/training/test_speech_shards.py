"""Shards and the manifest: what is written is what is read, and a broken run leaves no harm."""

import json

import numpy as np
import pytest

from training.speech.phones import Segment
from training.speech.shards import (
    ShardAbout,
    append_manifest,
    file_name,
    load_shard,
    read_manifest,
    rebuild_manifest,
    save_shard,
)
from training.speech.voice import Spoken


def spoken(seed, seconds=0.5):
    rng = np.random.default_rng(seed)
    audio = rng.uniform(-0.5, 0.5, int(16_000 * seconds)).astype(np.float32)
    return Spoken(audio, [Segment(0.0, 0.2, "sil"), Segment(0.2, seconds, "m", 1.0)])


def about(voice="flite_slt", k=0, split="train"):
    return ShardAbout(file_name(voice, k), "flite", voice, "en", split, 1.25, 2)


def test_a_shard_comes_back_as_it_was(tmp_path):
    said = [spoken(0), spoken(1, 0.75)]
    save_shard(tmp_path, about(split="heldout_voice"), said)
    found = load_shard(tmp_path / about().file)
    assert [one.segments[1].viseme for one in found] == ["m", "m"]
    assert found[1].segments[1].end_s == pytest.approx(0.75)
    assert found[0].segments[1].stress == 1.0
    assert (found[0].voice, found[0].language, found[0].split) == (
        "flite_slt", "en", "heldout_voice",
    )  # fmt: skip
    for before, after in zip(said, found, strict=True):
        assert after.audio.dtype == np.float32
        np.testing.assert_allclose(after.audio, before.audio, atol=1 / 32767)


def test_the_file_has_the_arrays_that_readers_expect(tmp_path):
    save_shard(tmp_path, about(), [spoken(0), spoken(1)])
    with np.load(tmp_path / about().file) as data:
        kinds = {name: data[name].dtype for name in data.files if name != "about"}
        assert kinds == {
            "audio": np.int16, "audio_starts": np.int64, "seg_start_s": np.float32,
            "seg_end_s": np.float32, "seg_viseme": np.uint8, "seg_stress": np.float16,
            "seg_starts": np.int64,
        }  # fmt: skip
        assert data["audio_starts"].tolist() == [0, 8000, 16000]
        assert data["seg_starts"].tolist() == [0, 2, 4]


def test_the_manifest_is_rebuilt_from_the_shards_that_are_there(tmp_path):
    for k in range(3):
        save_shard(tmp_path, about(k=k), [spoken(k), spoken(9)])
    append_manifest(tmp_path, about(k=0))
    append_manifest(tmp_path, about(voice="gone"))
    rebuilt = rebuild_manifest(tmp_path)
    assert [shard.file for shard in rebuilt] == [about(k=k).file for k in range(3)]
    assert read_manifest(tmp_path) == rebuilt
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert set(json.loads(lines[0])) == {
        "file", "engine", "voice", "language", "split", "seconds", "utterances",
    }  # fmt: skip


def test_an_unfinished_shard_is_not_seen(tmp_path):
    save_shard(tmp_path, about(), [spoken(0), spoken(1)])
    (tmp_path / "shards" / ".flite_slt-001.npz.77.tmp").write_bytes(b"half")
    assert [shard.file for shard in rebuild_manifest(tmp_path)] == [about().file]


def test_no_corpus_reads_as_an_empty_one(tmp_path):
    assert read_manifest(tmp_path) == []
