"""The character file keeps what it was given, or says why it cannot."""

from __future__ import annotations

import json
import os
import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.models import character as files
from mien.models.character import Character, CharacterFileError, Provenance
from mien.models.enrolment.image import thumbnail_png


def make_character(**changes) -> Character:
    random = np.random.default_rng(1)
    arrays = {
        "portrait": random.integers(0, 256, (512, 512, 3), dtype=np.uint8),
        "plate": random.integers(0, 256, (512, 512, 3), dtype=np.uint8),
        "matte": random.integers(0, 256, (512, 512), dtype=np.uint8),
        "landmarks": random.normal(256, 60, (478, 3)).astype(np.float32),
        "geometry.neutral_shape": random.normal(size=(478, 3)).astype(np.float32),
        "geometry.head_scale": np.array([170.0], np.float32),
        **changes.pop("arrays", {}),
    }
    provenance = Provenance("ab" * 32, 660, 660, "2026-01-02T03:04:05+00:00", "0.1.0", "agreed")
    fields = {"name": "Ada", "provenance": provenance, "thumbnail": THUMBNAIL, **changes}
    return Character(arrays={k: v for k, v in arrays.items() if v is not None}, **fields)


THUMBNAIL = thumbnail_png(np.full((512, 512, 3), 90, np.uint8), 128)
CHARACTER = make_character()
DATA = CHARACTER.to_bytes()


def refused(data: bytes) -> str:
    with pytest.raises(CharacterFileError) as caught:
        files.from_bytes(data)
    assert caught.value.message
    return caught.value.code


def with_header(change) -> bytes:
    """The file with its header rewritten by `change`, payload untouched."""
    size = struct.unpack("<Q", DATA[:8])[0]
    header = json.loads(DATA[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + DATA[8 + size :]


def test_what_is_saved_comes_back(tmp_path):
    path = tmp_path / "ada.mien"
    CHARACTER.save(path)
    loaded = files.load(path)
    assert loaded.name == "Ada"
    assert loaded.provenance == CHARACTER.provenance
    assert loaded.thumbnail == THUMBNAIL
    assert loaded.sha256 == CHARACTER.sha256
    assert set(loaded.arrays) == set(CHARACTER.arrays)
    for name, array in CHARACTER.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)
    assert set(loaded.geometry) == {"neutral_shape", "head_scale"}


def test_the_same_character_has_the_same_seal_and_another_has_another():
    assert make_character().sha256 == CHARACTER.sha256
    assert make_character(name="Eve").sha256 != CHARACTER.sha256
    brighter = CHARACTER.arrays["matte"] ^ 1
    assert make_character(arrays={"matte": brighter}).sha256 != CHARACTER.sha256


def test_a_file_of_noise_stays_within_six_megabytes():
    assert len(DATA) <= 6_000_000


def test_a_non_contiguous_array_is_stored_as_it_reads():
    turned = np.asfortranarray(CHARACTER.arrays["portrait"])
    loaded = files.from_bytes(make_character(arrays={"portrait": turned}).to_bytes())
    np.testing.assert_array_equal(loaded.arrays["portrait"], turned)


def test_arrays_of_a_character_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        CHARACTER.arrays["portrait"][0, 0] = 1


@pytest.mark.parametrize("sixty_fourth", range(64))
def test_a_file_cut_anywhere_is_refused(sixty_fourth):
    code = refused(DATA[: len(DATA) * sixty_fourth // 64])
    assert code == "truncated"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(DATA) - 1))
def test_a_file_cut_at_any_byte_is_refused(length):
    assert refused(DATA[:length]) == "truncated"


@pytest.mark.parametrize("length", [*range(0, 40), *range(len(DATA) - 20, len(DATA))])
def test_a_file_cut_at_its_very_ends_is_refused(length):
    assert refused(DATA[:length]) == "truncated"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_file_with_any_byte_changed_is_refused_or_says_the_same(position, difference):
    altered = bytearray(DATA)
    altered[position] ^= difference
    try:
        loaded = files.from_bytes(altered)
    except CharacterFileError:
        return
    assert loaded.sha256 == CHARACTER.sha256  # white space in the header: nothing was changed


def test_a_changed_pixel_is_damage():
    altered = bytearray(DATA)
    altered[-1] ^= 1
    assert refused(bytes(altered)) == "damaged"


def test_a_changed_name_is_damage():
    def rename(header):
        header["__metadata__"]["name"] = "Eve"

    assert refused(with_header(rename)) == "damaged"


def test_bytes_after_the_end_are_refused():
    assert refused(DATA + b"more") == "malformed"


def test_a_newer_file_asks_for_an_update():
    def age(header):
        header["__metadata__"]["schema"] = "2"
        header["__metadata__"]["mood"] = "unknown to this version"

    data = with_header(age)
    assert refused(data) == "newer"
    with pytest.raises(CharacterFileError, match="update"):
        files.from_bytes(data)


@pytest.mark.parametrize("schema", ["", "-1", "1.5", "²", "9" * 5000])
def test_a_senseless_schema_version_is_refused(schema):
    def change(header):
        header["__metadata__"]["schema"] = schema

    assert refused(with_header(change)) in ("malformed", "newer")


def test_a_foreign_safetensors_file_is_refused():
    weights = safetensors.numpy.save({"weight": np.zeros((4, 4), np.float32)})
    assert refused(weights) == "foreign"


@pytest.mark.parametrize(
    "data",
    [THUMBNAIL, b"not a character at all", bytes(1000), b"\xff" * 1000, b"{}" * 40, DATA[8:]],
    ids=["png", "text", "zeros", "ones", "json", "headless"],
)
def test_a_file_of_another_kind_is_refused(data):
    assert refused(data) == "foreign"


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**32, 65 * 1024, 1, 0])
def test_a_hostile_header_length_is_refused_at_once(length):
    began = time.perf_counter()
    assert refused(struct.pack("<Q", length) + DATA[8:]) == "foreign"
    assert time.perf_counter() - began < 1.0


