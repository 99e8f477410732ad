"""The background plate: the portrait without its person.

Knows how to continue what surrounds the person: slow colour softly, bricks and leaves by patches of
their own, grain by its strength. Refuses to invent things: where no turn of the head will show it,
the plate is calm colour.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.models.enrolment.texture import complete

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_MARGIN_PX = 10  # background this near to the person is tinted by hair, glow or blur
_SEAM_PX = 12.0
_TRUSTED_PX = 24.0  # and this near it is believed less and less
_CALM_PER_PX = 0.22  # blur in px for each px of distance from what is known
_CALM_LEVELS_PX = (0.0, 3.0, 8.0, 18.0, 40.0)
_GRAIN_BANDS_PX = (0.8, 1.8, 4.0)  # grain and brushwork are what lies below these blurs
_MAX_BAND_RISE = 1.4  # grain is not coarser than fine; leaves and bricks are, and are no grain
# Texture goes on this far under the person: what a turning head may uncover.
_TEXTURE_PX, _TEXTURE_FADES_PX = 96.0, 24.0
_SLOW_PX = 15.0  # changes wider than this are not texture but light, and are continued softly
_OUTSTANDING = 4.0  # times the usual difference from the slow colours: no texture any more
_TEXTURE_SHRINK = 2  # texture finer than two pixels is grain


def background_plate(portrait: U8, matte: U8) -> U8:
    """`portrait` [512, 512, 3] with the person of `matte` [512, 512] painted out."""
    known = _background(matte)
    if known.mean() < 0.005:  # the person fills the frame: any calm colour will do
        edge = np.concatenate([portrait[0], portrait[-1], portrait[:, 0], portrait[:, -1]])
        return np.broadcast_to(np.median(edge, axis=0).astype(np.uint8), portrait.shape).copy()
    picture = portrait.astype(np.float32)
    distance_px = np.asarray(cv2.distanceTransform(1 - known, cv2.DIST_L2, 5), np.float32)
    inward = np.asarray(cv2.distanceTransform(known, cv2.DIST_L2, 5), np.float32)
    weight = np.asarray(np.clip(inward / _TRUSTED_PX, 0.02, 1) * known, np.float32)
    slow, texture = _slow_and_texture(picture, known)
    filled = _calm(_push_pull(slow, weight), distance_px)
    filled += _continued(texture, known, distance_px)
    filled += _grain(picture, known)
    # The seam is blended inside the known side, so that no edge of the mask can be seen.
    own = np.clip(inward / _SEAM_PX, 0, 1)[..., None]
    result = picture * own + filled * (1 - own)
    return np.asarray(np.clip(result + 0.5, 0, 255), np.uint8)


def _background(matte: U8) -> U8:
    """1 where a pixel is surely background, untouched by the person's edge."""
    person = (matte > 4).astype(np.uint8)
    size = 2 * _MARGIN_PX + 1
    grown = cv2.dilate(person, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.asarray(1 - grown, np.uint8)


def _push_pull(picture: F32, weight: F32) -> F32:
    """Fill where `weight` is 0 from ever coarser averages (Gortler 1996, the lumigraph)."""
    height, width = weight.shape
    if min(height, width) <= 1:
        return picture
    pushed = cv2.pyrDown(picture * weight[..., None])
    coarse_weight = cv2.pyrDown(weight)
    coarse = pushed / np.maximum(coarse_weight, 1e-6)[..., None]
    coarse = _push_pull(
        np.asarray(coarse, np.float32), np.asarray(np.clip(coarse_weight * 2, 0, 1), np.float32)
    )
    pulled = cv2.pyrUp(coarse, dstsize=(width, height))
    share = weight[..., None]
    return np.asarray(picture * share + pulled * (1 - share), np.float32)


def _calm(filled: F32, distance_px: F32) -> F32:
    """Blur the filling more the further it is from what is known."""
    wanted_px = distance_px * _CALM_PER_PX
    result = filled
    levels = _CALM_LEVELS_PX
    for below, level in itertools.pairwise(levels):
        blurred = cv2.GaussianBlur(filled, (0, 0), level, borderType=cv2.BORDER_REFLECT)
        share = np.clip((wanted_px - below) / (level - below), 0, 1)[..., None]
        result = result + (blurred - result) * share
    return np.asarray(result, np.float32)


def _slow(picture: F32, weight: F32) -> F32:
    """The slow colours of `picture` [H, W, 3] where `weight` [H, W] is above 0."""
    size = (picture.shape[1] // 4, picture.shape[0] // 4)
    sums = np.dstack([picture * weight[..., None], weight])
    small = cv2.resize(sums, size, interpolation=cv2.INTER_AREA)
    soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), _SLOW_PX / 4), weight.shape[::-1])
    return np.asarray(soft[..., :3] / np.maximum(soft[..., 3:], 1e-4), np.float32)


