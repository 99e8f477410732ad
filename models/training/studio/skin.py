"""A person's skin as textures: colour, gloss, relief, folds, and what part each texel is.

Knows where on a face blood, shadow, hair roots and lips lie, in places of the mean head. Refuses to
know identities' shapes, light and strands.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.studio.layout import Part
from training.studio.mesh import smooth_step
from training.studio.person import Person
from training.studio.texels import Texels, Tile
from training.studio.wrinkles import relief

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
TILT_SCALE = 1.5  # a stored tilt of ±1 is this steep


@dataclass(frozen=True)
class SkinTextures:
    """Two tiles each, row 0 at v = 0."""

    albedo: U8  # [2, S, S, 4] square root of linear colour; gloss
    relief: U8  # [2, S, S, 4] tilt of the normal in axes of the resting head; lip
    folds: U8  # [2, S, S, 4] the same for expression folds; how dark they are
    parts: U8  # [2, S, S] Part


class SkinPainter:
    """Paints skins of one texture size; keeps what all persons share."""

    def __init__(self, texels: Texels) -> None:
        self.texels = texels
        curve = texels.landmark_curve
        outer, blur = curve(list(range(48, 60)), 300, closed=True), 0.0022
        self.lips = texels.filled(outer, blur)
        inner = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]
        self.mouth_line = np.minimum(*(texels.distance_to(curve(list(m))) for m in inner))
        lids = {"upper": ([36, 37, 38, 39], [42, 43, 44, 45]),
                "lower": ([36, 41, 40, 39], [42, 47, 46, 45])}  # fmt: skip
        self.lid = {
            name: np.minimum(*(texels.distance_to(curve(m)) for m in pair))
            for name, pair in lids.items()
        }
        self.noise = _noise_bank(texels.size)

    def paint(self, person: Person, scalp: tuple[F32, F32]) -> SkinTextures:
        """All textures; `scalp` is the density of hair roots 0..1 for each tile, [S, S]."""
        rng = np.random.default_rng(person.seed + 11)
        albedo, bumps, folds, parts = [], [], [], []
        for number, tile in enumerate(self.texels.tiles):
            colour, gloss = self._base(person, tile, rng)
            bump = self._pores(person, tile, rng, face=number == 0)
            lips = np.zeros_like(gloss)
            brows = np.zeros_like(gloss)
            if number == 0:
                lips = self.lips * (tile.rest[..., 2] > 8.0)
                colour, gloss = self._face(person, tile, colour, gloss, lips, rng)
                brows = self._brows(person, rng)
                colour = _toward(colour, person.brow_colour, brows)
                gloss = gloss * (1 - 0.7 * brows)
                bump = bump + 0.05 * brows
                tilt = tile.tilt(relief(tile.rest, person.seed))
                crease = np.clip(-relief(tile.rest, person.seed) * 6, 0, 1)
            else:
                tilt, crease = np.zeros_like(colour), np.zeros_like(gloss)
            root = scalp[number]
            patchy = np.clip(root * (0.95 + 0.25 * self._noise(rng, 1)) - 0.05, 0, 1) * 0.92
            colour = _toward(colour, 0.45 * person.hair_colour + 0.05 * person.tone, patchy)
            gloss = gloss * (1 - 0.5 * patchy)
            albedo.append(_bytes(np.dstack([np.sqrt(np.clip(colour, 0, 1)), gloss])))
            bumps.append(_tilt_bytes(tile.tilt(bump), lips))
            folds.append(_tilt_bytes(tilt, crease))
            parts.append(_parts(tile, lips, brows))
        return SkinTextures(np.stack(albedo), np.stack(bumps), np.stack(folds), np.stack(parts))

    def _noise(self, rng: np.random.Generator, level: int) -> F32:
        """Unit-variance noise, coarser with the level, shifted at random."""
        bank = self.noise[level]
        shift = rng.integers(0, len(bank), 2)
        return np.roll(bank, tuple(int(s) for s in shift), (0, 1))

    def _base(self, person: Person, tile: Tile, rng: np.random.Generator) -> tuple[F32, F32]:
        """Blood, melanin, tired eyes; gloss."""
        rest = tile.rest
        y, z = rest[..., 1], rest[..., 2]
        slow, mid = self._noise(rng, 4), self._noise(rng, 3)
        colour = person.tone * (1 + 0.05 * slow[..., None] * np.array([0.6, 1.0, 1.1]))
        blood = (
            0.8 * _bell(rest, (4.4, -0.4, 9), 1.8) + 0.9 * _bell(rest, (0, 0.3, 12.8), 1.1)
            + 0.5 * _bell(rest, (0, -6.6, 10.6), 1.3) + 0.8 * _ears(rest)
            + 0.35 * _bell(rest, (3.1, 4.5, 9.4), 0.9) + 0.4 * _bell(rest, (1.3, 0.2, 11.6), 0.6)
            + 0.12
        )  # fmt: skip
        blood = np.clip(blood * person.redness * (1 + 0.35 * mid), 0, 1) * (
            0.9 - 0.35 * person.dark
        )
        colour = colour * (1 - blood[..., None] * np.array([0.06, 0.34, 0.34]))
        tired = _bell(rest, (2.7, 2.2, 9.5), 0.8) + 0.5 * _bell(rest, (1.9, 3.1, 9.2), 0.5)
        colour = colour * (1 - (tired * person.tired)[..., None] * np.array([0.34, 0.40, 0.28]))
        around = _bell(rest, (0, -3.6, 11), 2.0) * 0.10 + smooth_step(-7, -13, y) * 0.10
        colour = colour * (1 - around[..., None] * np.array([0.8, 1.0, 1.1]))
        blotch = np.clip(self._noise(rng, 2) - 0.9, 0, 1) * (0.10 + 0.35 * person.age)
        colour = colour * (1 - blotch[..., None] * np.array([0.18, 0.30, 0.32]))
        oily = 0.5 * _bell(rest, (0, 8, 10.5), 2.6) + 0.7 * _bell(rest, (0, 1, 12.6), 1.3)
        oily = oily + 0.35 * _bell(rest, (4.4, 1.4, 9.3), 1.1)
        gloss = 0.25 + 0.45 * (0.35 + person.oily) * oily + 0.06 * self._noise(rng, 1)
        return colour.astype(np.float32), (gloss * (z > -20)).astype(np.float32)

    def _pores(self, person: Person, tile: Tile, rng: np.random.Generator, *, face: bool) -> F32:
        """Relief of pores and age in model units."""
        rest = tile.rest
        fine, mid = self._noise(rng, 0), self._noise(rng, 2)
        open_pores = 0.6 + 0.9 * _bell(rest, (1.6, 0.5, 11), 2.6) + 0.4 * _bell(rest, (0, 8, 10), 3)
        height = -0.0048 * np.clip(fine, 0, 3) * open_pores * (0.6 + 0.8 * person.age)
        height = height + 0.009 * mid * (0.4 + person.age)
        if face:
            amounts = {region: float(np.clip(1.25 * person.age + 0.25 * rng.normal(), 0, 1.2))
                       for region in ("forehead", "frown", "eye", "cheek", "corner")}  # fmt: skip
            amounts["cheek"] = max(amounts["cheek"], 0.25)
            height = height + 0.75 * relief(rest, person.seed, amounts)
        return np.asarray(height, np.float32)

    def _face(
        self, person: Person, tile: Tile, colour: F32, gloss: F32, lips: F32,
        rng: np.random.Generator,
    ) -> tuple[F32, F32]:  # fmt: skip
        """Lips, lids, freckles, stubble and make-up onto the face."""
        rest = tile.rest
        colour = _freckle(colour, person, self.texels.size, rng, lips)
        beard = beard_density(rest, person, lips)
        shade = np.clip(0.75 + 0.3 * self._noise(rng, 0) + 0.2 * self._noise(rng, 1), 0, 1.3)
        stubble = beard * shade * person.stubble * (1.0 if person.beard != "none" else 0.5)
        colour = _toward(colour, 0.45 * person.hair_colour + 0.25 * person.tone, stubble)
        paint = np.array([0.45, 0.05, 0.08]) * rng.uniform(0.4, 1.6, 3)
        body = person.lip_colour + (paint - person.lip_colour) * 0.75 * person.makeup
        streak = cv2.GaussianBlur(self._noise(rng, 0), (0, 0), sigmaX=0.6, sigmaY=2.5)
        rim = cv2.GaussianBlur(lips, (0, 0), 0.006 * self.texels.size)
        lip = body * (1 + 0.10 * streak / streak.std())[..., None] * (0.78 + 0.28 * rim)[..., None]
        colour = _toward(colour, lip, lips * (0.8 if person.makeup else 0.62 + 0.3 * rng.random()))
        colour = colour * (1 - 0.55 * np.exp(-self.mouth_line / 0.004))[..., None]
        colour = self._eyes(person, colour, rng)
        if person.makeup:
            rouge = _bell(rest, (4.6, 0.3, 8.5), 1.5) * person.makeup * 0.5 * rng.random()
            colour = _toward(colour, colour * np.array([1.0, 0.62, 0.62]), rouge)
        gloss = gloss + lips * (0.30 + 0.4 * person.makeup * rng.random())
        return colour, gloss

    def _eyes(self, person: Person, colour: F32, rng: np.random.Generator) -> F32:
        """Roots of the lashes, pink rims, shadow of the crease, eye shadow and liner."""
        upper, lower = self.lid["upper"], self.lid["lower"]
        above = self.texels.tiles[0].rest[..., 1] > 3.3
        line = np.exp(-((upper / 0.0045) ** 2)) * (0.55 + 0.4 * person.makeup)
        line = np.maximum(line, np.exp(-((lower / 0.003) ** 2)) * (0.3 + 0.4 * person.makeup))
        rim = 0.25 * np.exp(-((np.minimum(upper, lower) / 0.010) ** 2))
        colour = colour * (1 - rim[..., None] * np.array([0.1, 0.35, 0.3]))
        dye = rng.uniform(0.02, 0.5, 3) * person.makeup * (rng.random() < 0.6)
        shadow = np.exp(-(((upper - 0.014) / 0.012) ** 2)) * above
        colour = _toward(colour, 0.45 * colour + 0.5 * dye, shadow * (0.25 + 0.45 * person.makeup))
        return colour * (1 - np.clip(line, 0, 0.9)[..., None] * np.array([0.78, 0.82, 0.82]))

    def _brows(self, person: Person, rng: np.random.Generator) -> F32:
        """Brows as single hairs, 0..1, [S, S]; drawn at twice the size."""
        size = self.texels.size
        canvas = np.zeros((2 * size, 2 * size), np.uint8)
        thick, density, arch = person.brow
        for marks, sign in ((range(21, 16, -1), -1.0), (range(22, 27), 1.0)):
            curve = self.texels.landmark_curve(list(marks), 100) / size  # inner to outer
            curve[:, 1] += -0.004 + 0.012 * arch * np.sin(np.linspace(0, np.pi, 100))
            count = int(480 * density + 200)
            along = rng.random(count) ** 0.9
            width = (
                0.0105 * thick * (1 - 0.75 * along**2.2) * (0.55 + 0.45 * np.clip(6 * along, 0, 1))
            )
            across = np.clip(rng.normal(size=count) * 0.5, -1, 1)
            scatter = 8 + 22 * person.brow_wild
            lean = (
                75
                - 85 * np.clip(1.6 * along, 0, 1)
                + rng.normal(size=count) * scatter
                - 18 * across
            )
            length = (
                rng.uniform(0.010, 0.018, count) * (1 - 0.35 * along) * (1 + 0.5 * person.brow_wild)
            )
            start = curve[(along * 99).astype(int)] + np.c_[np.zeros(count), across * width]
            angle = np.radians(lean)
            end = start + np.c_[sign * np.cos(angle), np.sin(angle)] * length[:, None]
            ink = rng.integers(120, 255, count)
            wide = 3 if size >= 1024 else 2
            for a, b, k in zip(start, end, ink, strict=True):
                cv2.line(canvas, _pixel(a, 2 * size), _pixel(b, 2 * size), int(k), wide,
                         cv2.LINE_AA, 4)  # fmt: skip
        hairs = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA) / 255.0
        soft = cv2.GaussianBlur(hairs, (0, 0), 0.003 * size)
        return np.clip(0.85 * hairs + 0.40 * soft, 0, 0.95).astype(np.float32)


def beard_density(rest: F32, person: Person, lips: F32 | None = None) -> F32:
    """Where this person's beard grows, 0..1, [...]."""
    x, y, z = np.abs(rest[..., 0]), rest[..., 1], rest[..., 2]
    seed = person.seed % 97
    ragged = 0.25 * np.sin(2.3 * rest[..., 0] + seed) * np.sin(2.9 * y + 2 * seed) + 0.12 * np.sin(
        5.1 * rest[..., 0] + 3.7 * y
    )
    line = np.interp(x, [0, 2.6, 4.5, 6.2, 7.6], [-4.9, -4.6, -3.4, -0.9, 2.4])
    jaw = smooth_step(0.5, -0.5, y - line + ragged) * smooth_step(-11.0, -9.2, y + ragged)
    jaw = jaw * smooth_step(0.2, 2.4, z) * smooth_step(8.1, 7.7, x)
    lip = smooth_step(-1.15, -1.55, y + 0.10 * x) * smooth_step(-3.4, -2.9, y + 0.05 * x)
    lip = lip * smooth_step(3.6, 2.9, x) * (z > 9.2)
    link = smooth_step(2.5, 2.9, x) * smooth_step(3.7, 3.3, x) * (y > -5.4)
    link = link * smooth_step(-1.9, -2.7, y) * (z > 8)
    if person.beard == "moustache":
        jaw, link = jaw * 0, link * 0
    elif person.beard == "goatee":
        jaw, link = jaw * smooth_step(3.4, 2.6, x), link
    grown = np.clip(np.maximum(jaw, np.maximum(1.6 * lip, link)), 0, 1)
    bare = smooth_step(0.75, 0.35, np.hypot(x / 1.4, y + 4.85)) * 0.7
    grown = grown * (1 - bare)
    if lips is not None:
        grown = grown * (1 - np.clip(lips * 3, 0, 1))
    return np.asarray(grown, np.float32)


