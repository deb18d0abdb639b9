"""The demonstration: train on the digits, then sample, score, invert and interpolate, on one page."""

from idm.demo.run import run_demo

__all__ = ["run_demo"]
