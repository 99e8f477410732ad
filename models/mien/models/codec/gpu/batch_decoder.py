"""BatchDecoder: frames of many actors, of different characters, drawn together on one device.

Knows the order of a batch: poses on the processor, one copy, the networks, flows, frames, slots.
Refuses to know rings and schedules. The processor poses the actors one after another (about as long
as it takes the CPU's decoder to pose them, see docs/performance_gpu.md); everything with pixels is
the device's.

On a CUDA device kernels are compiled by Triton; this road was compiled for sm_90 but NOT RUN by its
authors, who had no GPU. On the CPU the very same kernels go through Triton's interpreter
(TRITON_INTERPRET=1, to be set before this module is imported): slow, for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.models.character import Character
from mien.models.codec import harmony
from mien.models.codec.decoder import FOLDS_BEYOND, FRAME_SIZE_PX
from mien.models.codec.folds import fold_amounts, fold_layout
from mien.models.codec.frame_networks import mouth_light, skin_mixer, skin_reader
from mien.models.codec.gpu import layout
from mien.models.codec.gpu.batch import (
    FACE_CELLS,
    FOLDED_CELLS,
    SHEET_CELLS,
    Batch,
    Cast,
    Scratch,
    batch_of,
    cast_of,
)
from mien.models.codec.gpu.cast import Member, SpritePool, member_of
from mien.models.codec.gpu.dress import dress
from mien.models.codec.gpu.frame import draw_frames
from mien.models.codec.gpu.moment import write_eye, write_face, write_mouth
from mien.models.codec.gpu.pack import pack, slot_of
from mien.models.codec.gpu.raster import rasterise
from mien.models.codec.harmony import told_of
from mien.models.codec.mouth import lip_gap
from mien.models.codec.rig import coefficients_of, numbers_of
from mien.models.codec.rigid import NEAREST
from mien.models.codec.skin_maps import motion_of
from mien.models.codec.skin_weights import SkinModel
from mien.models.engine.buckets import MOST_LANES
from mien.models.engine.executor import Executor
from mien.models.engine.network import make_executor

F32 = NDArray[np.float32]
MOST_BATCHES = 8  # that are kept made up; a batch of 64 keeps some 130 MB of features
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Parts:
    """Weights, and the executors' profile and number format."""

    skin: SkinModel
    mouth: harmony.HarmonyModel
    profile: str = "torch"
    features: str | None = None  # what maps are mixed from: f32 or bf16; None: bf16 on a GPU
    engines: Any = None  # a folder to keep TensorRT's engines in


