"""What is said of runs to others tells nothing of folders."""

import pytest

from idm.tasks.words import without_folders


@pytest.mark.parametrize(
    ("plain", "left"),
    [
        ("/home/someone/data/faces.zip", "faces.zip"),
        ("/home/someone/data/", "data"),
        ("faces/*.png", "faces/*.png"),  # leads nowhere by itself
        ("/", "/"),
        (3, 3),
        (None, None),
        (
            {"path": "/a/b.npy", "axes": [0, 1], "more": ["/c/d", {"e": "/f/g"}]},
            {"path": "b.npy", "axes": [0, 1], "more": ["d", {"e": "g"}]},
        ),
    ],
)
def test_of_paths_from_the_root_the_last_name_is_left(plain, left):
    assert without_folders(plain) == left
