"""A load for the daemon, made by other processes: real clients whose actors speak.

A generator process holds many actors, speaks for all of them on one clock, and notes of every frame
when it was in the ring and when its doorbell rang. It reads slot tables, not pixels: what is to be
measured is the daemon. `python -m mien.backend.bench.load` is such a process; `GeneratorProcess`
starts one.
"""
