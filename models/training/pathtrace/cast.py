"""The three demo characters: a captain, a smith and a witch.

Knows every choice that makes them who they are. Refuses to know how any of it is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.pathtrace import fabric, groom, scenery, wardrobe
from training.pathtrace.groom import Groom
from training.pathtrace.head import HeadModel
from training.pathtrace.scenery import Lamp
from training.pathtrace.sitter import Person, Sitter, ground_of
from training.pathtrace.skin import Complexion, smooth

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Character:
    """A name, where and who, and how the picture is taken."""

    name: str
    scene: Callable[[], None]
    build: Callable[[HeadModel], None]
    lamps: tuple[Lamp, ...]
    ambient: tuple[float, float, float]
    ambient_strength: float
    aim_y: float
    exposure: float = 0.0
    frame_units: float = 35.6  # what the picture spans at the depth of the eyes


def _toward(vector: tuple[float, float, float]) -> groom.Flow:
    """Everything grows one way, laid along the skin."""
    fixed = np.array(vector, float)

    def flow(roots: F64, place: F64, normals: F64) -> F64:
        del roots, place
        return fixed - (normals @ fixed)[:, None] * normals

    return flow


def _down_and_out(roots: F64, place: F64, normals: F64) -> F64:
    """A beard: away from the middle a little, down, and forward on the chin."""
    del place
    aim = np.stack(
        [0.22 * roots[:, 0] / 5, np.full(len(roots), -1.0), np.where(roots[:, 2] > 8, 0.30, 0.05)],
        1,
    )
    return aim - 0.6 * (normals * aim).sum(1, keepdims=True) * normals


# ------------------------------------------------------------------------------------ captain

CAPTAIN_HAIR = (0.014, 0.011, 0.010)
CAPTAIN = Person(
    identity_seed=23, identity_strength=0.75,
    complexion=Complexion(tone=(0.150, 0.068, 0.038), lips=(0.150, 0.052, 0.042),
                          hair=CAPTAIN_HAIR, red=0.25, shadows=0.35, age=0.45, stubble=0.6,
                          seed=23),
    iris=(0.055, 0.026, 0.012),
    hairline=((0, 9.7), (20, 9.7), (38, 9.3), (50, 7.6), (60, 6.6), (68, 3.4), (76, 1.6),
              (84, 1.2), (90, 3.6), (104, 4.2), (118, 2.0), (135, -3.0), (180, -5.5)),
    expression={"browDown": 0.42, "browInnerUp": -0.5, "eyeSquint": 0.2, "eyeBlink": 0.14},
    yaw_deg=-5.0, pitch_deg=-1.0, brow_count=620, brow_width=0.50, lash_length=0.62,
)  # fmt: skip


def build_captain(model: HeadModel) -> None:
    """A man of forty, close coils and a short beard, in steel."""
    sitter = Sitter(model, CAPTAIN)
    coat = fabric.hair(CAPTAIN_HAIR, grey=0.06, roughness=0.4)
    sitter.add_brows(coat)
    y = sitter.skin.rest[:, 1]
    top = 0.22 + 0.78 * smooth(2.5, 8.5, y)
    coils = Groom(
        count=36000,
        length=(1.0, 1.5),
        steps=14,
        lift=0.92,
        stiffness=0.9,
        clump=26,
        gather=0.65,
        curl_radius=0.10,
        curl_turns=2.6,
        frizz=0.25,
        thickness=0.013,
        seed=1,
    )
    sitter.add_strands(
        "hair",
        sitter.grow(coils, sitter.hair_mask(), _toward((0, 0.6, -0.5)), None, top),
        0.013,
        coat,
        0.5,
    )
    beard = Groom(
        count=15000,
        length=(0.28, 0.50),
        steps=9,
        lift=0.55,
        stiffness=0.75,
        clump=10,
        gather=0.4,
        curl_radius=0.045,
        curl_turns=3.5,
        frizz=0.3,
        seed=2,
        clearance=0.02,
    )
    sitter.add_strands(
        "beard", sitter.grow(beard, sitter.beard_mask(1.0), _down_and_out, None), 0.012, coat, 0.4
    )
    sitter.finish()
    steel = fabric.metal((0.46, 0.47, 0.50), 0.27, 0.12)
    gold = fabric.metal((0.62, 0.40, 0.13), 0.25, 0.08)
    for plate in wardrobe.gorget():
        sitter.wear("gorget", plate, steel)
    sitter.wear("breast", wardrobe.breastplate(), steel)
    for side in (-1, 1):
        for plate in wardrobe.pauldron(side):
            sitter.wear("pauldron", plate, steel)
    angle = np.radians(np.arange(20, 161, 14))
    studs = np.stack(
        [11.2 * np.cos(angle), -13.4 - 1.15 * np.sin(angle) ** 3, -1.4 + 10.0 * np.sin(angle)], 1
    )
    for stud in wardrobe.rivets(studs, 0.34):
        sitter.wear("rivet", stud, gold)
    mail = fabric.cloth((0.028, 0.03, 0.045), 9.0, 0.4)
    sitter.wear("arming", wardrobe.torso(inflate=-0.5, seed=3), mail)


# -------------------------------------------------------------------------------------- smith

SMITH_HAIR = (0.135, 0.052, 0.020)
SMITH = Person(
    identity_seed=41, identity_strength=0.8,
    complexion=Complexion(tone=(0.52, 0.285, 0.19), lips=(0.40, 0.15, 0.125), hair=SMITH_HAIR,
                          red=0.85, shadows=0.45, age=1.0, stubble=0.5, freckles=0.25, soot=0.32,
                          seed=41),
    iris=(0.16, 0.24, 0.30),
    hairline=((0, 10.6), (14, 10.8), (28, 11.2), (42, 9.6), (54, 7.2), (64, 5.0), (72, 2.2),
              (82, 1.4), (90, 3.8), (104, 4.2), (118, 2.0), (135, -3.0), (180, -6.5)),
    expression={"browDown": 0.10, "eyeSquint": 0.15, "cheekSquint": 0.15,
                "eyeBlink": 0.12},
    yaw_deg=6.0, pitch_deg=-1.5, brow_count=950, brow_width=0.55, lash_length=0.55,
)  # fmt: skip


def build_smith(model: HeadModel) -> None:
    """A man of sixty: ginger going grey, full beard, headband, linen and leather."""
    sitter = Sitter(model, SMITH)
    coat = fabric.hair(SMITH_HAIR, grey=0.42, roughness=0.36)
    sitter.add_brows(coat, 0.016)
    shirt = wardrobe.torso(collar_drop=1.6, folds=0.34, seed=12, neckline=5.0)
    around = ground_of(sitter.ground, shirt)
    rest = sitter.skin.rest
    swept = Groom(
        count=26000,
        length=(4.5, 6.5),
        steps=16,
        lift=0.35,
        gravity=0.35,
        stiffness=0.62,
        clump=70,
        gather=0.6,
        frizz=0.22,
        curl_radius=0.14,
        curl_turns=0.22,
        clearance=0.18,
        seed=3,
    )
    sitter.add_strands(
        "hair", sitter.grow(swept, sitter.hair_mask(), _swept_back, around), 0.015, coat
    )
    length = 0.30 + 0.70 * smooth(-1.0, -5.5, rest[:, 1])
    length *= np.where((np.abs(rest[:, 0]) < 3.4) & (rest[:, 1] > -3.6), 0.52, 1.0)
    beard = Groom(
        count=22000,
        length=(2.6, 3.9),
        steps=14,
        lift=0.50,
        gravity=0.25,
        stiffness=0.74,
        clump=46,
        gather=0.62,
        frizz=0.16,
        curl_radius=0.09,
        curl_turns=0.55,
        clearance=0.05,
        seed=4,
    )
    sitter.add_strands(
        "beard", sitter.grow(beard, sitter.beard_mask(1.15), _full_beard, None, length), 0.014, coat
    )
    profile = np.array([[8.3, 8.95, 10.15, -0.5], [9.7, 8.55, 9.75, -0.6]])
    strap = wardrobe.band(profile, 0.25, -6.0, 0.08, fit=lambda points: sitter.clear(points, 0.42))
    sitter.wear("headband", strap, fabric.leather((0.085, 0.038, 0.018)), on_head=True)
    sitter.finish()
    sitter.wear("shirt", shirt, fabric.cloth((0.46, 0.40, 0.31), 8.0, 0.45))
    hide = fabric.leather((0.060, 0.030, 0.016))
    for side in (-1, 1):
        sitter.wear("strap", wardrobe.strap(side, shirt), hide)
    sitter.wear("bib", wardrobe.bib(), hide)


def _lay(normals: F64, aim: F64) -> F64:
    return aim - 0.8 * (normals * aim).sum(1, keepdims=True) * normals


def _swept_back(roots: F64, place: F64, normals: F64) -> F64:
    """Hair combed back from the brow and down at the sides."""
    del place
    aim = np.stack(
        [
            0.25 * np.sign(roots[:, 0]),
            np.where(roots[:, 1] > 8, 0.05, -0.8),
            np.full(len(roots), -1.0),
        ],
        1,
    )
    return _lay(normals, aim)


def _full_beard(roots: F64, place: F64, normals: F64) -> F64:
    """Down on cheeks and chin; the moustache parts and keeps clear of the lips."""
    aim = _down_and_out(roots, place, normals)
    lip = (np.abs(roots[:, 0]) < 3.4) & (roots[:, 1] > -3.5) & (roots[:, 2] > 9.3)
    parted = np.stack(
        [1.3 * np.sign(roots[:, 0]), -0.55 + 0 * roots[:, 0], 0.12 + 0 * roots[:, 0]], 1
    )
    return np.where(lip[:, None], parted, aim)


# -------------------------------------------------------------------------------------- witch

WITCH_HAIR = (0.115, 0.026, 0.010)
WITCH = Person(
    identity_seed=7, identity_strength=0.7,
    complexion=Complexion(tone=(0.62, 0.385, 0.285), lips=(0.46, 0.125, 0.115), hair=WITCH_HAIR,
                          red=0.65, shadows=0.12, age=0.06, freckles=0.75, seed=7),
    iris=(0.10, 0.20, 0.075), pupil=0.34,
    hairline=((0, 11.0), (20, 10.8), (38, 9.6), (52, 7.4), (62, 5.2), (70, 2.8), (80, 1.8),
              (90, 3.8), (104, 4.2), (118, 2.0), (135, -3.0), (180, -6.5)),
    expression={"mouthSmile": 0.62, "mouthUpperUp": 0.10, "jawOpen": 0.06, "cheekSquint": 0.4,
                "eyeSquint": 0.22, "mouthLowerDown": 0.08, "eyeBlink": 0.12, "mouthDimple": 0.2},
    yaw_deg=-4.0, pitch_deg=1.0, roll_deg=2.0, brow_count=430, brow_width=0.27, lash_length=1.0,
)  # fmt: skip


def build_witch(model: HeadModel) -> None:
    """A young woman with long red waves, freckles, a pointed hat and a moss-green hood."""
    sitter = Sitter(model, WITCH)
    coat = fabric.hair(WITCH_HAIR, roughness=0.28)
    sitter.add_brows(fabric.hair((0.085, 0.026, 0.012)), 0.011)
    hood = wardrobe.hood_down(5)
    dress = wardrobe.torso(folds=0.5, seed=8)
    around = ground_of(sitter.ground, hood, dress)
    long = Groom(
        count=34000,
        length=(14.0, 20.0),
        steps=36,
        lift=0.30,
        gravity=1.5,
        stiffness=0.62,
        clump=80,
        gather=0.74,
        frizz=0.06,
        curl_radius=0.42,
        curl_turns=0.13,
        clearance=0.30,
        seed=5,
    )
    sitter.add_strands("hair", sitter.grow(long, sitter.hair_mask(), _falling, around), 0.016, coat)
    felt = fabric.cloth((0.030, 0.026, 0.040), 11.0, 0.35)
    crown, brim = wardrobe.hat(3)
    sitter.wear("crown", crown, felt, on_head=True)
    sitter.wear("brim", brim, felt, on_head=True)
    profile = np.array([[9.9, 9.0, 10.2, -0.75], [11.7, 8.35, 9.45, -0.95]])
    ribbon = wardrobe.band(profile, 0.3, 5.0, 0.05)
    sitter.wear("hatband", ribbon, fabric.cloth((0.20, 0.055, 0.014), 7.0, 0.3), on_head=True)
    sitter.finish()
    sitter.wear("hood", hood, fabric.cloth((0.045, 0.075, 0.038), 9.0, 0.4))
    sitter.wear("dress", dress, fabric.cloth((0.030, 0.050, 0.028), 9.0, 0.4))
    gold = fabric.metal((0.62, 0.42, 0.15), 0.22, 0.05)
    for piece, size, material in (
        (np.array([[0, -15.6, 8.6]]), 1.15, gold),
        (np.array([[0, -15.6, 9.2]]), 0.85, fabric.gem((0.55, 0.16, 0.01))),
    ):
        for ball in wardrobe.rivets(piece, size):
            sitter.wear("brooch", ball, material)


def _falling(roots: F64, place: F64, normals: F64) -> F64:
    """Long hair: away from a parting a little to the subject's left, then down."""
    del place
    aim = np.stack(
        [
            0.75 * np.sign(roots[:, 0] - 0.8),
            np.full(len(roots), -0.55),
            np.where(roots[:, 2] > 6, -0.55, -0.15),
        ],
        1,
    )
    return _lay(normals, aim)