def test_a_deeply_nested_header_is_refused():
    text = b'{"__metadata__":' + b"[" * 60_000
    assert refused(struct.pack("<Q", len(text)) + text) == "foreign"


def test_an_oversize_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.mien"
    with path.open("wb") as file:
        file.truncate(10**12)  # sparse: reading it would take minutes and memory
    with pytest.raises(CharacterFileError) as caught:
        files.load(path)
    assert caught.value.code == "too_large"
    assert refused(bytes(7_000_000)) == "too_large"


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(CharacterFileError) as caught:
        files.load(tmp_path / "nobody.mien")
    assert caught.value.code == "unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_a_device_is_not_a_character():
    with pytest.raises(CharacterFileError) as caught:
        files.load(os.devnull)
    assert caught.value.code == "unreadable"


WRONG_ARRAYS = {
    "shape": {"portrait": np.zeros((256, 256, 3), np.uint8)},
    "dtype": {"landmarks": np.zeros((478, 3), np.float64)},
    "missing": {"plate": None},
    "stranger": {"weights": np.zeros(3, np.float32)},
    "nan": {"landmarks": np.full((478, 3), np.nan, np.float32)},
    "too many values": {"geometry.field": np.zeros((512, 512), np.float32)},
    "geometry dtype": {"geometry.field": np.zeros(4, np.complex64)},
    "odd name": {"geometry.../x": np.zeros(4, np.float32)},
}


@pytest.mark.parametrize("arrays", WRONG_ARRAYS.values(), ids=WRONG_ARRAYS.keys())
def test_a_character_with_wrong_arrays_cannot_be_made(arrays):
    with pytest.raises(ValueError, match="array"):
        make_character(arrays=arrays)


@pytest.mark.parametrize("key", ["shape", "dtype", "missing", "stranger", "nan"])
def test_a_sealed_file_with_wrong_arrays_is_refused(key):
    arrays = {**CHARACTER._file_arrays(), **WRONG_ARRAYS[key]}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    metadata = CHARACTER._metadata()
    metadata["sha256"] = files._seal(metadata, arrays)
    assert refused(safetensors.numpy.save(arrays, metadata=metadata)) == "malformed"


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\nb", "a\x00b"])
def test_a_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        make_character(name=name)


def test_a_consent_note_has_a_limit():
    with pytest.raises(ValueError, match="consent"):
        make_character(provenance=replace(CHARACTER.provenance, consent="x" * 5000))


def test_a_failed_save_leaves_the_old_file_and_no_debris(tmp_path: Path, monkeypatch):
    path = tmp_path / "ada.mien"
    CHARACTER.save(path)

    def full_disk(_file_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        make_character(name="Eve").save(path)
    assert files.load(path).name == "Ada"
    assert [entry.name for entry in tmp_path.iterdir()] == ["ada.mien"]
