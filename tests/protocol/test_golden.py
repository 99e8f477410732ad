"""The golden bytes: what every language must read and write. To change them changes SPEC.md too."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from google.protobuf import json_format

from mien.protocol import control_pb2 as pb
from mien.protocol import ring_layout, wire

PROTOCOL = Path(__file__).resolve().parents[2] / "protocol"
GOLDEN = PROTOCOL / "golden"
INDEX = json.loads((GOLDEN / "index.json").read_text("utf-8"))


def load_script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_kind(kind):
    return sorted(name for name, entry in INDEX.items() if entry["kind"] == kind)


def test_the_checked_in_bytes_are_exactly_what_the_codec_writes():
    files = load_script(GOLDEN / "make.py").make()
    there = {path.name: path.read_bytes() for path in GOLDEN.iterdir() if path.suffix != ".py"}
    there.pop("__pycache__", None)
    assert set(files) == set(there)
    assert [name for name in files if files[name] != there[name]] == []


def test_the_generated_code_is_what_the_proto_gives():
    pytest.importorskip("grpc_tools")
    generate = load_script(PROTOCOL / "generate.py")
    for name, text in generate.generate().items():
        assert (generate.OUTPUT_DIR / name).read_text("utf-8") == text, f"run generate.py: {name}"


@pytest.mark.parametrize("name", of_kind("control"))
def test_a_control_message_reads_as_described_and_writes_the_same_bytes(name):
    data = (GOLDEN / f"{name}.bin").read_bytes()
    message = {"mien.v1.Request": pb.Request, "mien.v1.Reply": pb.Reply}[INDEX[name]["message"]]()
    message.ParseFromString(data)
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert fields == INDEX[name]["fields"]
    assert message.SerializeToString(deterministic=True) == data


@pytest.mark.parametrize("name", of_kind("data"))
def test_a_data_message_reads_as_described_and_writes_the_same_bytes(name):
    header = (GOLDEN / f"{name}.header.bin").read_bytes()
    payload = (GOLDEN / f"{name}.payload.bin").read_bytes()
    entry = INDEX[name]
    from_client = entry["message"] in ("Audio", "Detail")
    decode = wire.decode_from_client if from_client else wire.decode_from_daemon
    message, found = decode([header, payload])
    assert type(message).__name__ == entry["message"]
    assert {f: getattr(message, f) for f in message.__struct_fields__} == entry["fields"]
    assert bytes(found).hex() == entry["payload_hex"]
    assert wire.encode(message, payload) == [header, payload]


@pytest.mark.parametrize("name", [n for n in of_kind("ring") if "header" in n])
def test_a_ring_header_reads_as_described_and_writes_the_same_bytes(name):
    data = (GOLDEN / f"{name}.bin").read_bytes()
    header = ring_layout.unpack_header(data, INDEX[name]["fields"]["size_bytes"])
    assert vars(header) == INDEX[name]["fields"]
    assert ring_layout.pack_header(header) == data


@pytest.mark.parametrize("name", [n for n in of_kind("ring") if "slot_entry" in n])
def test_a_slots_row_reads_as_described_and_writes_the_same_bytes(name):
    data = (GOLDEN / f"{name}.bin").read_bytes()
    (entry,) = ring_layout.unpack_entries(data)
    assert vars(entry) == INDEX[name]["fields"]
    assert ring_layout.pack_entry(entry) == data


def test_every_kind_of_message_has_golden_bytes():
    seen = {"request": set(), "reply": set()}
    for name in of_kind("control"):
        kind = "request" if name.startswith("request_") else "reply"
        seen[kind].add(next(iter(set(INDEX[name]["fields"]) - {"id", "session"})))
    for kind, message in (("request", pb.Request), ("reply", pb.Reply)):
        fields = {field.name for field in message.DESCRIPTOR.oneofs_by_name["body"].fields}
        assert seen[kind] == fields
    data = {INDEX[name]["message"] for name in of_kind("data")}
    assert data == {
        "Audio", "Detail", "Doorbell", "Curves", "LineEvent", "DataError", "Credit",
    }  # fmt: skip


def test_the_spec_names_the_coefficients_and_numbers_that_the_code_has():
    spec = " ".join((PROTOCOL / "SPEC.md").read_text("utf-8").split())
    from mien.models.motion import ARKIT_NAMES, EMOTIONS
    from mien.protocol import EMOTIONS as WIRE_EMOTIONS
    from mien.protocol import limits

    assert ", ".join(ARKIT_NAMES) in spec
    assert EMOTIONS == WIRE_EMOTIONS
    assert ", ".join(EMOTIONS) in spec
    assert str(limits.CONTROL_PORT) in spec and str(limits.DATA_PORT) in spec
    for code in pb.ErrorCode.keys()[1:]:
        number = pb.ErrorCode.Value(code)
        assert f"| `{code.removeprefix('ERROR_CODE_')}` | {number} |" in spec
    for kind in (wire.LineEventKind, wire.DataErrorCode):
        for member in kind:
            assert f"{member.name} {member.value}" in spec
    for flag in wire.FrameFlag:
        assert f"{flag.name} {flag.value}" in spec
