"""Methods by name; a new one is one file and one line in ``METHODS``."""

from idm.core.registry import Registry
from idm.restoration.methods.base import Method
from idm.restoration.methods.ddnm import DDNM
from idm.restoration.methods.repaint import RePaint

METHODS: Registry[Method] = Registry("method", {"repaint": RePaint, "ddnm": DDNM})

__all__ = ["DDNM", "METHODS", "Method", "RePaint"]
