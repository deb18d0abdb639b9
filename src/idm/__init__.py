"""Gaussian diffusion models."""
