"""The character file: what a portrait became, in one sealed safetensors file.

Knows the table of arrays, the metadata, the seal (a SHA-256 over everything) and how to refuse a
file that is cut, altered, foreign or newer. Refuses to know how the arrays were measured or how
they are drawn.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

Array = NDArray[Any]

KIND = "mien.character"
SCHEMA_VERSION = 1
PORTRAIT_SIZE_PX = 512
THUMBNAIL_SIZE_PX = 128
MAX_FILE_BYTES = 6_000_000
MAX_HEADER_BYTES = 64 * 1024
MAX_THUMBNAIL_BYTES = 128 * 1024
MAX_NAME_CHARS = 80
MAX_NOTE_CHARS = 4000
GEOMETRY_PREFIX = "geometry."

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_THUMBNAIL = "thumbnail"


@dataclass(frozen=True)
class ArraySpec:
    """One array that every character must carry, exactly so."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SmallArraysSpec:
    """The open entry of the table: any number of small, finite arrays under one name prefix."""

    prefix: str
    dtypes: tuple[str, ...]
    max_rank: int
    max_values: int  # of one array
    max_arrays: int


_PX = PORTRAIT_SIZE_PX
SCHEMA: Mapping[str, ArraySpec] = MappingProxyType(
    {
        "portrait": ArraySpec("uint8", (_PX, _PX, 3)),  # sRGB
        "plate": ArraySpec("uint8", (_PX, _PX, 3)),  # sRGB, the background without the person
        "matte": ArraySpec("uint8", (_PX, _PX)),  # the person's alpha
        # x, y in px (pixel centres at integers), z in px, smaller is nearer
        "landmarks": ArraySpec("float32", (478, 3)),
    }
)
# Whatever `enrolment.geometry.measure` returns is stored under this prefix, name by name.
SMALL_ARRAYS = SmallArraysSpec(
    GEOMETRY_PREFIX, ("float32", "int32"), max_rank=4, max_values=65_536, max_arrays=128
)


class CharacterFileError(Exception):
    """A character file that cannot be used: `code` for programs, the message for people.

    Codes: unreadable, too_large, truncated, foreign, newer, damaged, malformed.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Provenance:
    """Where a character came from; written at enrolment, never changed after."""

    source_sha256: str  # of the picture file, hex
    source_width_px: int
    source_height_px: int
    enrolled_at: str  # UTC, ISO 8601
    enrolled_by: str  # the version of mien that measured it
    consent: str = ""  # free text: who agreed to what


@dataclass(frozen=True, eq=False)
class Character:
    """An enrolled portrait, immutable: `arrays` are read-only and follow `SCHEMA`.

    Raises ValueError when built from anything that the schema does not allow.
    """

    name: str
    provenance: Provenance
    thumbnail: bytes  # PNG, 128 px
    arrays: Mapping[str, Array]

    def __post_init__(self) -> None:
        _check_text(self.name, self.provenance)
        if not self.thumbnail.startswith(_PNG_MAGIC) or len(self.thumbnail) > MAX_THUMBNAIL_BYTES:
            raise ValueError("the thumbnail must be a PNG of at most 128 KiB")
        _check_arrays(self.arrays)
        frozen = {name: _read_only(array) for name, array in self.arrays.items()}
        object.__setattr__(self, "arrays", MappingProxyType(frozen))

    @property
    def geometry(self) -> dict[str, Array]:
        """The measured geometry by its own names, without the prefix."""
        start = len(GEOMETRY_PREFIX)
        return {k[start:]: v for k, v in self.arrays.items() if k.startswith(GEOMETRY_PREFIX)}

    @cached_property
    def sha256(self) -> str:
        """Seal over name, provenance, thumbnail and arrays, hex: the character's identity."""
        return _seal(self._metadata(), self._file_arrays())

    def to_bytes(self) -> bytes:
        """The file as bytes. Raises CharacterFileError('too_large') above 6 MB."""
        metadata = {**self._metadata(), "sha256": self.sha256}
        data: bytes = safetensors.numpy.save(self._file_arrays(), metadata=metadata)
        if len(data) > MAX_FILE_BYTES:
            raise CharacterFileError("too_large", _too_large_message(len(data)))
        return data

    def save(self, path: Path | str) -> None:
        """Write the file whole or not at all: a temporary file beside it, then a rename."""
        _write_atomically(Path(path), self.to_bytes())

    def _metadata(self) -> dict[str, str]:
        return {
            "kind": KIND,
            "schema": str(SCHEMA_VERSION),
            "name": self.name,
            "provenance": json.dumps(asdict(self.provenance), sort_keys=True),
        }

    def _file_arrays(self) -> dict[str, Array]:
        # Contiguous as the schema says: safetensors writes raw memory.
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        arrays[_THUMBNAIL] = np.frombuffer(self.thumbnail, np.uint8)
        return arrays


def load(path: Path | str) -> Character:
    """Read a character file. Raises CharacterFileError, and nothing else, for a bad one."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CharacterFileError("unreadable", f"{path} is not a regular file.")
            if status.st_size > MAX_FILE_BYTES:
                raise CharacterFileError("too_large", _too_large_message(status.st_size))
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CharacterFileError("unreadable", f"{path} cannot be read: {reason}.") from error
    return from_bytes(data)


def from_bytes(data: bytes | bytearray | memoryview) -> Character:
    """A character from a file's bytes. Raises CharacterFileError, and nothing else, if bad."""
    if len(data) > MAX_FILE_BYTES:
        raise CharacterFileError("too_large", _too_large_message(len(data)))
    data = bytes(data)
    header = _read_header(data)
    metadata = _read_metadata(header)
    _check_length(data, header)
    arrays = _read_arrays(data, header)
    if _seal({k: v for k, v in metadata.items() if k != "sha256"}, arrays) != metadata["sha256"]:
        raise CharacterFileError(
            "damaged", "This character file was altered or damaged: its seal does not match."
        )
    return _assemble(metadata, arrays)


