"""Thin helpers over moderngl: programs from files, textures, the two framebuffers.

Knows OpenGL 3.3. Refuses to know faces. Works alike on a GPU and on Mesa's llvmpipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHADERS = Path(__file__).parent / "shaders"


class NoGraphics(Exception):
    """No OpenGL context can be made on this machine."""


def open_context() -> Any:
    """A standalone EGL context. Raises NoGraphics with what to install."""
    try:
        import moderngl

        return moderngl.create_standalone_context(backend="egl", require=330)
    except ImportError as error:
        raise NoGraphics("the studio needs the package moderngl") from error
    except Exception as error:
        raise NoGraphics(
            f"no OpenGL 3.3 context (on Debian: libegl1 libgl1-mesa-dri): {error}"
        ) from error


def source(name: str) -> str:
    """A shader's text, with `#include common` and `#include surface` filled in."""
    text = (SHADERS / name).read_text()
    for shared in ("common", "surface"):
        text = text.replace(f"#include {shared}", (SHADERS / f"{shared}.glsl").read_text())
    return text


def program(context: Any, vertex: str, fragment: str) -> Any:
    """A linked program from two files of the shaders folder."""
    return context.program(vertex_shader=source(vertex), fragment_shader=source(fragment))


def give(target: Any, name: str, value: object) -> None:
    """Set a uniform if the program has it: scalars, vectors, arrays, row-major matrices."""
    if name not in target:
        return
    array = np.asarray(value, np.float32)
    if array.ndim == 2 and array.shape[0] == array.shape[1] and array.shape[0] in (3, 4):
        array = array.T
    if array.ndim == 0:
        target[name].value = float(array)
    else:
        target[name].write(np.ascontiguousarray(array).tobytes())


def picture_texture(context: Any, picture: NDArray[Any], *, mipmaps: bool = True) -> Any:
    """A texture of [H, W, C] (8 bit) or [H, W, C] float32."""
    import moderngl

    height, width, channels = picture.shape
    kind = "f4" if picture.dtype == np.float32 else "f1"
    made = context.texture((width, height), channels, np.ascontiguousarray(picture).tobytes(),
                           dtype=kind)  # fmt: skip
    if mipmaps:
        made.build_mipmaps()
        made.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
    return made


def layer_texture(context: Any, layers: NDArray[np.uint8]) -> Any:
    """A texture array of [L, S, S, C] with mipmaps."""
    import moderngl

    count, height, width, channels = layers.shape
    made = context.texture_array(
        (width, height, count), channels, np.ascontiguousarray(layers).tobytes()
    )
    made.build_mipmaps()
    made.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
    return made


def index_texture(context: Any, layers: NDArray[np.uint8]) -> Any:
    """A texture array of whole numbers, [L, S, S]."""
    import moderngl

    count, height, width = layers.shape
    made = context.texture_array(
        (width, height, count), 1, np.ascontiguousarray(layers).tobytes(), dtype="u1"
    )
    made.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return made


def noise_texture(context: Any, size: int = 256) -> Any:
    """Smooth periodic noise in four channels, about 0.5."""
    rng = np.random.default_rng(5)
    frequency = np.fft.fftfreq(size)
    radius = np.hypot(*np.meshgrid(frequency, frequency)) + 1 / size
    out = np.empty((size, size, 4))
    for channel in range(4):
        spectrum = (
            np.fft.fft2(rng.random((size, size))) * radius**-0.6 * np.exp(-((3.2 * radius) ** 2))
        )
        field = np.real(np.fft.ifft2(spectrum))
        out[..., channel] = (field - field.mean()) / field.std()
    return picture_texture(context, (np.clip(0.5 + 0.22 * out, 0, 1) * 255).astype(np.uint8))
