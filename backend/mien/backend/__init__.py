"""The daemon: sockets, leases, stage, pacing, rings, command line.

Knows the wire (`mien.protocol`) and the models (`mien.models`) and joins the two. Importing this
package is cheap; models are imported by the performance thread, when they are first needed.
"""
