"""Kernels of the device give what their slow NumPy twins give: here through Triton's interpreter.

The twins stand here, beside what they judge; that whole frames are the processor's is
`test_batch_decoder`'s to say.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("triton", reason="Triton is not installed (Linux alone has it)")

from mien.models.codec.canonical import CANONICAL_PX  # noqa: E402
from mien.models.codec.compose import divide_255  # noqa: E402
from mien.models.codec.folds import TINGE  # noqa: E402
from mien.models.codec.gpu import layout  # noqa: E402
from mien.models.codec.gpu.dress import dress  # noqa: E402
from mien.models.codec.gpu.frame import draw_frames  # noqa: E402
from mien.models.codec.gpu.pack import pack, slot_of  # noqa: E402
from mien.models.codec.gpu.raster import meshes, rasterise  # noqa: E402
from mien.models.codec.rasteriser import EDGE_TOLERANCE, FAR  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SIZE = 64  # of the frames here


def there(array):
    return torch.from_numpy(np.ascontiguousarray(array)).to(DEVICE)


def filled(points, attributes, triangles, size):
    """The rules of `rasteriser`, triangle by triangle."""
    out = np.zeros((size, size, attributes.shape[1]), np.float32)
    depth = np.full((size, size), FAR, np.float32)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    for corners in triangles:
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[corners]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-6:
            continue
        wb = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
        wc = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
        weights = np.stack([1.0 - wb - wc, wb, wc])
        z = np.tensordot(np.array([az, bz, cz], np.float32), weights, 1)
        hit = (weights >= -EDGE_TOLERANCE).all(0) & (z < depth)
        depth[hit] = z[hit]
        out[hit] = np.tensordot(weights[:, hit], attributes[corners], (0, 0))
    return out, depth


def drawn(points, attributes, lists, size, seen=None, cells=None):
    """`rasterise` of actors that each have a mesh of their own."""
    actors, most = len(lists), max(map(len, lists))
    mesh = meshes(lists, [p[:, :2] for p in points], DEVICE)
    shown = np.zeros((actors, most), np.uint8)
    for i, one in enumerate(lists):
        shown[i, : len(one)] = 1 if seen is None else seen[i]
    out = torch.full((actors, size, size, attributes.shape[2]), -7.0, device=DEVICE)
    depth = torch.full((actors, size, size), -7.0, device=DEVICE)
    cells = np.full(actors, size, np.int32) if cells is None else np.array(cells, np.int32)
    kind = there(np.arange(actors, dtype=np.int32))
    rasterise(there(points), there(attributes), mesh, kind, there(shown), there(cells), out, depth)
    return out.cpu().numpy(), depth.cpu().numpy()


def test_triangles_of_several_actors_are_filled_as_their_slow_twin_fills_them():
    rng = np.random.default_rng(1)
    points = rng.uniform(-8, 40, (3, 30, 3)).astype(np.float32)
    attributes = rng.normal(size=(3, 30, 4)).astype(np.float32)
    lists = [rng.integers(0, 30, (count, 3)).astype(np.int32) for count in (40, 7, 1)]
    out, depth = drawn(points, attributes, lists, 32)
    for i in range(3):
        wanted, far = filled(points[i], attributes[i], lists[i], 32)
        np.testing.assert_allclose(depth[i], far, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(out[i], wanted, rtol=0, atol=1e-4)
        assert (out[i][depth[i] == FAR] == 0).all()


def test_the_nearest_triangle_wins_and_of_equals_the_first_whatever_the_order():
    square = np.array([[0, 0], [7, 0], [7, 7], [0, 7]], np.float32)
    points = np.concatenate([np.c_[square, np.full(4, z)] for z in (-2.0, -3.0, -3.0, 5.0)])
    attributes = np.repeat([[1.0], [2.0], [3.0], [4.0]], 4, 0).astype(np.float32)
    flat = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    triangles = np.concatenate([flat + 4 * k for k in (3, 0, 2, 1)])
    out, depth = drawn(points.astype(np.float32)[None], attributes[None], [triangles], 10)
    assert np.allclose(out[0, 1:7, 1:7], 3.0, atol=1e-5)  # as near as 2, and before it
    assert np.allclose(depth[0, 1:7, 1:7], -3.0) and (depth[0, 9] == FAR).all()
    back, _ = drawn(points.astype(np.float32)[None], attributes[None], [triangles[::-1]], 10)
    assert np.allclose(back[0, 1:7, 1:7], 2.0, atol=1e-5)


def test_triangles_that_are_not_seen_and_cells_that_are_not_used_are_left_alone():
    points = np.float32([[0, 0, 1], [40, 0, 1], [0, 40, 1], [0, 0, 2], [40, 0, 2], [0, 40, 2]])
    attributes = np.float32([[5], [5], [5], [9], [9], [9]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    both = np.stack([points, points]), np.stack([attributes, attributes])
    out, _ = drawn(*both, [triangles] * 2, 16, seen=[[1, 1], [0, 1]], cells=[16, 8])
    assert np.allclose(out[0], 5, atol=1e-5) and np.allclose(out[1, :8, :8], 9, atol=1e-5)
    assert (out[1, 8:] == -7).all() and (out[1, :, 8:] == -7).all()


def face_grid(rng, size):
    """A posed face's cells: displacement, gains, coverage and places, with holes and an edge."""
    grid = rng.uniform(-2, 2, (size, size, 8)).astype(np.float32)
    grid[..., 2:5] = rng.uniform(0.7, 1.2, (size, size, 3))
    worn = cv2.GaussianBlur(rng.random((size, size)), (0, 0), 4.0) > 0.49
    grid[..., 6:] = rng.uniform(-3, CANONICAL_PX + 3, (size, size, 2))
    grid[..., 5] = 1.0
    return grid * worn[..., None].astype(np.float32)


