"""Speed beside peers and beside plain loops, as paired ratios that a stranger can check.

Names are imported from the modules, so that ``harness``, ``machine``, ``flops`` and ``sizes`` also serve where the
packages that settings and tables need are not installed.
"""
