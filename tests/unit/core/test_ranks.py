"""How processes find each other and hear of each other's errors."""

import threading
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

from idm.core import launch
from idm.core import ranks as module
from idm.core.errors import DataError, ProcessError, SettingsError
from idm.core.ranks import Ranks, joined_ranks

from ..training.together import run_together


def names_of_a_start(book, size):
    found = {}

    def work(rank):
        found[rank] = module._give_name(book, size) if rank == 0 else module._ask_for_name(book, rank)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in reversed(threads):  # the main process comes last
        thread.start()
    for thread in threads:
        thread.join(20)
    return [found[rank] for rank in range(size)]


def test_each_start_has_a_name_of_its_own_whatever_earlier_ones_left_in_the_book():
    book = dist.HashStore()
    book.set_timeout(timedelta(seconds=10))
    book.set("asked-1", "a word of a process that died before it was answered")
    starts = [names_of_a_start(book, 3) for _ in range(3)]
    assert all(len(set(names)) == 1 for names in starts)
    assert len({names[0] for names in starts}) == 3


def test_values_are_gathered_in_order(tmp_path):
    assert Ranks().gather("alone") == ["alone"]
    assert run_together(3, tmp_path, lambda ranks: ranks.gather(f"of {ranks.rank}")) == [["of 0", "of 1", "of 2"]] * 3


def test_what_goes_wrong_in_the_main_process_is_known_to_all(tmp_path):
    def fail():
        raise OSError("the disk is gone")

    def work(ranks):
        with pytest.raises(OSError if ranks.is_main else ProcessError) as error:
            ranks.on_main(fail)
        return str(error.value)

    own, other = run_together(2, tmp_path, work)
    assert own == "the disk is gone"
    assert "process 0 of 2: ended by an error (OSError: the disk is gone)" in other


class Odd(DataError):
    """An error of somebody's own, which no pickle brings back."""

    def __init__(self, path, number):
        super().__init__(f"{path}: {number} is odd")


def test_an_error_with_a_constructor_of_its_own_is_known_to_all(tmp_path):
    def fail():
        raise Odd("mine", 3)

    def work(ranks):
        said = []
        for call in (lambda: ranks.on_main(fail), lambda: ranks.each(fail if ranks.is_main else list)):
            with pytest.raises(DataError) as error:
                call()
            said += [str(error.value), error.value.exit_code]
        return said

    assert run_together(2, tmp_path, work) == [["mine: 3 is odd", DataError.exit_code] * 2] * 2


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1234"), True),
        (RuntimeError("[../gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 1800000ms for recv"), True),
        (dist.DistNetworkError("failed to recv, got 0 bytes"), True),
        (dist.DistBackendError("NCCL error: ncclRemoteError: a remote process exited prematurely"), True),
        (dist.DistBackendError("NCCL error: ncclInvalidUsage: Duplicate GPU detected"), False),
        (RuntimeError("[enforce fail at gloo/transport/tcp/pair.cc:522] op.length <= op.nbytes. 8 vs 4"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied; connection"), False),
    ],
)  # fmt: skip
def test_a_lost_connection_is_told_from_other_errors(error, lost):
    assert module._is_lost_connection(error) is lost


def test_more_processes_than_gpus_are_refused(monkeypatch):
    from idm.run import best_device

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(SettingsError, match="a GPU for each process wanted, got 1"):
        best_device("cuda")


def test_the_number_of_a_process_counts_among_several_only(monkeypatch):
    from idm.core import launch

    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert (launch.rank(), launch.local_rank()) == (0, 0)
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert (launch.rank(), launch.local_rank()) == (3, 2)


@pytest.mark.parametrize(
    ("name", "read"), [("WORLD_SIZE", launch.num_processes), ("RANK", launch.rank), ("LOCAL_RANK", launch.local_rank)]
)
def test_what_is_no_number_in_the_environment_is_refused(monkeypatch, name, read):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, "two")
    with pytest.raises(SettingsError, match=f"{name}: a number wanted in the environment, got 'two'"):
        read()


def test_several_processes_without_an_address_are_refused(monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(SettingsError, match="one without RANK, MASTER_ADDR, MASTER_PORT"),
        joined_ranks(torch.device("cpu")),
    ):
        pass
