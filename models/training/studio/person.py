"""Who somebody is: every random choice of a person, drawn from one seed.

Knows distributions and what goes with what. Refuses to know meshes and textures. Colours are
linear RGB.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.studio.head import HeadModel
from training.studio.mesh import smooth_step

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Colour = tuple[float, float, float]

TONES = ((238, 204, 184), (230, 188, 160), (214, 166, 136), (190, 142, 108), (164, 114, 82),
         (128, 84, 60), (94, 60, 45), (70, 46, 37))  # fmt: skip
HAIR_COLOURS = ((24, 19, 18), (40, 29, 24), (66, 44, 30), (98, 66, 42), (142, 102, 64),
                (188, 154, 106), (150, 72, 38), (122, 118, 114), (204, 202, 198))  # fmt: skip
IRIS_COLOURS = ((84, 52, 30), (54, 34, 24), (104, 80, 44), (98, 112, 78), (94, 124, 152),
                (112, 138, 152), (72, 92, 82))  # fmt: skip
STYLES = (
    "bald",
    "buzz",
    "crop",
    "swept",
    "spiky",
    "curly",
    "afro",
    "bob",
    "long",
    "tied",
    "fringe",
)
_HIS = (0.13, 0.14, 0.22, 0.17, 0.07, 0.08, 0.04, 0.02, 0.06, 0.03, 0.04)
_HERS = (0.01, 0.02, 0.05, 0.06, 0.02, 0.10, 0.05, 0.19, 0.25, 0.10, 0.15)
HATS = ("none", "beanie", "brimmed", "hood", "helmet", "scarf", "circlet")


def linear(rgb: tuple[int, int, int]) -> F64:
    """8-bit sRGB to linear."""
    return np.asarray((np.array(rgb) / 255.0) ** 2.2)


@dataclass(frozen=True)
class Person:
    """One identity and its looks. Amounts run 0..1 unless said otherwise."""

    seed: int
    shape: F32  # [100] identity coefficients, in standard deviations
    masculine: float
    age: float
    tone: F64  # [3]
    dark: float
    hair_colour: F64
    brow_colour: F64
    iris_colour: F64
    pupil: float  # radius, of the iris's
    style: str
    volume: float  # of hair, about 1
    parting: float  # -1 the subject's right .. 1 left
    hairline: F64  # [K, 2] azimuth in degrees, height on the mean head
    beard: str  # none, stubble, goatee, moustache, full, long
    stubble: float
    hat: str
    hat_colour: F64
    glasses: str  # none, round, square, cat, monocle
    makeup: float
    lip_colour: F64
    freckles: float
    redness: float
    tired: float
    oily: float
    brow: tuple[float, float, float]  # thickness, density, arch
    brow_wild: float
    teeth: dict[str, float] = field(default_factory=dict)
    cloth: str = "crew"
    cloth_colours: tuple[F64, F64] = (np.zeros(3), np.zeros(3))


def random_person(head: HeadModel, seed: int) -> Person:
    """Draw somebody. The same seed gives the same person."""
    rng = np.random.default_rng(seed)
    masculine, age = rng.random(), float(rng.beta(1.3, 1.7))
    his = masculine > 0.5
    place = rng.uniform(0, len(TONES) - 1.001)
    first = int(place)
    tone = (1 - place + first) * linear(TONES[first]) + (place - first) * linear(TONES[first + 1])
    dark = place / (len(TONES) - 1)
    hair = _hair_colour(rng, dark, age)
    style = str(
        rng.choice(STYLES, p=np.array(_HIS if his else _HERS) / sum(_HIS if his else _HERS))
    )
    beard = str(rng.choice(("none", "stubble", "goatee", "moustache", "full", "long"),
                           p=(0.34, 0.20, 0.10, 0.10, 0.18, 0.08))) if his else "none"  # fmt: skip
    hat = str(rng.choice(HATS, p=(0.70, 0.05, 0.06, 0.06, 0.06, 0.04, 0.03)))
    glasses = str(rng.choice(("none", "round", "square", "cat"), p=(0.82, 0.07, 0.07, 0.04)))
    return Person(
        seed=seed,
        shape=_identity(head, rng, masculine, age),
        masculine=masculine, age=age, tone=tone * rng.uniform(0.9, 1.08, 3), dark=dark,
        hair_colour=hair,
        brow_colour=hair * rng.uniform(0.45, 0.8) if hair.mean() < 0.4 else hair * 0.35,
        iris_colour=linear(IRIS_COLOURS[rng.integers(len(IRIS_COLOURS) if dark < 0.5 else 2)])
        * rng.uniform(0.8, 1.25, 3),
        pupil=rng.uniform(0.28, 0.5), style=style, volume=rng.uniform(0.75, 1.3),
        parting=float(rng.choice((-1, 1)) * rng.uniform(0, 1)),
        hairline=_hairline(rng, his, age, style), beard=beard,
        stubble=rng.uniform(0.2, 0.9) if beard != "none" else (0.25 * rng.random() if his else 0.0),
        hat=hat, hat_colour=_dye(rng), glasses=glasses,
        makeup=float(rng.random() ** 0.7 * (rng.random() < 0.65)) if not his else 0.0,
        lip_colour=_lips(rng, tone, dark),
        freckles=max(0.0, rng.uniform(-1.2, 1.0)) if dark < 0.45 else 0.0,
        redness=rng.uniform(0.15, 1.0), tired=rng.uniform(0, 0.6) + 0.4 * age * rng.random(),
        oily=rng.uniform(0, 1),
        brow=(rng.uniform(0.8, 1.6) if his else rng.uniform(0.5, 1.1),
              rng.uniform(0.45, 1.1), rng.uniform(-0.3, 0.4)),
        brow_wild=rng.uniform(0, 1) * (0.4 + 0.6 * masculine) * (0.5 + age),
        teeth=_teeth(rng, age), cloth=str(rng.choice(("crew", "vee", "collar", "robe", "armour"))),
        cloth_colours=(_dye(rng), _dye(rng)),
    )  # fmt: skip


def _identity(head: HeadModel, rng: np.random.Generator, masculine: float, age: float) -> F32:
    """Coefficients of a plausible head: near the mean, pushed along what men differ in."""
    count = len(head.identities)
    shape = np.clip(rng.normal(size=count) * rng.uniform(0.6, 1.0), -2.2, 2.2)
    direction = _manly(head)
    shape += direction * (2.6 * (masculine - 0.5) + 0.5 * rng.normal())
    return np.clip(shape, -2.6, 2.6).astype(np.float32)


def _manly(head: HeadModel) -> F64:
    """Unit direction of wide jaws and noses, thin lips, strong brows among the identities."""
    mark = head.landmarks68
    jaw, nose, brow = head.identities[:, mark[[4, 12]]], head.identities[:, mark[[31, 35]]], (
        head.identities[:, mark[[19, 24]]])  # fmt: skip
    lips = head.identities[:, mark[51], 1] - head.identities[:, mark[57], 1]
    score = (jaw[:, 1, 0] - jaw[:, 0, 0]) + (nose[:, 1, 0] - nose[:, 0, 0]) - lips
    score = score + 0.5 * brow[:, :, 2].mean(1)
    return np.asarray(score / (np.linalg.norm(score) + 1e-9), np.float64)


def _hair_colour(rng: np.random.Generator, dark: float, age: float) -> F64:
    if rng.random() < 0.04:
        return np.asarray(rng.uniform(0.02, 0.6, 3))  # dyed
    pool = range(7) if dark < 0.45 else (0, 0, 0, 1, 1, 2)
    base = linear(HAIR_COLOURS[int(rng.choice(list(pool)))]) * rng.uniform(0.75, 1.25)
    grey = linear(HAIR_COLOURS[rng.integers(7, 9)])
    amount = float(smooth_step(0.45, 0.95, np.array(age + 0.25 * rng.normal())))
    return np.asarray(base + (grey - base) * amount)


def _hairline(rng: np.random.Generator, his: bool, age: float, style: str) -> F64:
    """Height of the hairline round the head; temples recede with a man's age."""
    base = rng.uniform(-0.9, 0.35) - 0.4
    recede = max(0.0, rng.uniform(-0.6, 1.0)) * (0.4 + 1.2 * age) if his else 0.2 * rng.random()
    side = rng.uniform(0.6, 2.2) if not his else rng.uniform(-0.6, 0.6)
    return np.array([
        (0, 9.5 + base + 0.8 * recede - 0.3 * rng.random()), (14, 9.6 + base + 1.2 * recede),
        (28, 9.4 + base + 2.4 * recede), (42, 8.4 + base + 1.8 * recede),
        (54, 6.6 + 0.6 * base + 0.6 * recede), (64, 4.8 + side * 0.2), (72, 1.6 + side),
        (80, 0.8 + side), (88, 3.2), (104, 3.9), (118, 2.0), (128, -2.2), (145, -5.4),
        (180, -6.2),
    ])  # fmt: skip