def dressed(rng, map_px=64, size=SIZE // 2):
    grid = face_grid(rng, size)
    maps = rng.uniform(-0.05, 0.05, (map_px, map_px, 5)).astype(np.float32)
    maps[..., 2:] += 1.0
    gains = rng.uniform(0.8, 1.1, (CANONICAL_PX, CANONICAL_PX)).astype(np.float32)
    return grid, maps, gains


def read(picture, x, y):
    """A picture [S, S, K] between its elements, held 1.001 before its end."""
    x, y = (np.clip(at, 0.0, len(picture) - 1.001).astype(np.float32) for at in (x, y))
    i, j = y.astype(int), x.astype(int)
    p, q = (y - i)[..., None], (x - j)[..., None]
    top = picture[i, j] + q * (picture[i, j + 1] - picture[i, j])
    return top + p * (picture[i + 1, j] + q * (picture[i + 1, j + 1] - picture[i + 1, j]) - top)


def dressed_slowly(grid, maps, gains, iod_px):
    """Folds darken gains, skin maps shift places and gain; coverage is blurred for edges."""
    out, u, v = grid.copy(), grid[..., 6], grid[..., 7]
    scale = len(maps) / CANONICAL_PX
    mapped = read(maps, scale * (u + 0.5) - 0.5, scale * (v + 0.5) - 0.5)
    dark = read(gains[..., None], u, v) - 1.0
    out[..., :2] += iod_px * mapped[..., :2]
    out[..., 2:5] *= mapped[..., 2:] * (1.0 + np.float32(TINGE) * dark)
    out = np.where(grid[..., 5:6] > 0, out, grid)
    out[..., 6] = cv2.blur(np.ascontiguousarray(grid[..., 5]), (3, 3))
    return out


@pytest.mark.parametrize("map_px", [64, 128])
def test_a_face_is_dressed_as_folds_and_skin_maps_dress_it(map_px):
    parts = [dressed(np.random.default_rng(seed), map_px) for seed in (2, 3)]
    stack = [there(np.stack([part[k] for part in parts])) for k in range(3)]
    dress(*stack, there(np.float32([150.0, 90.0])))
    for found, (grid, maps, gains), iod_px in zip(
        stack[0].cpu().numpy(), parts, (150.0, 90.0), strict=True
    ):
        wanted = dressed_slowly(grid, maps, gains, iod_px)
        np.testing.assert_allclose(found[..., :6], wanted[..., :6], rtol=0, atol=2e-4)
        np.testing.assert_allclose(found[..., 6], wanted[..., 6], rtol=0, atol=1e-6)
        assert np.abs(wanted[..., :2] - grid[..., :2]).max() > 1


def remapped(layer, x, y):
    """`layer` [S, S, 4] at `x`, `y`: positions in steps of 1/256 px, edges held."""
    steps, size = 256, len(layer)
    right, below = (np.floor(at * steps + 0.5).astype(int) for at in (x, y))
    j, i, q, p = right // steps, below // steps, right % steps, below % steps
    total = np.zeros((*x.shape, 4), int)
    for a, b, weight in ((0, 0, (steps - p) * (steps - q)), (0, 1, (steps - p) * q),
                         (1, 0, p * (steps - q)), (1, 1, p * q)):  # fmt: skip
        tap = layer[np.clip(i + a, 0, size - 1), np.clip(j + b, 0, size - 1)].astype(int)
        total += weight[..., None] * tap
    return ((total + steps * steps // 2) // (steps * steps)).astype(np.uint8)


def laid_over(layer, below):
    """A premultiplied layer [S, S, 4] over `below` [S, S, 3], in 8 bits."""
    value = layer[..., :3] + divide_255((255 - layer[..., 3:].astype(int)) * below.astype(int))
    return np.minimum(value, 255).astype(np.uint8)


def laid_shaded(layer, gains, soft, below):
    """The same with its colours times `gains` [S, S, 3], and fading where its edge is `soft`."""
    edge = np.clip((soft - 0.4) / 0.45, 0.0, 1.0)[..., None] * (layer[..., 3:] > 0)
    alpha = (layer[..., 3:] * edge + 0.5).astype(int)
    colour = np.minimum(layer[..., :3] * (gains * edge) + 0.5, 255.0).astype(int)
    value = np.minimum(colour + divide_255((255 - alpha) * below.astype(int)), 255)
    return np.where(edge > 0.0, value, below).astype(np.uint8)


def layers(rng):
    plate = rng.integers(0, 256, (SIZE, SIZE, 4)).astype(np.uint8)
    alpha = rng.integers(0, 256, (2, SIZE, SIZE, 1)) * (rng.random((2, SIZE, SIZE, 1)) < 0.8)
    colour = (rng.random((2, SIZE, SIZE, 3)) * (alpha + 0.99)).astype(np.uint8)
    return plate, *np.concatenate([colour, alpha.astype(np.uint8)], -1)


def frames_of(actors, sheets, faces, face_areas):
    """`draw_frames` of layers and flows alone: no eye is near, no mouth."""
    keep = [[there(np.ascontiguousarray(layer)) for layer in own] for own in actors]
    addresses = np.zeros((len(actors), layout.ADDRESSES), np.int64)
    addresses[:, :3] = [[layer.data_ptr() for layer in own] for own in keep]
    numbers = np.zeros((len(actors), layout.NUMBERS), np.float32)
    numbers[:, layout.SHEET_CELLS] = [cells for _, cells in sheets]
    numbers[:, layout.FACE_AREA : layout.FACE_AREA + 4] = face_areas
    gains = torch.ones((len(actors), 4, 8, 4), device=DEVICE)
    out = torch.zeros((len(actors), SIZE, SIZE), dtype=torch.int32, device=DEVICE)
    stack = there(np.stack([flow for flow, _ in sheets])), there(np.stack(faces))
    draw_frames(there(numbers), there(addresses), *stack, gains, out)
    return out.cpu().numpy().view(np.uint8).reshape(len(actors), SIZE, SIZE, 4)


def test_sheet_and_face_are_laid_on_as_their_slow_twins_lay_them():
    rng = np.random.default_rng(4)
    actors, sheets, faces = [], [], []
    for cells in (SIZE // 8, SIZE // 2):
        flow = np.zeros((SIZE // 2, SIZE // 2, 2), np.float32)
        flow[:cells, :cells] = rng.uniform(-9, 9, (cells, cells, 2))  # beyond the edges, too
        sheets.append((flow, cells))
        actors.append(layers(rng))
        grid = face_grid(rng, SIZE // 2)
        grid[..., 6] = cv2.blur(np.ascontiguousarray(grid[..., 5]), (3, 3))
        faces.append(grid)
    found = frames_of(actors, sheets, faces, [(0, 0, SIZE, SIZE)] * 2)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    for i, ((plate, sheet, face), (flow, cells)) in enumerate(zip(actors, sheets, strict=True)):
        wide = cv2.resize(flow[:cells, :cells], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        moved = remapped(sheet, columns + wide[..., 0], rows + wide[..., 1])
        wide = cv2.resize(faces[i], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        whole, cover = wide / np.maximum(wide[..., 5:6], 1e-3), wide[..., 5]
        skin = remapped(face, columns + whole[..., 0], rows + whole[..., 1])
        wanted = laid_over(moved, plate[..., :3])
        wanted = laid_shaded(skin, whole[..., 2:5], np.minimum(wide[..., 6], cover), wanted)
        # Beside a hole displacements are divided by next to nothing: a rounded share may tip.
        off = np.abs(found[i, ..., :3].astype(int) - wanted).max(-1)
        assert np.quantile(off, 0.99) <= 1 and (off > 8).mean() < 0.002
        assert np.abs(wanted.astype(int) - plate[..., :3]).mean() > 20


def test_at_rest_every_pixel_is_the_layers_own_and_a_face_elsewhere_is_not_drawn():
    rng = np.random.default_rng(5)
    plate, sheet, face = layers(rng)
    still = np.zeros((SIZE // 2, SIZE // 2, 2), np.float32)
    grid = np.ones((SIZE // 2, SIZE // 2, 8), np.float32)
    grid[..., :2] = 0.0
    (found,) = frames_of([(plate, sheet, face)], [(still, SIZE // 8)], [grid], [(0, 0, SIZE, SIZE)])
    below = laid_over(sheet, plate[..., :3])
    wanted = laid_over(face, below)
    np.testing.assert_array_equal(found[..., :3], wanted)
    empty = [(0, 0, 0, 0)]
    (found,) = frames_of([(plate, sheet, face)], [(still, SIZE // 8)], [grid], empty)
    np.testing.assert_array_equal(found[..., :3], below)
    assert (found[..., 3] == 255).all() and (wanted != below).any()


@pytest.mark.parametrize("size_px", [SIZE, SIZE // 2, SIZE // 4])
def test_frames_go_into_slots_whole_or_averaged_at_any_stride(size_px):
    rng, times = np.random.default_rng(6), SIZE // size_px
    frames = rng.integers(0, 256, (2, SIZE, SIZE, 4)).astype(np.uint8)
    frames[..., 3] = 255
    rooms = [torch.full((size_px, size_px + gap, 4), 9, dtype=torch.uint8, device=DEVICE)
             for gap in (0, 13)]  # fmt: skip
    slots = [slot_of(room[:, :size_px], torch.device(DEVICE)) for room in rooms]
    assert [slot[1] for slot in slots] == [4 * size_px, 4 * (size_px + 13)]
    told = there(np.array([slot[:2] for slot in slots], np.int64))
    pack(there(frames.view(np.int32)[..., 0]), told, size_px)
    blocks = frames.reshape(2, size_px, times, size_px, times, 4).astype(int)
    wanted = (blocks.sum((2, 4)) + times * times // 2) // (times * times)
    for room, one in zip(rooms, wanted, strict=True):
        np.testing.assert_array_equal(room[:, :size_px].cpu().numpy(), one)
        assert (room[:, size_px:] == 9).all()  # between rows lies what is somebody else's


def test_slots_that_cannot_be_written_are_refused():
    device = torch.device(DEVICE)
    good = torch.zeros((8, 8, 4), dtype=torch.uint8, device=DEVICE)
    for bad in (good[..., :3], good.float(), good[:6], good.transpose(0, 1),
                torch.zeros(8 * 33 + 7, dtype=torch.uint8, device=DEVICE)[3:].as_strided(
                    (8, 8, 4), (33, 4, 1))):  # fmt: skip
        with pytest.raises(ValueError, match="a slot"):
            slot_of(bad, device)
    with pytest.raises(ValueError, match="cannot be put into ndarray"):
        slot_of(np.zeros((8, 8, 4), np.uint8), device)
    with pytest.raises(ValueError, match="whole parts of that, not to 24 px"):
        pack(torch.zeros((1, SIZE, SIZE), dtype=torch.int32), torch.zeros((1, 2)), 24)


def test_memory_of_others_is_taken_by_its_cuda_array_interface():
    class Slot:
        def __init__(self, strides, read_only=False):
            self.__cuda_array_interface__ = {
                "shape": (8, 8, 4), "typestr": "|u1", "data": (4096, read_only), "version": 3,
                "strides": strides,
            }  # fmt: skip

    device = torch.device("cuda", 0)
    assert slot_of(Slot((64, 4, 1)), device) == (4096, 64, 8)
    assert slot_of(Slot(None), device) == (4096, 32, 8)
    with pytest.raises(ValueError, match="writable"):
        slot_of(Slot(None, read_only=True), device)