CAST: dict[str, Character] = {
    "captain": Character(
        "captain", scenery.castle, build_captain,
        (Lamp(-40, 28, 13, 3.0, (1.0, 0.93, 0.84)), Lamp(48, 8, 46, 0.55, (0.75, 0.87, 1.0)),
         Lamp(150, 30, 24, 2.6, (1.0, 0.80, 0.58)), Lamp(-155, 20, 24, 1.2, (0.70, 0.85, 1.0)),
         Lamp(0, 40, 160, 0.5, (0.9, 0.95, 1.0), 130)),
        (0.75, 0.86, 1.0), 0.28, -0.5, 0.3, 32.6),
    "smith": Character(
        "smith", scenery.forge, build_smith,
        (Lamp(-36, 27, 13, 2.2, (1.0, 0.86, 0.70)), Lamp(70, -6, 34, 1.5, (1.0, 0.46, 0.16)),
         Lamp(155, 25, 24, 2.2, (1.0, 0.55, 0.24)), Lamp(-150, 30, 26, 1.1, (0.75, 0.85, 1.0)),
         Lamp(10, 5, 60, 0.30, (1.0, 0.85, 0.7))),
        (0.9, 0.8, 0.72), 0.16, -1.6, 0.2),
    "witch": Character(
        "witch", scenery.forest, build_witch,
        (Lamp(34, 20, 13, 2.6, (1.0, 0.90, 0.78)), Lamp(-45, 4, 50, 0.75, (0.72, 0.92, 0.82)),
         Lamp(-150, 24, 28, 2.6, (1.0, 0.84, 0.50)), Lamp(150, 28, 24, 1.5, (0.75, 1.0, 0.75)),
         Lamp(0, -25, 60, 0.35, (0.85, 1.0, 0.75))),
        (0.80, 1.0, 0.85), 0.20, 1.9, 0.05, 34.7),
}  # fmt: skip
