"""Weights and flags of other programs, adapted at the edge."""
