"""Jobs in parts: every sample once, whoever computes it and however often the job is stopped."""

import math
import os
import re
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from idm.core.errors import CheckpointError, InterruptedRunError, SettingsError
from idm.core.ranks import Ranks
from idm.storage.lock import locked
from idm.tasks.part_files import write_part
from idm.tasks.parts import Job, remove_parts

from ..training.together import run_together

SHAPES = {"number": (), "square": ()}

pytestmark = pytest.mark.usefixtures("default_signals")


def squares(part, look):
    look()
    numbers = torch.arange(part.start, part.stop)
    return {"number": numbers, "square": numbers**2}


@pytest.mark.parametrize(("num", "size"), [(10, 3), (9, 3), (1, 3), (7, 1)])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_number_is_there_once(tmp_path, num, size, processes):
    def work(ranks):
        found = Job("counting", tmp_path / "parts", {}, num, size, SHAPES).run(squares, ranks)
        return None if found is None else {name: value.tolist() for name, value in found.items()}

    first, *others = run_together(processes, tmp_path / "ranks", work)
    assert first == {"number": list(range(num)), "square": [i**2 for i in range(num)]}
    assert others == [None] * (processes - 1)


def test_a_job_of_one_part_writes_nothing(tmp_path):
    Job("counting", tmp_path / "parts", {}, 3, 3, SHAPES).run(squares, Ranks())
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_job_goes_on_where_it_was(tmp_path, number):
    job, computed = Job("counting", tmp_path / "parts", {}, 10, 2, SHAPES), []

    def compute(part, look):
        computed.append(part.start)
        if part.start == 6 and computed.count(6) == 1:
            os.kill(os.getpid(), number)
        return squares(part, look)

    with pytest.raises(InterruptedRunError, match="stopped with 6 of 10 kept") as error:
        job.run(compute, Ranks())
    assert error.value.exit_code == 75
    assert job.progress_of(Ranks()) == (5, 3)
    assert job.run(compute, Ranks())["square"].tolist() == [i**2 for i in range(10)]
    assert computed == [0, 2, 4, 6, 6, 8]


def test_a_stop_of_one_process_stops_all_and_what_is_done_is_shared_out_anew(tmp_path):
    job = Job("counting", tmp_path / "parts", {}, 40, 2, SHAPES)

    def work(ranks):
        computed = []

        def compute(part, look):
            computed.append(part.start)
            if ranks.rank == 1 and len(computed) == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            while ranks.rank == 0 and len(computed) == 5:
                look()  # for ever, unless the other process's stop comes through
            return squares(part, look)

        try:
            job.run(compute, ranks)
        except InterruptedRunError as error:
            return int(re.search(r"stopped with (\d+) of 40 kept", str(error)).group(1))
        return "not stopped"

    kept, same = run_together(2, tmp_path / "ranks", work)
    assert kept == same
    assert 4 <= kept <= 2 * (2 + 4)

    def rest(ranks):
        computed = []
        job.run(lambda part, look: (computed.append(part.start), squares(part, look))[1], ranks)
        return computed

    first, second, third = run_together(3, tmp_path / "rest", rest)
    assert len(first) + len(second) + len(third) == 20 - kept // 2
    assert max(map(len, (first, second, third))) - min(map(len, (first, second, third))) <= 1


def test_processes_that_are_asked_for_different_things_are_refused(tmp_path):
    def work(ranks):
        with pytest.raises(SettingsError, match="the same request for all 2 processes wanted"):
            Job("counting", tmp_path / "parts", {"seed": ranks.rank}, 4, 2, SHAPES).run(squares, ranks)
        return "refused"

    assert run_together(2, tmp_path / "ranks", work) == ["refused"] * 2


def test_a_second_job_in_the_folder_is_refused(tmp_path):
    with locked(tmp_path / "parts"), pytest.raises(CheckpointError, match="a folder that nothing else works in"):
        Job("counting", tmp_path / "parts", {}, 4, 2, SHAPES).run(squares, Ranks())


def test_parts_of_another_request_never_get_among_those_of_this_one(tmp_path):
    one, other = (Job("counting", tmp_path / f"{seed}", {"seed": seed}, 6, 2, SHAPES) for seed in (1, 2))
    for job in (one, other):
        job.run(squares, Ranks())
    (tmp_path / "1" / "part-000001.safetensors").write_bytes((tmp_path / "2" / "part-000001.safetensors").read_bytes())
    computed = []
    one.run(lambda part, look: (computed.append(part.start), squares(part, look))[1], Ranks())
    assert computed == [2]


