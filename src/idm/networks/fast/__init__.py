"""The same values by faster ways on the processor at hand: a reader who wants to know the network may skip this wing.

Every function here has a plain form, named in its docstring, and gives the same up to rounding.
"""