def _noise_bank(size: int) -> list[F32]:
    """Unit-variance noises of growing grain (periodic)."""
    rng = np.random.default_rng(5)
    bank = []
    for grain in (0.0013, 0.0028, 0.008, 0.025, 0.08):
        noise = rng.normal(size=(size, size)).astype(np.float32)
        tiled = np.tile(noise, (2, 2))
        noise = cv2.GaussianBlur(tiled, (0, 0), max(0.7, grain * size))[
            size // 2 : size // 2 + size, size // 2 : size // 2 + size
        ]
        bank.append((noise - noise.mean()) / noise.std())
    return bank


def _bell(rest: F32, centre: tuple[float, float, float], width: float) -> F32:
    """A soft spot at a place and its mirror image."""
    x = np.abs(rest[..., 0]) - centre[0]
    square = x * x + (rest[..., 1] - centre[1]) ** 2 + (rest[..., 2] - centre[2]) ** 2
    return np.exp(-square / (2 * width**2))


def _ears(rest: F32) -> F32:
    """1 on the ears."""
    x, y, z = np.abs(rest[..., 0]), rest[..., 1], rest[..., 2]
    return np.asarray(smooth_step(7.7, 8.1, x) * (y > -3.5) * (y < 5.0) * (z > -4.0), np.float32)


