"""The demonstration, much smaller: every chapter runs, and the page holds every part."""

import re
from pathlib import Path

import pytest
import torch

from idm.demo import pieces, run, run_demo
from idm.diffusion import GaussianDiffusion
from idm.report.demo_page import _duration
from idm.run import draw, load
from idm.schedules import cosine_schedule

from ...once import made_once

SMALL = [
    "network.model_channels=8",
    "network.num_res_blocks=1",
    "network.num_heads=1",
    "training.num_steps=6",
    "training.log_interval=2",
    "training.sample_interval=0",
    "schedule.num_timesteps=40",
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The page, and what was said while it was made."""
    folder = made_once(tmp_path_factory, "demo", make_demo)
    return folder / "run" / "report.html", (folder / "said").read_text(encoding="utf-8").splitlines()


def make_demo(folder: Path) -> None:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (run, "NUM_SLOW", 20),
            (run, "NUM_FAST", 30),
            (run, "SLOW_STEPS", 12),
            (run, "FAST_STEPS", 5),
            (run, "FEW_STEPS", 3),
            (run, "BOUND_STEPS", 8),
            (pieces, "INVERSION_STEPS", 10),
        ):
            patch.setattr(module, name, value)
        page = run_demo(folder / "run", overrides=SMALL, device="cpu", say=said.append)
    assert page == folder / "run" / "report.html"
    (folder / "said").write_text("\n".join(said), encoding="utf-8")


def test_one_page_holds_every_part_and_needs_no_other_file(demo: tuple[Path, list[str]]) -> None:
    html = demo[0].read_text(encoding="utf-8")
    for heading in (
        "Samples of every class",
        "From noise to data",
        "Does a classifier recognise the samples?",
        "How well the model predicts held-out data",
        "To noise and back",
        "Between two samples",
        "Training",
        "Settings and machine",
    ):
        assert f"<h2>{heading}</h2>" in html
    sources = re.findall(r'src="([^"]{0,30})', html)
    assert len(sources) > 30
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "DDPM, 12 steps" in html
    assert "DDIM, 5 steps" in html
    assert "UniPC, 3 steps" in html
    assert "±" in html


def test_chapters_are_announced_in_order(demo: tuple[Path, list[str]]) -> None:
    assert demo[1] == [
        "Training",
        "Sampling with DDPM",
        "Sampling with DDIM",
        "Sampling with UniPC",
        "Scoring held-out digits",
        "Inverting and interpolating",
    ]


def test_the_folder_is_a_run_like_any_other(demo: tuple[Path, list[str]]) -> None:
    opened = load(demo[0].parent, device="cpu")
    assert opened.step == 6
    assert draw(opened, 3).shape == (3, 1, 8, 8)


def test_shown_samples_are_ordered_by_class(demo: tuple[Path, list[str]]) -> None:
    opened = load(demo[0].parent, device="cpu")
    sampler = opened.sampler(name="ddim", steps=3)
    from idm.run import open_run_data

    drawn = pieces.draw(opened, open_run_data(opened), "DDIM", sampler, 20)
    every_class_in_turn = draw(opened, 20, sampler=sampler)
    expected = torch.cat([every_class_in_turn[digit::10] for digit in range(10)])
    torch.testing.assert_close(drawn.shown.samples, expected)


def test_the_time_of_training_is_that_of_the_run_not_of_the_call() -> None:
    chapters = run.Chapters(lambda _: None)
    with chapters.chapter("Training"):
        pass
    assert run._training_seconds([{"seconds": 100.0}, {"seconds": 250.0}], chapters) == 250.0
    assert run._training_seconds([], chapters) == chapters.times[0][1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 seconds"), (45.4, "45 seconds"), (90.0, "2 minutes"), (250.0, "4 minutes"), (3600.0, "60 minutes")],
)
def test_the_time_of_training_is_one_whole_number(seconds: float, words: str) -> None:
    assert run._rounded(seconds) == words


def test_the_lead_tells_the_recorded_time(demo: tuple[Path, list[str]]) -> None:
    seconds = run._metrics(demo[0].parent)[-1]["seconds"]
    assert f"Trained in {run._rounded(seconds)} on 1500 digits" in demo[0].read_text(encoding="utf-8").replace(",", "")


def test_the_table_of_chapters_tells_the_recorded_time_of_training_too(demo: tuple[Path, list[str]]) -> None:
    seconds = run._metrics(demo[0].parent)[-1]["seconds"]
    (cell,) = re.findall(rf"{run.ALL_STARTS}</t[dh]>\s*<td[^>]*>([^<]*)<", demo[0].read_text(encoding="utf-8"))
    assert cell == _duration(seconds)


def test_figures_that_were_not_finite_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "grad_norm": null, "seconds": 2}\n')
    assert run._metrics(tmp_path) == [{"step": 1.0, "seconds": 2.0}]


@pytest.mark.parametrize("steps", [5, 60, 1000])
def test_a_short_chain_is_inverted_on_all_the_steps_that_it_has_for_it(steps: int) -> None:
    chain = GaussianDiffusion(cosine_schedule(steps))
    usable = int((chain.schedule.alphas_cumprod >= 1 / (1 + 20.0**2)).sum())  # a noise-to-signal ratio of at most 20
    assert pieces.inversion(chain).diffusion.num_timesteps == min(100, usable)
