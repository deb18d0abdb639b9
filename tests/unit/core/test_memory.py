"""The memory of this machine, and where the system does not tell it."""

import os

import pytest

from idm.core.memory import machine_memory


def test_it_is_the_product_of_pages_and_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf_names", {"SC_PHYS_PAGES": 1, "SC_PAGE_SIZE": 2}, raising=False)
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 1_000, "SC_PAGE_SIZE": 4_096}.__getitem__, raising=False)
    assert machine_memory() == 4_096_000


def test_a_system_that_does_not_tell_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf_names", {}, raising=False)
    assert machine_memory() is None
    monkeypatch.delattr(os, "sysconf_names")
    assert machine_memory() is None