def _freckle(colour: F32, person: Person, size: int, rng: np.random.Generator, lips: F32) -> F32:
    spots = np.zeros((size, size), np.uint8)
    for _ in range(int(520 * person.freckles)):
        at = 0.5 + 0.13 * rng.normal(), 0.61 + 0.06 * rng.normal()
        cv2.circle(spots, _pixel(at, size), int(rng.uniform(6, 20) * size / 512),
                   int(rng.uniform(60, 190)), -1, cv2.LINE_AA, 4)  # fmt: skip
    for _ in range(int(rng.integers(0, 5))):  # moles
        at = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.85)
        cv2.circle(spots, _pixel(at, size), int(rng.uniform(14, 30) * size / 512), 230, -1,
                   cv2.LINE_AA, 4)  # fmt: skip
    amount = cv2.GaussianBlur(spots, (0, 0), 0.8).astype(np.float32) / 255 * (1 - lips)
    return colour * (1 - amount[..., None] * np.array([0.36, 0.50, 0.56]))


def _pixel(at: object, size: int) -> tuple[int, int]:
    x, y = at  # type: ignore[misc]
    return round(x * size * 16), round(y * size * 16)


def _toward(colour: F32, target: NDArray[np.floating], amount: F32) -> F32:
    return np.asarray(colour + (target - colour) * np.clip(amount, 0, 1)[..., None], np.float32)


def _bytes(picture: F32) -> U8:
    return np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8)


def _tilt_bytes(tilt: F32, extra: F32) -> U8:
    return _bytes(np.dstack([tilt / (2 * TILT_SCALE) + 0.5, extra]))


def _parts(tile: Tile, lips: F32, brows: F32) -> U8:
    rest = tile.rest
    parts = np.full(lips.shape, Part.SKIN, np.uint8)
    x, y, z = np.abs(rest[..., 0]), rest[..., 1], rest[..., 2]
    parts[(y < np.interp(z, [-9, 0, 4, 9], [-6.5, -6.5, -9.0, -10.4])) & (y < -6)] = Part.NECK
    parts[_ears(rest) > 0.5] = Part.EAR
    soft = cv2.GaussianBlur(brows, (0, 0), 0.002 * len(brows)) if brows.any() else brows
    parts[soft > 0.22] = Part.BROW
    parts[(lips > 0.5) & (x < 3.5)] = Part.LIPS
    return parts
