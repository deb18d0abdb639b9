"""Editing: encoding, decoding, interpolation."""

from idm.editing.interpolation import interpolate, slerp
from idm.editing.inversion import CLEAN, decode, decoding, edit, encode, inversion_process

__all__ = ["CLEAN", "decode", "decoding", "edit", "encode", "interpolate", "inversion_process", "slerp"]
