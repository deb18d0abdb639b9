"""Vocabulary shared by every room: types, tensors, Gaussians, random numbers, registries, errors."""
