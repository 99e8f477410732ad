"""Makes the golden byte vectors: for every message of the protocol its bytes and what they say.

Any language's codec is tested against them: decode the `.bin` and get the fields, encode the fields
and get the bytes. Control messages hold no maps, so that serialising them in field order (which
protobuf libraries do) gives the same bytes everywhere; in any case they must parse to the same.

    python protocol/golden/make.py            # write
    python protocol/golden/make.py --check    # exit 1 when what is checked in differs
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import msgspec
from google.protobuf import json_format

from mien.protocol import control, wire
from mien.protocol import control_pb2 as pb
from mien.protocol.limits import MAX_ACTOR_ID, MAX_ID
from mien.protocol.ring_layout import (
    Geometry,
    Header,
    SlotEntry,
    pack_entry,
    pack_header,
)

HERE = Path(__file__).resolve().parent
SESSION = bytes(range(0x21, 0x31))


def requests() -> dict[str, pb.Request]:
    """One Request of every kind, by file name."""
    cues = [
        pb.Cue(
            pts_us=0,
            duration_us=1_500_000,
            emotion=pb.Emotion(weights=[0, 0.75, 0, 0, 0.25, 0, 0, 0], intensity=0.5),
        ),
        pb.Cue(pts_us=200_000, gaze=pb.Gaze(theta_rad=-0.25, phi_rad=0.125)),
        pb.Cue(pts_us=400_000, distance=1.25),
        pb.Cue(pts_us=600_000, head=pb.HeadPose(x_rad=0.0, y_rad=-0.5, z_rad=0.0625)),
        pb.Cue(pts_us=-40_000, duration_us=160_000, blink=1.0),
    ]
    bodies: dict[str, control.RequestBody] = {
        "hello": pb.Hello(
            protocol_version=1, client_name="gölden ✓", capabilities=["frame_sizes"], pid=4711
        ),
        "load_character": pb.LoadCharacter(path="/game/characters/hero.mien"),
        "load_character_data": pb.LoadCharacter(data=bytes(range(256))),
        "enroll": pb.Enroll(
            path="/game/portraits/hero.png",
            face=0,
            name="Hero",
            consent="painted for this game",
            output_path="/game/characters/hero.mien",
        ),
        "spawn_actor": pb.SpawnActor(
            character_id="c1",
            ring=pb.RingPreferences(kinds=[pb.RING_KIND_POSIX], slots=8, size_px=512),
            seed=2**63 + 5,
            curves=True,
        ),
        "say": pb.Say(
            actor_id=7,
            line_id=9,
            seed=42,
            sample_rate_hz=48_000,
            channels=2,
            sample_format=pb.SAMPLE_FORMAT_S16LE,
            cues=cues,
            start_pts_us=-1,
            total_samples=96_000,
            replace=True,
        ),
        "give_cue": pb.GiveCue(actor_id=7, cue=cues[0]),
        "interrupt": pb.Interrupt(actor_id=7, fade_ms=0),
        "despawn": pb.Despawn(actor_id=MAX_ACTOR_ID),
        "stats": pb.Stats(),
        "heartbeat": pb.Heartbeat(),
        "shutdown": pb.Shutdown(),
        "spawn_actor_no_frames": pb.SpawnActor(character_id="c1", curves=True, no_frames=True),
        "set_budget": pb.SetBudget(cpu_fraction=0.5, gpu_ms_per_frame=2.5, game_fps=60),
        "spawn_actor_detail": pb.SpawnActor(
            character_id="c1",
            detail=pb.Detail(
                size_px=256, coverage=0.25, fps=30, priority=-5, hidden=True, distance_m=3.5
            ),
        ),
        "say_ahead": pb.Say(
            actor_id=7,
            sample_rate_hz=16_000,
            channels=1,
            sample_format=pb.SAMPLE_FORMAT_F32LE,
            lead_us=200_000,
        ),
    }
    made = {}
    for number, (name, body) in enumerate(bodies.items(), 1):
        session = b"" if name == "hello" else SESSION
        data = control.encode_request(number, session, body)
        made[f"request_{name}"] = pb.Request.FromString(data)
    return made


def replies() -> dict[str, pb.Reply]:
    """One Reply of every kind, by file name."""
    ring = pb.RingInfo(
        kind=pb.RING_KIND_POSIX,
        name="/mien-0123abcd-7-89abcdef",
        slots=8,
        width_px=512,
        height_px=512,
        epoch=2**64 - 1,
        size_bytes=Geometry().size_bytes,
    )
    bodies: dict[str, control.ReplyBody] = {
        "error": pb.Error(code=pb.ERROR_CODE_NOT_FOUND, message="there is no actor 8"),
        "error_several_faces": pb.Error(
            code=pb.ERROR_CODE_ENROLMENT,
            message="two faces: choose one",
            enrolment_code="several_faces",
            faces=[
                pb.Face(index=0, x_px=10.5, y_px=20, width_px=100, height_px=120, score=0.875),
                pb.Face(index=1, x_px=300, y_px=22, width_px=90, height_px=110, score=0.75),
            ],
        ),
        "error_version": pb.Error(
            code=pb.ERROR_CODE_UNSUPPORTED_VERSION,
            message="version 9; this daemon speaks 1",
            min_protocol_version=1,
            max_protocol_version=1,
        ),
        "ack": pb.Ack(),
        "welcome": pb.Welcome(
            protocol_version=1,
            server_id="0123abcd89abcdef",
            epoch=1_790_000_000_000_000,
            session=SESSION,
            lease_ms=3000,
            limits=pb.Limits(max_control_bytes=2**20, max_actors=64, max_ring_slots=64),
            engine_profile="geometric",
            ring_kinds=[pb.RING_KIND_POSIX],
        ),
        "character_loaded": pb.CharacterLoaded(
            character_id="c1", name="Hero", thumbnail_png=b"\x89PNG", sha256=bytes(32)
        ),
        "enrolled": pb.Enrolled(character_id="c2", name="Hero", data=b"file", sha256=bytes(32)),
        "actor_spawned": pb.ActorSpawned(actor_id=7, ring=ring),
        "line_started": pb.LineStarted(line_id=9, credit_bytes=4 * 2**20),
        "interrupted": pb.Interrupted(line_id=9, pts_us=1_234_567),
        "stats": pb.StatsReply(
            uptime_us=5_000_000,
            actors=[
                pb.ActorStats(
                    actor_id=7,
                    character_name="Hero",
                    fps=25.0,
                    frames=125,
                    latency_p95_ms=8.5,
                    ring_kind=pb.RING_KIND_POSIX,
                    ring_reason="the client's wish",
                )
            ],
            cpu_fraction=0.25,
            memory_bytes=2**28,
            motion=pb.MotionStats(
                source="diffusion",
                runtime="openvino",
                steps=2,
                full_steps=4,
                step_drops=1,
                reduced_blocks=50,
                late_blocks=3,
                batch_p50_ms=6.5,
                batch_p95_ms=9.25,
            ),
        ),
        "actor_spawned_no_frames": pb.ActorSpawned(actor_id=8),
        "budget_set": pb.BudgetSet(cpu_fraction=0.5, gpu_ms_per_frame=2.5, game_fps=60),
        "stats_stage": pb.StatsReply(
            actors=[
                pb.ActorStats(
                    actor_id=7,
                    rung=pb.RUNG_SMALLER,
                    size_px=256,
                    wanted_size_px=512,
                    wanted_fps=25,
                    allotted_fps=12.5,
                    steps=1,
                    priority=-5,
                    hidden=True,
                    degradations=3,
                    recoveries=1,
                    lead_us=200_000,
                    ring_bytes=2**23,
                )
            ],
            stage=pb.StageStats(
                cpu_budget=0.5,
                cpu_spent=0.375,
                gpu_budget_ms=2.5,
                gpu_spent_ms=1.25,
                planned=0.75,
                degradations=3,
                recoveries=1,
                refused_spawns=2,
                costs=[
                    pb.StageCost(stage="motion", batch=8, steps=1, ms=6.5),
                    pb.StageCost(stage="decode", size_px=256, ms=4.25),
                ],
                cores=2,
            ),
        ),
        "actor_spawned_cuda": pb.ActorSpawned(
            actor_id=9,
            ring=pb.RingInfo(
                kind=pb.RING_KIND_CUDA_IPC,
                name="/mien-0123abcd-9-89abcdef",
                slots=2,
                width_px=512,
                height_px=512,
                epoch=1_790_000_000_000_000,
                size_bytes=Geometry(2, on_device=True).size_bytes,
                cuda=pb.CudaRing(
                    memory_handle=bytes(range(64)),
                    event_handles=[bytes(range(64, 128)), bytes(range(128, 192))],
                    gpu_uuid="GPU-01234567-89ab-cdef-0123-456789abcdef",
                    generation=1,
                    slot_bytes=Geometry(2).slot_bytes,
                    grace_ms=2000,
                ),
                reason="the client's wish",
            ),
        ),
    }
    made = {}
    for number, (name, body) in enumerate(bodies.items(), 1):
        made[f"reply_{name}"] = pb.Reply.FromString(control.encode_reply(number, body))
    return made


def data_messages() -> dict[str, tuple[wire.DataMessage, bytes]]:
    """One data message of every kind, with its payload, by file name."""
    curves = struct.pack("<58f", *(i / 64 for i in range(58)))
    return {
        "audio": (wire.Audio(1, 7, 9, 3, 1440, 4, 0), struct.pack("<4h", 0, 1, -1, 32767)),
        "audio_end": (wire.Audio(1, 7, 9, 4, 1444, 0, 1), b""),
        "audio_large_numbers": (wire.Audio(1, MAX_ACTOR_ID, MAX_ID, MAX_ID, MAX_ID, 0, 1), b""),
        "detail": (wire.Detail(1, 7, 256, 0.25, 30.0, -5, 1, 3.5), b""),
        "detail_defaults": (wire.Detail(1, 7), b""),
        "doorbell": (wire.Doorbell(1, 7, 1000, 5, 9, 80_000, 1), b""),
        "doorbell_before_zero": (wire.Doorbell(1, 7, 1, 0, 0, -40_000, 2 | 4), b""),
        "curves": (wire.Curves(1, 7, 1000, 80_000, 9, 1), curves),
        "line_started": (wire.LineEvent(1, 7, 9, wire.LineEventKind.STARTED, 0), b""),
        "line_ended": (wire.LineEvent(1, 7, 9, wire.LineEventKind.ENDED, 2_000_000), b""),
        "line_interrupted": (wire.LineEvent(1, 7, 9, wire.LineEventKind.INTERRUPTED, 5), b""),
        "line_underrun": (wire.LineEvent(1, 7, 9, wire.LineEventKind.UNDERRUN, 6), b""),
        "error_backpressure": (
            wire.DataError(1, 7, 9, wire.DataErrorCode.BACKPRESSURE, 3, "wait for credit"),
            b"",
        ),
        "error_unread": (wire.DataError(1, 0, 0, wire.DataErrorCode.INVALID, 0, "müll"), b""),
        "credit": (wire.Credit(1, 7, 9, 3, 4 * 2**20), b""),
    }


def ring_parts() -> dict[str, tuple[bytes, dict[str, object]]]:
    """Headers and a slot's row, by file name."""
    fresh = Header.of(Geometry(), epoch=1_790_000_000_000_000, generation=1, writer_pid=4711)
    running = Header.of(Geometry(slots=3, width_px=100, height_px=50), 2**64 - 1, 2, 1)
    running = Header(
        **{**vars(running), "latest_frame_id": 77, "latest_slot": 2, "closed": 1},
    )
    on_device = Header.of(Geometry(2, on_device=True), 1_790_000_000_000_000, 1, 4711)
    entry = SlotEntry(
        sequence=154, frame_id=77, line_id=9, pts_us=-40_000, flags=1 | 8, written_us=123_456_789
    )
    small = SlotEntry(
        sequence=2, frame_id=1, line_id=0, pts_us=0, flags=2, written_us=1, width_px=256,
        height_px=128,
    )  # fmt: skip
    return {
        "ring_header": (pack_header(fresh), vars(fresh)),
        "ring_header_on_device": (pack_header(on_device), vars(on_device)),
        "ring_header_closed": (pack_header(running), vars(running)),
        "ring_slot_entry": (pack_entry(entry), vars(entry)),
        "ring_slot_entry_small": (pack_entry(small), vars(small)),
    }


