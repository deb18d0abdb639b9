"""This project beside peers and beside plain loops, and the goals that it is held to: the parts of ``compare.py``."""
