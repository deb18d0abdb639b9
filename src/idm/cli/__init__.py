"""The command line; every verb is one file, and nothing here imports torch before a verb runs."""

from idm.cli.app import main

__all__ = ["main"]
