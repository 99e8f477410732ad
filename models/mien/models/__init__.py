"""Enrolment, codec and motion: everything that turns a portrait and sound into frames.

Knows nothing of sockets, shared memory or the wire; the daemon in `mien.backend` joins the two.
"""
