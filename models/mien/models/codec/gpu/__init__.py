"""Frames of many actors at once, drawn on the device by Triton kernels.

Nothing is imported here: what needs torch and Triton is imported where somebody asks for it.
"""
