"""Kinds of data that are read, a file each."""
