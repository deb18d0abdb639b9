"""What this project costs on a machine: speed and memory of U-Nets of known sizes, and of a trained run.

Names are imported from the modules, so that ``harness``, ``machine``, ``flops`` and ``sizes`` also serve where the
packages that settings and tables need are not installed.
"""
