"""Encoded images: finding, judging, decoding and fitting them."""