def _dye(rng: np.random.Generator) -> F64:
    """A colour of cloth: mostly muted."""
    hue = rng.uniform(0, 1, 3)
    value = rng.uniform(0.02, 0.45)
    muted = rng.uniform(0.2, 0.9)
    colour = hue / hue.max() * value
    return np.asarray(colour * (1 - muted) + colour.mean() * muted)


def _lips(rng: np.random.Generator, tone: F64, dark: float) -> F64:
    red = np.array([0.86, 0.50, 0.50]) if dark < 0.6 else np.array([0.95, 0.64, 0.64])
    return np.asarray(tone * red * rng.uniform(0.85, 1.08, 3))


def _teeth(rng: np.random.Generator, age: float) -> dict[str, float]:
    return {
        "size": rng.normal() * 0.05, "length": 1 + rng.normal() * 0.07,
        "crooked": rng.random() ** 2,
        "gap": max(0.0, rng.uniform(-3.0, 1.0)),
        "yellow": np.clip(rng.normal(0.3 + 0.3 * age, 0.22), 0, 1),
        "value": rng.uniform(0.62, 0.92) - 0.12 * age, "worn": age * rng.random(),
        "missing": float(rng.random() < 0.04), "canines": max(0.0, rng.normal() * 0.4),
        "drop": rng.normal() * 0.12,
    }  # fmt: skip
