"""Sizes and names that the appearance encoder's network and its users share."""

from __future__ import annotations

PICTURE_PX, MAP_PX = 192, 96
WIDTHS = (20, 40, 72, 112, 144)  # of its levels, each half as large as the one before
CODE = 64
# What a place of a portrait shows. All but the last three move with the head.
GROUPS = ("face", "ear", "hair", "beard", "hat", "glasses", "neck", "clothes", "background")
HEAD = tuple(GROUPS.index(name) for name in GROUPS[:6])
