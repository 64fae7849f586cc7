"""Measurements, as ratios from one run: `./dev bench [name …] [--quick]`."""
