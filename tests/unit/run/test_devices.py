"""Which device is used, and what is said where the one asked for is not there."""

from unittest.mock import patch

import pytest
import torch

from idm.core.errors import SettingsError
from idm.run import best_device
from idm.run.devices import devices_here


def test_a_named_device_or_the_best_one() -> None:
    assert best_device("cpu") == torch.device("cpu")
    assert isinstance(best_device(), torch.device)


ABSENT = ("abacus", "cuda:99", "", "meta", "hpu", "privateuseone", "xla", "cpu:-1", "cuda:x", "GPU")


@pytest.mark.parametrize("name", ABSENT)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        best_device(name)
    here = ", ".join(devices_here())
    assert refusal.value.lines == (f"device: one that works here wanted ({here}), got '{name}'",)


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [
        (None, 0, ["cpu"]),
        ("cuda", 1, ["cpu", "cuda"]),
        ("cuda", 4, ["cpu", "cuda", "cuda:0 to cuda:3"]),
        ("mps", 1, ["cpu", "mps"]),
    ],
)
def test_the_devices_named_are_those_of_the_machine(kind: str | None, count: int, expected: list[str]) -> None:
    found = None if kind is None else torch.device(kind)
    with (
        patch.object(torch.accelerator, "current_accelerator", lambda check_available: found),
        patch.object(torch.accelerator, "device_count", lambda: count),
    ):
        assert devices_here() == expected


def test_every_device_that_is_named_alone_works() -> None:
    for name in devices_here():
        if " to " not in name:
            assert best_device(name).type == name
