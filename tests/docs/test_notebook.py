"""The notebook of the examples runs, shows each progress once, and the pictures that it promises."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from ..once import made_once

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"
TINY = {
    '"num_steps": 400': '"num_steps": 6',
    '"batch_size": 64': '"batch_size": 8',
    '"model_channels": 16': '"model_channels": 8',
    '"sample_interval": 200': '"sample_interval": 3',
    '"bound_interval": 0': '"bound_interval": 0, "decoder_variance": "model", "sampler.steps": 3',
    "steps=50": "steps=4",
    "steps=25": "steps=3",
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The code cells after they ran, with less to do in them."""
    ran: Any = nbformat.read(made_once(tmp_path_factory, "notebook", run) / "ran.ipynb", as_version=4)
    return [cell for cell in ran.cells if cell.cell_type == "code"]


def run(folder: Path) -> None:
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)  # pyright: ignore[reportUnknownMemberType]
    for cell in notebook.cells:
        for whole, little in TINY.items():
            cell.source = cell.source.replace(whole, little)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / "ran.ipynb")


def shown(cell: Any, kind: str) -> list[str]:
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


def test_every_progress_is_one_bar_that_ended(cells: list[Any]) -> None:
    bars = [re.findall(r'value="(\d+)" max="(\d+)"', html) for cell in cells for html in shown(cell, "text/html")]
    assert len(bars) >= 3  # of training, sampling and scoring
    assert all(len(found) == 1 and found[0][0] == found[0][1] for found in bars)


def test_nothing_is_said_line_by_line(cells: list[Any]) -> None:
    streams = [output.text for cell in cells for output in cell.outputs if output.output_type == "stream"]
    assert streams == ["(40, 1, 8, 8) uint8\n"]


def test_samples_are_shown_during_training_once_and_after_it(cells: list[Any]) -> None:
    pictures = [len(shown(cell, "image/png")) for cell in cells]
    assert pictures == [1, 1, 0, 1]


def test_a_run_is_told_in_a_line(cells: list[Any]) -> None:
    assert any(text.startswith("Run(") and "\n" not in text for text in shown(cells[0], "text/plain"))
