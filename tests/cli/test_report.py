"""``idm report``: one page of a run of any kind of data, or of several side by side, that asks for nothing."""

import re
import shutil
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

from idm.cli.report import Sections
from idm.core.errors import (
    CheckpointError,
    DataError,
    InterruptedRunError,
    NumericalError,
    ProcessError,
    SettingsError,
)
from idm.core.progress import Lines
from idm.run import compared
from idm.run.held_data import Held
from idm.tasks.reporting import SECTIONS, ReportRequest, report_into

LITTLE = ("--budget", 1_000)
FEW_CALLS, FEW_REAL = (2, 4), 160
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module", autouse=True)
def little_measured():
    """Compare at few numbers of calls, and with few real samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("idm.tasks.reporting.sections.tradeoff.USUAL_CALLS", FEW_CALLS)
        patch.setattr("idm.run.compared.MOST_REAL_SAMPLES", FEW_REAL)
        yield


def headings(html):
    return re.findall(r"<h2>([^<]*)</h2>", html)


def stands_alone(html):
    sources = re.findall(r'src="([^"]{0,30})', html)
    assert all(re.match(r"data:image/(png|webp);base64,", source) for source in sources)
    text = re.sub(r'src="[^"]*"', "", html)
    assert not re.search(r'<link|<script|<iframe|url\(|@import|https?://|href="(?!#)', text)
    return len(sources)


@pytest.fixture(scope="module")
def page(idm, run, tmp_path_factory):
    """The page of a run of digits, with its figures."""
    folder = tmp_path_factory.mktemp("page")
    result = idm("report", run, *LITTLE, "--out", folder / "page.html", "--figures", folder / "figures")
    assert result.code == 0, result.err
    return folder, result


def test_the_page_of_a_run_has_every_section_and_needs_nothing_else(page):
    folder, result = page
    html = (folder / "page.html").read_text(encoding="utf-8")
    expected = {SECTIONS[name].heading for name in SECTIONS} - {SECTIONS["compared"].heading}  # of a single run
    assert expected <= set(headings(html))
    assert stands_alone(html) > 15
    assert len(html.encode()) < MOST_BYTES
    assert str(folder / "page.html") in result.out.replace("\n", "")


def test_bits_per_dimension_add_up(page):
    html = (page[0] / "page.html").read_text(encoding="utf-8")
    rows = dict(re.findall(r"<tr><td>([^<]*)</td><td[^>]*>(-?[\d.]+)", html))
    parts = [float(value) for name, value in rows.items() if name.startswith(("Prior", "Reverse", "Decoder"))]
    assert len(parts) == 3
    assert sum(parts) == pytest.approx(float(rows["Total"]), abs=2e-3)  # each is rounded to three digits


def test_steps_samplers_and_variances_have_a_column_each(page):
    html = (page[0] / "page.html").read_text(encoding="utf-8")
    header = re.findall(r"<th[^>]*>([^<]*)</th>", html)
    for name in (
        "ddim:linspace",
        "multistep:log_snr",
        "ddpm:linspace:analytic",
        "variance: model",
        "variance: analytic",
    ):
        assert name in header
    for calls in FEW_CALLS:
        assert re.search(rf"<tr><td[^>]*>{calls}</td>(<td[^>]*>\d+\.\d+ ± \d+\.\d+</td>){{4}}</tr>", html)


def test_the_samples_of_the_page_are_those_that_idm_sample_draws(page, idm, run, tmp_path):
    shown = Image.open(page[0] / "figures" / "samples-1.png").convert("L")
    assert idm("sample", run, "--num", 70, "--out", tmp_path / "s", "--no-trajectory").code == 0
    theirs = Image.open(tmp_path / "s" / "grid.png").convert("L")
    assert theirs.width == shown.width < theirs.height + shown.height
    below_names = shown.crop((0, shown.height - theirs.height, shown.width, shown.height))
    assert below_names.tobytes() == theirs.tobytes()


def test_figures_are_files_for_a_paper(page):
    names = sorted(path.name for path in (page[0] / "figures").iterdir() if not path.name.startswith("."))
    figures = [name for name in names if name.endswith(".pdf")]
    assert {"training-1.pdf", "tradeoff-1.pdf", "bound-1.pdf", "metrics-1.pdf"} <= set(figures)
    assert all(name.replace(".pdf", ".svg") in names for name in figures)
    assert (page[0] / "figures" / "bound-1.pdf").read_bytes().startswith(b"%PDF")
    assert b"/Type3" not in (page[0] / "figures" / "bound-1.pdf").read_bytes()  # letters are text
    assert "samples-1.png" in names


@pytest.mark.parametrize("kind", ["signals", "rgb", "deep", "volumes", "points"])
def test_every_kind_of_data_has_a_page(idm, others, tmp_path, kind):
    chosen = "samples,distributions,neighbours,trajectory,inversion,interpolation"
    result = idm("report", others / kind, *LITTLE, "--sections", chosen, "--out", tmp_path / "page.html")
    assert result.code == 0, result.err
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert headings(html) == [SECTIONS[name].heading for name in SECTIONS if name in chosen]
    assert stands_alone(html) >= 6
    assert len(html.encode()) < MOST_BYTES


def test_what_does_not_apply_is_left_out_with_a_line(idm, run, tmp_path):
    bare = shutil.copytree(run, tmp_path / "bare")
    (bare / "metrics.jsonl").unlink()
    result = idm("report", bare, *LITTLE, "--sections", "samples,training", "--out", tmp_path / "page.html")
    assert result.code == 0, result.err
    assert "left out of bare: Training (no losses were recorded in its folder)" in result.out
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert headings(html) == ["Samples", "Not on this page"]
    assert re.search(r"<td[^>]*>Training</td><td[^>]*>no losses were recorded in its folder</td>", html)


def test_metrics_that_cannot_be_measured_are_named_with_the_reason(idm, others, tmp_path):
    result = idm("report", others / "points", *LITTLE, "--sections", "metrics", "--out", tmp_path / "page.html")
    assert result.code == 0, result.err
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "classifier (the network was trained without classes)" in html
    assert "spectrum (" in html


def test_two_runs_stand_side_by_side_and_are_compared(idm, run, tmp_path):
    older, newest = sorted((run / "checkpoints").iterdir())
    chosen = "samples,compared,metrics,configuration"
    result = idm("report", run, older, *LITTLE, "--sections", chosen, "--out", tmp_path / "page.html")
    assert result.code == 0, result.err
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    names = re.findall(r"<h3>([^<]*)</h3>", html)
    assert len(set(names)) == 2
    assert all(names.count(name) == 3 for name in names)  # in every section but the comparison
    assert {f"digits, {folder.name}" for folder in (older, newest)} == set(names)
    assert headings(html) == [SECTIONS[name].heading for name in SECTIONS if name in chosen]
    assert re.search(r"<td[^>]*>[+-]\d\.\d{4} ± 0\.\d{4}</td>", html)
    stands_alone(html)


def test_a_page_is_replaced_by_the_next_and_nothing_of_others_is(idm, run, tmp_path):
    again = ("report", run, *LITTLE, "--sections", "cost", "--out", tmp_path / "page.html")
    assert idm(*again).code == 0
    assert "replaces a page of" in idm(*again).out
    (tmp_path / "page.html").write_text("mine")
    result = idm(*again)
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert "which this program did not write; give another file name" in result.errors[0]
    assert (tmp_path / "page.html").read_text() == "mine"


def test_figures_of_somebody_else_are_refused_before_the_work(idm, run, tmp_path):
    (tmp_path / "samples-1.png").write_text("mine")
    place = ("--out", tmp_path / "page.html", "--figures", tmp_path)
    result = idm("report", run, *LITTLE, "--sections", "samples", *place)
    assert result.code == 2
    assert result.errors[0].startswith(f"error[E200]: --figures {tmp_path}: a folder without other files")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples-1.png"]


def test_page_and_figures_may_share_a_folder(idm, run, tmp_path):
    place = ("--out", tmp_path / "page.html", "--figures", tmp_path)
    for _ in range(2):
        assert idm("report", run, *LITTLE, "--sections", "training", *place).code == 0
    assert {"page.html", "training-1.pdf", "training-1.svg"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sections", "sampels"), "--sections: unknown name 'sampels'; did you mean 'samples'?"),
        (("--sections", ","), "--sections: at least one wanted, such as samples, got none"),
        (("--out", "page.txt"), "--out page.txt: a file name ending in .html wanted"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(idm, run, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    result = idm("report", run, *options)
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert said in result.errors[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["gather", "introduce"])
@pytest.mark.parametrize("error", [SettingsError, DataError, CheckpointError, NumericalError, ProcessError])
def test_an_error_of_a_section_leaves_the_others_on_the_page(run, tmp_path, monkeypatch, part, error):
    def fail(section, subjects):
        raise error("memory: 3 GB wanted, got less")

    monkeypatch.setattr(SECTIONS["training"], part, fail)
    found = report_into([run], ReportRequest(["training", "cost"]), tmp_path / "page.html", device="cpu")
    assert headings(found.page.read_text(encoding="utf-8")) == [SECTIONS["cost"].heading, "Not on this page"]
    assert [(one.heading, one.reason) for one in found.left_out] == [("Training", "memory: 3 GB wanted, got less")]


def test_what_failed_for_a_section_is_not_tried_again_for_the_next(run, tmp_path, monkeypatch):
    tries = []

    def draw(*_, **__):
        tries.append(1)
        raise NumericalError("samples: finite values wanted, got nan")

    monkeypatch.setattr("idm.tasks.reporting.subject.draw", draw)
    chosen = ["samples", "metrics", "distributions", "neighbours"]
    found = report_into([run], ReportRequest(chosen), tmp_path / "page.html", device="cpu")
    assert {one.reason for one in found.left_out} == {"samples: finite values wanted, got nan"}
    assert (len(found.left_out), len(tries)) == (len(chosen), 1)


def test_real_data_are_read_and_features_are_fitted_once_for_all_sections(run, tmp_path, monkeypatch):
    read, fitted = [], []
    of, features = Held.of, compared.find_features

    def counted(dataset, *by):  # from those that are held, where it is said by what
        read.extend([] if by else [id(dataset)])
        return of(dataset, *by)

    monkeypatch.setattr(Held, "of", counted)
    monkeypatch.setattr(compared, "find_features", lambda name, x, **k: fitted.append(len(x)) or features(name, x, **k))
    chosen = ["metrics", "distributions", "neighbours"]
    found = report_into([run], ReportRequest(chosen, budget=1_000), tmp_path / "page.html", device="cpu")
    assert not found.left_out
    assert len(read) == len(set(read)) == 2  # training and held-out data
    assert len([count for count in fitted if count > 2]) == 1  # of two it is tried whether features are fitted


def test_a_signal_ends_the_page(run, tmp_path, monkeypatch):
    def gather(section, subject):
        raise InterruptedRunError("stopped")

    monkeypatch.setattr(SECTIONS["cost"], "gather", gather)
    with pytest.raises(InterruptedRunError):
        report_into([run], ReportRequest(["cost"]), tmp_path / "page.html", device="cpu")
    assert not (tmp_path / "page.html").exists()


def test_what_one_of_two_runs_lacks_is_said_in_its_section(run, tmp_path, monkeypatch):
    training = SECTIONS["training"]
    monkeypatch.setattr(
        training, "why_not", lambda self, subject: "" if subject.name == "run 1" else "nothing was recorded"
    )
    found = report_into([run] * 2, ReportRequest(["training", "cost"]), tmp_path / "page.html", device="cpu")
    html = found.page.read_text(encoding="utf-8")
    section, _, rest = html.partition("<h2>Training</h2>")[2].partition("</section>")
    assert "<p>Not of run 2: nothing was recorded.</p>" in section
    assert '<td class="short">run 2</td><td class="short">nothing was recorded</td>' in rest


def test_where_there_is_no_terminal_a_section_is_told_of_in_a_line(run, tmp_path, capsys):
    found = report_into([run] * 2, ReportRequest(["samples", "cost"], 1_000), tmp_path / "a.html", listener=Lines(0.0))
    assert not found.left_out
    assert capsys.readouterr().err.splitlines() == ["run 1, run 2: Samples", "run 1, run 2: Memory and time"]


def test_of_one_run_nothing_is_said_of_which_predicts_better(run, tmp_path, capsys):
    found = report_into([run], ReportRequest(["compared", "cost"], 1_000), tmp_path / "a.html", listener=Lines(0.0))
    assert "predicts" not in capsys.readouterr().err + found.page.read_text(encoding="utf-8")
    assert not found.left_out


def test_the_title_of_three_runs_is_a_list(run, tmp_path):
    found = report_into([run] * 3, ReportRequest(["cost"]), tmp_path / "page.html", device="cpu")
    assert "<h1>run 1, run 2, run 3</h1>" in found.page.read_text(encoding="utf-8")


def test_help_and_docs_name_every_section():
    (option,) = (part for part in get_args(Sections) if hasattr(part, "help"))
    named = option.help.removeprefix("What is on it, with commas between: ").removesuffix("; all if not given.")
    assert named.split(", ") == list(SECTIONS)
    docs = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    _, _, table = docs.partition("| `--sections` | What is there |\n|---|---|\n")
    rows, _, _ = table.partition("\n\n")
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == list(SECTIONS)


def test_settings_are_those_of_the_run_without_folders(others, tmp_path, monkeypatch):
    monkeypatch.setattr("idm.tasks.describing.load", lambda *_, **__: pytest.fail("the network is read again"))
    request = ReportRequest(["configuration"])
    found = report_into([others / "points"], request, tmp_path / "page.html", device="cpu")
    html = found.page.read_text(encoding="utf-8")
    assert headings(html) == [SECTIONS["configuration"].heading]
    assert html.count("path=points.csv") == html.count("path: points.csv") == 1
    assert re.search(r"<td[^>]*>checkpoint</td><td[^>]*>step-\d+</td>", html)
    assert str(others) not in html


def test_a_mistake_of_the_program_is_not_hidden(run, tmp_path, monkeypatch):
    def gather(section, subject):
        raise ValueError("not an error of a user")

    monkeypatch.setattr(SECTIONS["cost"], "gather", gather)
    with pytest.raises(ValueError, match="not an error"):
        report_into([run], ReportRequest(["cost"]), tmp_path / "page.html", device="cpu")
    assert not (tmp_path / "page.html").exists()
