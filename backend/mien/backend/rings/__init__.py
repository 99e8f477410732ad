"""Rings: the roads that an actor's frames take to the client, behind one interface."""

from mien.backend.rings.base import DevicePixels, DeviceRing, Ring, RingBackend, RingRequest
from mien.backend.rings.choice import RingChooser

__all__ = ["DevicePixels", "DeviceRing", "Ring", "RingBackend", "RingChooser", "RingRequest"]