def _assemble(metadata: dict[str, str], arrays: dict[str, Array]) -> Character:
    thumbnail = arrays.pop(_THUMBNAIL).tobytes()
    try:
        provenance = Provenance(**json.loads(metadata["provenance"]))
        return Character(metadata["name"], provenance, thumbnail, arrays)
    except (ValueError, TypeError, RecursionError) as error:
        raise CharacterFileError(
            "malformed", f"This character file is not as mien writes it: {error}."
        ) from error


def _read_header(data: bytes) -> dict[str, Any]:
    """The safetensors header, read with our own limits before any library sees the bytes."""
    if len(data) < 8:
        raise CharacterFileError("truncated", "This character file is cut short.")
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= MAX_HEADER_BYTES or data[8:9] not in (b"{", b""):
        raise _foreign()
    if len(data) < 8 + size:
        raise CharacterFileError("truncated", "This character file is cut short in its header.")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError) as error:
        raise _foreign() from error
    if not isinstance(header, dict):
        raise _foreign()
    return header


def _read_metadata(header: dict[str, Any]) -> dict[str, str]:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or metadata.get("kind") != KIND:
        raise _foreign()
    version = metadata.get("schema")
    if not isinstance(version, str) or not version.isascii() or not version.isdigit():
        raise CharacterFileError("malformed", "This character file names no schema version.")
    if version.lstrip("0") != str(SCHEMA_VERSION):
        raise CharacterFileError(
            "newer",
            f"This character was made by a newer mien (file schema {version[:12]}, this mien reads "
            f"{SCHEMA_VERSION}): update mien.",
        )
    if set(metadata) != {"kind", "schema", "name", "provenance", "sha256"} or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise CharacterFileError("malformed", "This character file's description is incomplete.")
    return metadata


def _check_length(data: bytes, header: dict[str, Any]) -> None:
    """Tell a cut file from a malformed one, so that the message helps."""
    try:
        ends = [int(e["data_offsets"][1]) for k, e in header.items() if k != "__metadata__"]
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise CharacterFileError("malformed", "This character file's table is broken.") from error
    expected = 8 + int.from_bytes(data[:8], "little") + max(ends, default=0)
    if len(data) < expected:
        raise CharacterFileError(
            "truncated",
            f"This character file is cut short: {len(data):,} of {expected:,} bytes are there.",
        )


def _read_arrays(data: bytes, header: dict[str, Any]) -> dict[str, Array]:
    thumbnail = header.get(_THUMBNAIL)
    if not isinstance(thumbnail, dict) or thumbnail.get("dtype") != "U8":
        raise CharacterFileError("malformed", "This character file has no thumbnail.")
    try:
        return dict(safetensors.numpy.load(data))
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError) as error:
        raise CharacterFileError(
            "malformed", f"This character file's arrays cannot be read: {error}."
        ) from error


def _seal(metadata: Mapping[str, str], arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B"))
    return digest.hexdigest()


def _check_text(name: str, provenance: Provenance) -> None:
    if not name.strip() or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise ValueError(f"a character's name must have 1 to {MAX_NAME_CHARS} printable characters")
    for field, value in asdict(provenance).items():
        wanted = int if field.endswith("_px") else str
        if type(value) is not wanted:
            raise ValueError(f"provenance {field} must be {wanted.__name__}")
        if isinstance(value, str) and len(value) > MAX_NOTE_CHARS:
            raise ValueError(f"provenance {field} is longer than {MAX_NOTE_CHARS} characters")


def _check_arrays(arrays: Mapping[str, Array]) -> None:
    for name, spec in SCHEMA.items():
        if name not in arrays:
            raise ValueError(f"the array {name} is missing")
        array = arrays[name]
        if array.dtype.name != spec.dtype or array.shape != spec.shape:
            raise ValueError(
                f"the array {name} must be {spec.dtype} {list(spec.shape)}, "
                f"not {array.dtype.name} {list(array.shape)}"
            )
    extra = [name for name in arrays if name not in SCHEMA]
    if len(extra) > SMALL_ARRAYS.max_arrays:
        raise ValueError(f"more than {SMALL_ARRAYS.max_arrays} geometry arrays")
    for name in extra:
        _check_small_array(name, arrays[name])
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"the array {name} holds values that are not finite")


def _check_small_array(name: str, array: Array) -> None:
    spec = SMALL_ARRAYS
    if not name.startswith(spec.prefix) or not name[len(spec.prefix) :].isidentifier():
        raise ValueError(f"the array {name!r} is not part of a character")
    if (
        array.dtype.name not in spec.dtypes
        or array.ndim > spec.max_rank
        or array.size > spec.max_values
    ):
        raise ValueError(
            f"the array {name} must be {' or '.join(spec.dtypes)}, rank at most {spec.max_rank} "
            f"and at most {spec.max_values} values, not {array.dtype.name} {list(array.shape)}"
        )


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _write_atomically(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _foreign() -> CharacterFileError:
    return CharacterFileError("foreign", "This is not a mien character file.")


def _too_large_message(size_bytes: int) -> str:
    return (
        f"This file has {size_bytes:,} bytes; a character file has at most {MAX_FILE_BYTES:,}. "
        "It is not a mien character file."
    )
