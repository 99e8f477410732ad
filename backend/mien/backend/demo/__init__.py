"""The demo: portraits speak, by the real road, into `out/demo.mp4`."""
