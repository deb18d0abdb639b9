"""Several processes of one job, on this machine, as ``torchrun`` would start them."""

import gc
import json
import multiprocessing
import os
import socket
import traceback

from idm.core.ranks import joined_ranks

from ...forks import torch


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_together(size, folder, work, *, seconds=60):
    """Call ``work(ranks)`` in ``size`` processes; return what each returned, which JSON must be able to tell."""
    folder.mkdir(parents=True, exist_ok=True)
    port, fork = free_port(), multiprocessing.get_context("fork")
    processes = [fork.Process(target=_rank, args=(i, size, port, folder, work)) for i in range(size)]
    gc.freeze()  # or each process would look through all that the tests have made so far
    for process in processes:
        process.start()
    gc.unfreeze()
    try:
        for process in processes:
            process.join(seconds)
            assert process.exitcode is not None, "a process hangs"
    finally:
        for process in processes:
            process.kill()
    codes = [process.exitcode for process in processes]
    texts = [path.read_text().splitlines()[-1][:1_000] for path in sorted(folder.glob("error-*"))]
    assert codes == [0] * size, (codes, *texts)
    return [json.loads((folder / f"result-{i}").read_text()) for i in range(size)]


def _rank(rank, size, port, folder, work):
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    try:
        with joined_ranks(torch.device("cpu")) as ranks:
            result = work(ranks)
        (folder / f"result-{rank}").write_text(json.dumps(result))
    except BaseException:
        (folder / f"error-{rank}").write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)