class BatchDecoder:
    """Draws frames of a cast. For one thread at a time."""

    def __init__(self, parts: Parts, device: str = "cuda") -> None:
        """`device`: torch's name of one. Raises EngineError or RuntimeError without it."""
        self.device = torch.device(device)
        on_gpu = self.device.type == "cuda"
        self.stream: Any = _stream(self.device) if on_gpu else None
        self._side: Any = _stream(self.device) if on_gpu else None  # where characters are prepared
        self._dtype = DTYPES[parts.features or ("bf16" if on_gpu else "f32")]

        def executor(network: Any) -> Executor:
            return make_executor(
                network, parts.profile, device=device, precision="f32", cache=parts.engines,
                stream=self.stream,
            )  # fmt: skip

        reader = skin_reader(parts.skin)
        self._reader = make_executor(reader, "torch", device=device, precision="f32")
        self._mixer = executor(skin_mixer(parts.skin))
        self._light = executor(mouth_light(parts.mouth))
        self._sprites = SpritePool(self.device)
        self._cast: dict[int, Member] = {}
        self._next = 0
        self._laid_out: Cast | None = None
        self._batches: dict[tuple[int, ...], Batch] = {}
        self._scratch = Scratch(self.device)
        pixels, maps = fold_layout()
        self._fold_pixels = torch.from_numpy(pixels).to(self.device)
        self._fold_maps = torch.from_numpy(maps).to(self.device)

    def prepare(self, character: Character) -> Member:
        """A character ready for `add`; takes a second. One thread may do so while another draws."""
        with torch.cuda.stream(self._side):  # of None: does nothing
            member = member_of(character, self._reader, self.device, self._dtype)
        if self._side is not None:
            self._side.synchronize()
        return member

    def add(self, character: Character | Member) -> int:
        """Take a character into the cast; returns its handle, for any number of actors."""
        member = character if isinstance(character, Member) else self.prepare(character)
        self._cast[self._next] = member
        self._forget()
        self._next += 1
        return self._next - 1

    def remove(self, handle: int) -> None:
        """Forget a character; a batch that draws it must have been waited for."""
        del self._cast[handle]
        self._forget()

    def _forget(self) -> None:
        """What was made up of the cast as it was."""
        self._laid_out = None
        self._batches.clear()

    def decode(
        self,
        handles: Sequence[int],
        dynamics: F32,
        pose: F32,
        outs: Sequence[Any],
        posed: Callable[[], None] = lambda: None,
    ) -> None:
        """Draw a frame of each of B actors into `outs`, all of one size: 512 px or a whole part.

        `dynamics` [B, 52], `pose` [B, 6] as in `Decoder.decode`; `outs` [n, n, 4] uint8 on the
        device, rows at any stride (see `pack.slot_of`). `posed` is called on `stream` when the
        processor's part is done and the device's begins. Returns before the frames are done, on a
        GPU: they are when `stream` has come so far. Raises ValueError or KeyError.
        """
        count = len(handles)
        wanted = (count, 52), (count, 6)
        if (np.shape(dynamics), np.shape(pose)) != wanted or len(outs) != count:
            raise ValueError(
                f"{count} actors want dynamics [{count}, 52], pose [{count}, 6] and {count} slots, "
                f"not {list(np.shape(dynamics))}, {list(np.shape(pose))} and {len(outs)}"
            )
        if not 0 < count <= MOST_LANES:
            raise ValueError(f"a batch draws 1 to {MOST_LANES} actors, not {count}")
        slots = [slot_of(out, self.device) for out in outs]
        if len({width for *_, width in slots}) != 1:
            raise ValueError("the slots of a batch must be of one size")
        with self._on_stream(), torch.no_grad():
            batch = self._batch(tuple(handles))
            host = batch.upload.begin()
            host["slots"][:] = [slot[:2] for slot in slots]
            for i, member in enumerate(batch.members):
                self._pose(member, dynamics[i], pose[i], {k: v[i] for k, v in host.items()})
            posed()
            self._draw(batch, batch.upload.send(), slots[0][2])

    def _on_stream(self) -> Any:
        return torch.cuda.stream(self.stream)  # of None: does nothing

    def _pose(self, member: Member, dynamics: F32, pose: F32, to: dict[str, NDArray[Any]]) -> None:
        """All that the processor works out for one actor's frame."""
        size = FRAME_SIZE_PX
        face, pose = coefficients_of(dynamics), numbers_of(pose)
        posed, turn = member.rig.pose(face, pose), pose[:3]
        moved = member.mesh.posed(posed)
        points, numbers = to["points"], to["numbers"]
        points[: len(moved)], points[len(moved) :] = moved, 0.0
        ahead = posed.rigid.turn[2, 2] > FOLDS_BEYOND
        to["cells"][0] = SHEET_CELLS if ahead else FOLDED_CELLS
        numbers[layout.SHEET_CELLS] = to["cells"][0]
        write_face(numbers[layout.FACE_AREA :], moved, size)
        to["rigid"][:] = posed.rigid.packed
        for k, eye in enumerate(member.eyes):
            write_eye(numbers[layout.EYES + k * layout.EYE :], eye, posed, size)
        gap = lip_gap(posed, size)
        seen = write_mouth(numbers[layout.MOUTH_AT :], member.mouth, gap, posed, face, size)
        to["addresses"][:] = member.addresses
        to["addresses"][layout.CAVITY :] = self._sprites.addresses(seen)
        to["folded"][:] = fold_amounts(face)
        to["motion"][:] = motion_of(face, turn)
        to["told"][:] = told_of(face, turn, gap, posed.iod_px, member.light)

    def _draw(self, batch: Batch, sent: dict[str, Tensor], size_px: int) -> None:
        """Everything after the copy."""
        room = self._scratch.of(len(batch.members))
        inputs = {"features": batch.features, "code": batch.code, "motion": sent["motion"]}
        maps = self._mixer.run(batch.bucket, inputs)["maps"]
        gains = self._light.run(batch.bucket, {"told": sent["told"]})["gains"]
        self._flow_sheet(batch, sent, room)
        self._flow_face(batch, sent, room)
        folds = torch.exp(-batch.fold_depth * (sent["folded"] @ self._fold_maps.T))
        room["folds"].index_copy_(1, self._fold_pixels, folds)
        dress(room["face"], maps, room["folds"], batch.iod_px)
        draw_frames(
            sent["numbers"], sent["addresses"], room["sheet"], room["face"], gains, room["frames"]
        )
        pack(room["frames"], sent["slots"], size_px)

    def _flow_sheet(self, batch: Batch, sent: dict[str, Tensor], room: dict[str, Tensor]) -> None:
        """`Sheet.move` and its flow."""
        assert self._laid_out is not None
        mesh, nodes, cells = self._laid_out.sheet, batch.nodes, sent["cells"].view(-1)
        moved = nodes + batch.share * (_applied(sent["rigid"], nodes) - nodes)
        points = _on_grid(moved, cells.view(-1, 1, 1) / FRAME_SIZE_PX)
        flow = (nodes - moved)[..., :2].contiguous()
        everything = torch.ones_like(mesh.order, dtype=torch.uint8).repeat(len(nodes), 1)
        rasterise(
            points, flow, mesh, room["only_mesh"], everything, cells, room["sheet"],
            room["sheet_depth"],
        )  # fmt: skip

    def _flow_face(self, batch: Batch, sent: dict[str, Tensor], room: dict[str, Tensor]) -> None:
        """`FaceMesh.seen` and the face's flow, not dressed yet."""
        assert self._laid_out is not None
        moved = sent["points"]
        actor = torch.arange(len(moved), device=self.device)[:, None, None]
        a, b, c = moved[actor, batch.corners][..., :2].unbind(2)
        u, v = b - a, c - a
        facing = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0] > 0.0
        seen = ((facing | batch.always) & batch.real).to(torch.uint8)
        batch.attributes[..., :2] = batch.source - moved[..., :2]
        rasterise(
            _on_grid(moved, FACE_CELLS / FRAME_SIZE_PX), batch.attributes, self._laid_out.face,
            batch.kind, seen, room["face_cells"], room["face"], room["face_depth"],
        )  # fmt: skip

    def _batch(self, handles: tuple[int, ...]) -> Batch:
        if self._laid_out is None:
            self._laid_out = cast_of(self._cast, self.device)
        if handles not in self._batches:
            if len(self._batches) >= MOST_BATCHES:
                del self._batches[next(iter(self._batches))]
            folds = self._fold_maps.shape[1]
            self._batches[handles] = batch_of(self._laid_out, handles, folds, self.device)
        return self._batches[handles]


