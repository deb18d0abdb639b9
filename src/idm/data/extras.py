"""Packages that only some sources need: imported when one is opened, or else named with the way to get them."""

import importlib
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from idm.core.errors import DataError


def import_extra(module: str, extra: str, setting: str = "data.source") -> Any:
    """Import a module of an optional package.

    Args:
        module: what to import.
        extra: the extra of this package that installs it.
        setting: what asks for it.

    Raises:
        DataError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DataError(
            f"{setting}: the package {package} wanted for such files, which is missing; pip install 'idm[{extra}]'"
        ) from error


@contextmanager
def quiet(package: str) -> Generator[None]:
    """Keep what a package says of odd files off the terminal: what is wrong with them is said in one line."""
    logger = logging.getLogger(package)
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before