def _slow_and_texture(picture: F32, known: U8) -> tuple[F32, F32]:
    """`picture` [H, W, 3] as light that changes slowly and the texture upon it.

    A lamp or a sign is no texture: what stands out is cut down, first so that it casts no halo.
    """
    weight = known.astype(np.float32)
    slow = _slow(picture, weight)
    limit = _OUTSTANDING * np.median(np.abs(picture - slow)[known > 0], axis=0) + 1.0
    slow = _slow(slow + np.clip(picture - slow, -limit, limit), weight)
    return slow, np.asarray(np.clip(picture - slow, -limit, limit), np.float32)


def _continued(texture: F32, known: U8, distance_px: F32) -> F32:
    """`texture` [H, W, 3] continued beyond what is `known`, fading out where no turn shows it."""
    size = (texture.shape[1] // _TEXTURE_SHRINK, texture.shape[0] // _TEXTURE_SHRINK)
    signal = cv2.resize(texture, size, interpolation=cv2.INTER_AREA)
    sure = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    near = cv2.resize(distance_px, size, interpolation=cv2.INTER_AREA)
    wanted = (near < _TEXTURE_PX).astype(np.uint8)
    whole = complete(np.asarray(signal, np.float32), sure.astype(np.uint8), wanted)
    fade = np.clip((_TEXTURE_PX - distance_px) / _TEXTURE_FADES_PX, 0, 1)[..., None]
    detail = cv2.resize(whole, texture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(detail * fade, np.float32)


def _grain(picture: F32, known: U8) -> F32:
    """Noise with the known background's strength and colour, band by band; always the same."""
    random = np.random.default_rng(20)
    inner = cv2.erode(known, np.ones((7, 7), np.uint8)) > 0
    grain = np.zeros_like(picture)
    if inner.sum() < 500:
        return grain
    white = random.standard_normal(picture.shape).astype(np.float32)
    finer, finer_white, ceiling = picture, white, np.inf
    for blur_px in _GRAIN_BANDS_PX:
        coarser = cv2.GaussianBlur(finer, (0, 0), blur_px)
        coarser_white = cv2.GaussianBlur(finer_white, (0, 0), blur_px)
        band_white = finer_white - coarser_white
        mix = _colour_mix((finer - coarser)[inner])
        strength = float(np.linalg.norm(mix))
        mix *= min(1.0, _MAX_BAND_RISE * ceiling / max(strength, 1e-6))
        ceiling = min(strength, _MAX_BAND_RISE * ceiling)
        grain += band_white / max(float(band_white.std()), 1e-6) @ mix.T
        finer, finer_white = np.asarray(coarser, np.float32), np.asarray(coarser_white, np.float32)
    return grain


def _colour_mix(samples: F32) -> F32:
    """A matrix [3, 3] that gives white noise the colour spread of `samples` [N, 3], edges aside.

    Medians, not means: contours and objects are few and strong, grain is everywhere and weak.
    """
    strength = np.linalg.norm(samples, axis=1)
    calm = samples[strength <= np.median(strength) + 1e-6]
    _, axes = np.linalg.eigh(np.cov(calm.T))
    spread = np.median(np.abs(samples @ axes), axis=0) * 1.4826  # of a normal distribution
    return np.asarray(axes * spread, np.float32)