def _stream(device: torch.device) -> Any:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _on_grid(points: Tensor, step: Tensor | float) -> Tensor:
    """Points [B, N, 3] px as `rasterise` takes them, on cells of which a pixel is `step`."""
    return torch.cat([(points[..., :2] + 0.5) * step - 0.5, points[..., 2:]], -1)


def _applied(rigid: Tensor, points: Tensor) -> Tensor:
    """`Rigid.apply` of B movements [B, RIGID] to points [B, N, 3]."""
    turn = rigid[:, :9].view(-1, 3, 3)
    scale, distance = rigid[:, None, 9:10], rigid[:, None, 16:17]
    pivot, shift, axis = rigid[:, None, 10:13], rigid[:, None, 13:16], rigid[:, None, 17:19]
    spot = pivot[..., :2] - axis
    deep = points[..., 2:] - pivot[..., 2:]
    flat = (points[..., :2] - axis) * _deepened(deep, distance) - spot
    moved = torch.cat([flat, deep], -1) @ turn.transpose(1, 2)
    seen = (moved[..., :2] + spot) / _deepened(moved[..., 2:], distance) - spot
    return scale * torch.cat([seen, moved[..., 2:]], -1) + pivot + shift


def _deepened(z: Tensor, distance: Tensor) -> Tensor:
    return torch.clamp(1.0 + z / distance, min=NEAREST)