def make() -> dict[str, bytes]:
    """Every file's bytes, by name; `index.json` describes the others."""
    files: dict[str, bytes] = {}
    index: dict[str, dict[str, object]] = {}
    for name, message in {**requests(), **replies()}.items():
        files[f"{name}.bin"] = message.SerializeToString(deterministic=True)
        index[name] = {
            "kind": "control",
            "message": message.DESCRIPTOR.full_name,
            "fields": json_format.MessageToDict(message, preserving_proto_field_name=True),
        }
    for name, (data, payload) in data_messages().items():
        header, sent = wire.encode(data, payload)
        files[f"data_{name}.header.bin"] = bytes(header)
        files[f"data_{name}.payload.bin"] = bytes(sent)
        index[f"data_{name}"] = {
            "kind": "data",
            "message": type(data).__name__,
            "fields": {field: getattr(data, field) for field in data.__struct_fields__},
            "payload_hex": bytes(sent).hex(),
        }
    for name, (part, fields) in ring_parts().items():
        files[f"{name}.bin"] = part
        index[name] = {"kind": "ring", "fields": fields}
    text = json.dumps(msgspec.to_builtins(index), indent=1, ensure_ascii=False, sort_keys=True)
    files["index.json"] = (text + "\n").encode()
    return files


def main(arguments: list[str]) -> int:
    """Writes the files, or with `--check` says which of them differ."""
    different = 0
    for name, data in make().items():
        path = HERE / name
        if path.exists() and path.read_bytes() == data:
            continue
        different += 1
        if "--check" in arguments:
            print(f"{name} differs: run python protocol/golden/make.py and look at the change")
        else:
            path.write_bytes(data)
            print(f"wrote {name}")
    return 1 if different and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