def test_parts_that_are_taken_away_meanwhile_are_missed(tmp_path):
    job = Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES)

    def compute(part, look):
        (tmp_path / "parts" / "part-000000.safetensors").unlink(missing_ok=True)
        return squares(part, look)

    with pytest.raises(CheckpointError, match="parts are gone"):
        job.run(compute, Ranks())


def test_parts_of_another_request_are_not_used(tmp_path, capsys):
    folder = tmp_path / "parts"
    Job("counting", folder, {"seed": 1}, 4, 2, SHAPES).run(squares, Ranks())
    other = Job("counting", folder, {"seed": 2}, 4, 2, SHAPES)
    assert other.progress_of(Ranks()) == (2, 0)
    assert "removed" not in capsys.readouterr().err
    fives = torch.full((2,), 5)
    found = other.run(lambda part, look: {"number": fives, "square": fives**2}, Ranks())
    assert found["number"].tolist() == [5] * 4
    assert f"{folder} holds 2 parts of another request, which are removed" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "rows", "text", "names", "shape"])
def test_a_part_that_is_not_whole_is_computed_anew(tmp_path, damage):
    folder = tmp_path / "parts"
    job = Job("counting", folder, {}, 6, 2, SHAPES)
    job.run(squares, Ranks())
    path = folder / "part-000001.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-4])
    elif damage == "rows":
        save_file({"number": torch.zeros(1), "square": torch.zeros(1)}, path)
    elif damage in ("names", "shape"):
        forged = {"number": torch.zeros(2), "square": torch.zeros(2, 3)}
        write_part(path, {"number": forged["number"]} if damage == "names" else forged, request_of(path))
    else:
        path.write_text("nothing")
    assert job.run(squares, Ranks())["square"].tolist() == [0, 1, 4, 9, 16, 25]


def request_of(path):
    with safe_open(path, "pt") as opened:
        return opened.metadata()["request"]


@pytest.mark.parametrize("request_text", [b"\xff\xfe", b"[" * 100_000, b""])
def test_a_request_that_is_none_is_that_of_others(tmp_path, request_text):
    job = Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES)
    job.run(squares, Ranks())
    (tmp_path / "parts" / "request.json").write_bytes(request_text)
    assert job.progress_of(Ranks()) == (3, 0)
    assert job.run(squares, Ranks())["square"].tolist() == [0, 1, 4, 9, 16, 25]


def test_parts_that_are_not_finite_are_not_put_together_and_then_computed_anew(tmp_path):
    job = Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES)
    job.run(squares, Ranks())
    path = tmp_path / "parts" / "part-000001.safetensors"
    write_part(path, {"number": torch.ones(2), "square": torch.full((2,), math.nan)}, request_of(path))
    with pytest.raises(CheckpointError, match="or not finite; make the same call again"):
        job.run(squares, Ranks())
    assert job.run(squares, Ranks())["square"].tolist() == [0, 1, 4, 9, 16, 25]


def test_clearing_leaves_nothing(tmp_path):
    job = Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES)
    job.run(squares, Ranks())
    remove_parts(tmp_path / "parts")
    assert list(tmp_path.glob("parts*")) == []


def test_parts_that_another_job_works_with_are_not_removed(tmp_path):
    Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES).run(squares, Ranks())
    with locked(tmp_path / "parts"):
        remove_parts(tmp_path / "parts")
    assert len(list((tmp_path / "parts").glob("part-*"))) == 3


def test_a_job_that_is_refused_leaves_the_parts_of_the_other_alone(tmp_path):
    Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES).run(squares, Ranks())
    again = Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES, first_anew=True)
    with locked(tmp_path / "parts"), pytest.raises(CheckpointError, match="nothing else works in"):
        again.run(squares, Ranks())
    assert len(list((tmp_path / "parts").glob("part-*"))) == 3


def test_the_first_part_is_computed_anew_where_that_is_asked_for(tmp_path):
    computed = []

    def compute(part, look):
        computed.append(part.start)
        return squares(part, look)

    Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES).run(squares, Ranks())
    again = Job("counting", tmp_path / "parts", {}, 6, 2, SHAPES, first_anew=True)
    assert again.progress_of(Ranks()) == (3, 2)
    assert again.run(compute, Ranks())["number"].tolist() == list(range(6))
    assert computed == [0]
