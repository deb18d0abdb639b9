"""Refusals of groups and of conditions."""

from pathlib import Path

import numpy as np

from .array_files import npy, npz
from .case import FLAT, KINDS, PATIENTS, UNCLEAR, Case
from .image_files import held_out

GROUPS: list[Case] = [
    Case("arrays", npz(x=FLAT, patient=PATIENTS), "data.group_by", "patient", {"data.group_by": "doctor"}),
    Case("arrays", npz(x=FLAT, who=PATIENTS, at=PATIENTS[:7]), "data.group_by", "who", {"data.group_by": "at"}),
    Case("arrays", npz(x=FLAT, who=PATIENTS, at=UNCLEAR[:, 0, 0]), "data.group_by", "who", {"data.group_by": "at"}),
    Case("arrays", npz(x=FLAT, who=PATIENTS, at=PATIENTS / 2), "data.group_by", "who", {"data.group_by": "at"}),
    Case("arrays", npz(x=FLAT, who=KINDS * 0), "data.held_out", "0", {"data.group_by": "who"}),
    *(
        Case("arrays", npz(x=FLAT, age=KINDS, at=at), "data.attributes", "age", {"data.attributes": name})
        for name, at in (
            ("when", KINDS),
            ("at", KINDS * 0),
            ("at", KINDS * np.nan),
            ("at", KINDS * 1e300),
            ("at", np.array([*"abcdefgh"])),
            ("at", np.arange(8 * 5_000).reshape(8, -1)),
        )
    ),
    Case("arrays", npz(x=FLAT), "data.group_pattern", "[]", {"data.group_pattern": "(*)"}),
    Case("image_folder", held_out, "data.group_by", "''", {"data.group_by": "patient"}),
    *(
        Case("image_folder", held_out, "data.group_pattern", "**/(*).png", {"data.group_pattern": wrong})
        for wrong in ("*", "[(*)", "(**)b", "[b-a](*)", "(*)/*")
    ),
    *(
        Case("image_folder", held_out, option, value, {"data.group_pattern": "**/*(g)", option: given})
        for option, value, given in (
            ("data.held_out_list", "''", "names.txt"),
            ("data.held_out_folder", "''", "val"),
        )
    ),
]

COARSE = {"data.condition.name": "arrays", "data.condition.path": "coarse.npy"}


def with_coarse(folder: Path) -> Path:
    """Images, and conditions of half their size beside them."""
    np.save(folder / "coarse.npy", FLAT[:, :, ::2, ::2])
    return npy(FLAT)(folder)


CONDITIONS = [
    Case("arrays", with_coarse, "data.random_crop", "0", COARSE | {"data.random_crop": "4"}),
    Case("arrays", with_coarse, "data.patch_size", "4", COARSE | {"data.patch_size": "3"}),
    Case("arrays", with_coarse, "data.patch_stride", "2", COARSE | {"data.patch_size": "4", "data.patch_stride": "3"}),
    Case("arrays", with_coarse, "data.condition.channels", "first", COARSE | {"data.condition.channels": "none"}),
]
