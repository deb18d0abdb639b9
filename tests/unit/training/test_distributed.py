"""Several processes train what one would have trained, and each reads the others' checkpoints."""

import copy
import itertools
import json
import math
import os
import signal
import time
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

from idm.core.errors import InterruptedRunError, SettingsError
from idm.core.progress import SILENT
from idm.core.ranks import Ranks
from idm.networks import UNet
from idm.run.acceleration import in_precision
from idm.timesteps import LossSecondMoment
from idm.training import Trainer
from idm.training.spreads import spread_over

from .together import run_together

STEPS = 50
SETTINGS = {
    "num_steps": STEPS,
    "log_interval": 10,
    "save_interval": 25,
    "learning_rate": 0.01,
    "clip_grad_norm": 0.5,
    "ema_rates": (0.9,),
    "label_dropout": 0.3,
}


class OnALine(nn.Module):
    """A U-Net with dropout, to which the coordinates of a point are pixels in a row."""

    def __init__(self, dropout):
        super().__init__()
        size = {"model_channels": 8, "num_res_blocks": 1, "channel_mult": (1,), "num_heads": 1}
        torch.manual_seed(0)
        self.unet = UNet(in_channels=1, out_channels=1, num_classes=3, dims=1, dropout=dropout, **size)

    def forward(self, x, time, /, **conditioning):
        return self.unet(x[:, None], time, **conditioning)[:, 0]


@pytest.fixture
def train_all(make_step, network, tmp_path):
    """Train in folders, alone or in processes that are started once; return every step's loss, from the main process.

    ``harm`` is called after every gradient; ``inside`` is the format that the network computes in.
    """

    def work(ranks, name, shard="none", dtype=torch.float32, harm=None, net=network, inside="float32", **settings):
        trained, losses = copy.deepcopy(net).to(dtype), []
        spread = spread_over(ranks, trained, shard)
        timesteps = LossSecondMoment(10, history_per_term=2)
        settings = SETTINGS | {"shard": shard} | settings
        dropout = isinstance(net, OnALine)
        model = in_precision(spread.training_network, inside)
        step = make_step(2, timesteps, model, ranks=ranks, dtype=dtype, seeded_dropout=dropout, **settings)
        real = step.accumulate_gradients

        def accumulate(number, spread, meter, scale):
            batch = real(number, spread, meter, scale)
            if harm is not None:
                harm(ranks, number, trained)
            losses.append(float(batch.loss))
            return batch

        step.accumulate_gradients = accumulate
        trainer = Trainer(spread, step, tmp_path / name, describe=lambda averaged: {}, listener=SILENT)
        try:
            trainer.run()
        except InterruptedRunError:
            losses.append("stopped")
        return losses

    def train_all(size, cases):
        call = lambda ranks: {name: work(ranks, name, **case) for name, case in cases.items()}  # noqa: E731
        if size == 1:
            return call(Ranks())
        results = run_together(size, tmp_path / "ranks" / "-".join(cases), call, seconds=60 * len(cases))
        assert all(result == results[0] for result in results)
        return results[0]

    return train_all


@pytest.fixture
def train(train_all):
    """Train in a folder, alone or together."""
    return lambda name, size=1, shard="none", **case: train_all(size, {name: {"shard": shard, **case}})[name]


@pytest.fixture(scope="module")
def known():
    """Losses and folders, or only losses, by what was trained."""
    return {}


@pytest.fixture
def train_once(train, known, tmp_path):
    """Train in a folder that several tests read; return the losses and the folder."""

    def once(name, size=1, **case):
        if name not in known:
            known[name] = train(name, size, **case), tmp_path / name
        return known[name]

    return once


def last_tensors(run):
    newest = max((run / "checkpoints").iterdir())
    return {
        f"{file.stem}/{key}": value for file in newest.glob("*.safetensors") for key, value in load_file(file).items()
    }


def assert_same(ours, theirs, rel):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.allclose(value.double(), theirs[name].double(), rtol=rel, atol=rel), name


TYPES = {torch.float32: 1e-5, torch.float64: 1e-10}
BATCHES = {"whole": {"batch_size": 8}, "uneven": {"batch_size": 7, "micro_batch_size": 2}}


@pytest.mark.parametrize(("dtype", "rel"), TYPES.items())
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("size", "shard"), [(2, "none"), (2, "fsdp2"), (3, "none"), (3, "fsdp2")])
def test_several_processes_are_one(train_all, train_once, known, tmp_path, size, shard, dtype, rel, batch, record):
    if (size, shard) not in known:
        every = itertools.product(TYPES, BATCHES)
        cases = {f"{kind}-{name}": {"dtype": kind, "shard": shard, **BATCHES[name]} for kind, name in every}
        known[size, shard] = train_all(size, cases), tmp_path
    case = f"{dtype}-{batch}"
    losses, folder = known[size, shard]
    alone, run = train_once(f"alone-{case}", dtype=dtype, **BATCHES[batch])
    assert len(alone) == STEPS
    assert losses[case] == pytest.approx(alone, rel=rel)
    assert_same(last_tensors(run), last_tensors(folder / case), 20 * rel)
    record("1 process against 2 or 3 over 50 steps: losses equal to 1e-5 (float32) or 1e-10 (float64)", 1)


def test_metrics_are_those_of_all_processes(train, train_once, tmp_path):
    _, alone = train_once("alone")
    train("together", 2)
    ours, theirs = (
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (alone, tmp_path / "together")
    )
    for a, b in zip(ours, theirs, strict=True):
        for name in ("step", "images", "loss", "loss_q0", "loss_q3", "mse", "grad_norm", "learning_rate"):
            assert b[name] == pytest.approx(a[name], rel=1e-5), name


@pytest.mark.parametrize("path", [(2, 1, 2), (1, 2, 3)])
@pytest.mark.parametrize("shards", [("none", "fsdp2", "none"), ("fsdp2", "none", "fsdp2")])
def test_a_checkpoint_fits_any_number_of_processes(train, train_once, tmp_path, path, shards):
    whole, run = train_once("alone in float64", dtype=torch.float64, num_steps=26, save_interval=10)
    losses = []
    for size, shard, stop in zip(path, shards, (9, 17, 26), strict=True):
        losses += train("moved", size, shard, dtype=torch.float64, num_steps=stop, save_interval=10)
    assert losses == pytest.approx(whole, rel=1e-10)
    assert_same(last_tensors(run), last_tensors(tmp_path / "moved"), 1e-9)


SHARDS = pytest.mark.parametrize("shard", ["none", "fsdp2"])


@SHARDS
def test_dropout_is_that_of_one_process(train, train_once, shard):
    # Few steps: Adam makes noise of gradients that are 0.
    case = {"dtype": torch.float64, "num_steps": 10, "batch_size": 7, "micro_batch_size": 3}
    alone, _ = train_once("with dropout", net=OnALine(0.3), **case)
    assert train("together", 2, shard, net=OnALine(0.3), **case) == pytest.approx(alone, rel=1e-9)
    assert train_once("without dropout", net=OnALine(0.0), **case)[0] != pytest.approx(alone, rel=1e-2)


def at_the_next_output(network, change):
    """Change what the network returns the next time."""

    def once(module, inputs, output):
        handle.remove()
        return change(output)

    handle = network.register_forward_hook(once)


def with_gradient_times(factor):
    def change(output):
        output.register_hook(lambda gradient: gradient * factor)
        return output

    return change


BAD = {"loss": lambda output: output * math.inf, "gradient": with_gradient_times(math.nan)}


def events(folder):
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(event["event"], event["step"]) for event in map(json.loads, lines)]


@SHARDS
@pytest.mark.parametrize("what", BAD)
def test_one_bad_process_spoils_the_step_of_all_and_is_noticed(train, tmp_path, shard, what):
    def harm(ranks, number, network):
        if ranks.rank == 1 and number == 19:  # the gradients of step 20 are not averaged yet
            at_the_next_output(network, BAD[what])

    losses = train("harmed", 2, shard, harm=harm, num_steps=25)
    assert math.isfinite(losses[20]) == (what == "gradient")
    assert events(tmp_path / "harmed") == [("not finite, no update", 20)]
    assert all(bool(torch.isfinite(value).all()) for value in last_tensors(tmp_path / "harmed").values())


@SHARDS
def test_a_return_to_a_checkpoint_is_that_of_one_process(train, train_once, tmp_path, shard):
    def harm(ranks, number, network):
        if ranks.rank == ranks.size - 1 and number in (20, 21, 22):  # steps 21 to 23 are spoiled
            at_the_next_output(network, BAD["gradient"])

    short = {"harm": harm, "num_steps": 30, "save_interval": 5}
    alone, run = train_once("alone that returned", **short)
    together = train("together", 2, shard, **short)
    assert together == pytest.approx(alone, rel=1e-5)
    assert events(tmp_path / "together") == events(run)
    assert [step for event, step in events(tmp_path / "together") if event == "back to a checkpoint"] == [25]
    assert_same(last_tensors(run), last_tensors(tmp_path / "together"), 2e-4)


def test_a_bad_shard_spoils_the_step_of_all_and_is_noticed(train, tmp_path):
    def harm(ranks, number, network):
        if ranks.rank == 1 and number == 20:  # they are averaged, and each process has its own part
            for parameter in network.parameters():
                parameter.grad.to_local().fill_(math.nan)

    train("harmed", 2, "fsdp2", harm=harm, num_steps=25)
    assert events(tmp_path / "harmed") == [("not finite, no update", 20)]
    assert all(bool(torch.isfinite(value).all()) for value in last_tensors(tmp_path / "harmed").values())


@SHARDS
def test_an_overflow_in_one_process_halves_the_loss_scale_of_all(train, train_once, tmp_path, shard):
    def harm(ranks, number, network):
        if ranks.rank == ranks.size - 1 and number in (4, 9):
            at_the_next_output(network, with_gradient_times(math.inf))

    short = {"harm": harm, "precision": "float16", "num_steps": 25}
    alone, _ = train_once("alone with overflows", **short)
    assert train("together", 2, shard, **short) == pytest.approx(alone, rel=1e-5)
    training = json.loads((tmp_path / "together" / "checkpoints" / "step-00000025" / "training.json").read_text())
    assert training["loss_scale"] == {"factor": 2.0**14, "good_steps": 25 - 11}
    assert events(tmp_path / "together") == []


@SHARDS
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_is_that_of_one_process(train, train_once, tmp_path, shard, precision, monkeypatch):
    # A sum over half of the batch overflows at another factor than one over all of it: start below both.
    monkeypatch.setattr("idm.training.loss_scale.FIRST", 2.0**8)
    low = {"inside": precision, "precision": precision, "num_steps": 25}
    (alone, run), (exact, _) = train_once(f"alone in {precision}", **low), train_once("alone")
    assert alone != exact[:25]
    together = train("together", 2, shard, micro_batch_size=2, **low)
    assert together == pytest.approx(alone, rel=2e-2)
    assert_same(last_tensors(run), last_tensors(tmp_path / "together"), 5e-2)


@SHARDS
@pytest.mark.parametrize("broken", [0, 1])
def test_an_error_in_one_process_ends_the_other(train, tmp_path, shard, broken):
    def harm(ranks, number, network):
        if ranks.rank == broken and number == 20:
            raise OSError("broken")

    start = time.monotonic()
    with pytest.raises(AssertionError, match=r"\[1, 1\]"):
        train("run", 2, shard, harm=harm)
    assert time.monotonic() - start < 30
    last = [(tmp_path / "ranks" / "run" / f"error-{rank}").read_text().splitlines()[-1] for rank in range(2)]
    assert last[broken] == "OSError: broken"
    assert "ProcessError: process" in last[1 - broken]
    assert "the connection to another process is lost" in last[1 - broken]


@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_process_stops_all_at_the_same_step(train, train_once, tmp_path, asked):
    def harm(ranks, number, network):
        if ranks.rank == asked and number == 20:
            os.kill(os.getpid(), signal.SIGTERM)

    losses = train("run", 2, harm=harm, num_steps=30)
    assert losses[-1] == "stopped"
    assert len(losses) - 1 == max(int(path.name[5:]) for path in (tmp_path / "run" / "checkpoints").iterdir()) == 22
    rest = train("run", 2, num_steps=30)
    assert losses[:-1] + rest == pytest.approx(train_once("whole", 2, num_steps=30)[0], rel=1e-6)


def test_a_sharded_u_net_is_a_replicated_one(tmp_path):
    settings = {"in_channels": 1, "out_channels": 2, "model_channels": 16, "channel_mult": (1, 2), "num_heads": 2}
    settings["num_res_blocks"] = 1
    ways = list(itertools.product(("none", "fsdp2"), (0, 2)))
    x, time = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([1.0, 5.0, 50.0, 900.0])

    def gradients(ranks, shard, stages):
        torch.manual_seed(0)
        network = UNet(**settings, checkpoint_stages=stages)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
        spread = spread_over(ranks, network, shard)
        mine = ranks.share(4)
        for i in range(2):
            with spread.accumulating(last=i == 1):
                (spread.training_network(x[mine], time[mine]) - 1).square().mean().backward()
        spread.collect_gradients()
        return {name: spread.whole(name, part.grad).double().norm().item() for name, part in spread.parameters.items()}

    alone = gradients(Ranks(), "none", 0)
    (together, _) = run_together(2, tmp_path, lambda ranks: [gradients(ranks, *way) for way in ways])
    for way, found in zip(ways, together, strict=True):
        assert found == pytest.approx(alone, rel=1e-4, abs=1e-7), way


REDUCE_SCATTER = ("reduce_scatter_single", "reduce_scatter_tensor")
"""What FSDP2 calls, in newer and older versions of PyTorch."""


@SHARDS
def test_gradients_travel_once_in_a_step_however_many_micro_batches_it_has(tmp_path, network, shard):
    def journeys(ranks, count):
        net, travelled = copy.deepcopy(network), []
        spread = spread_over(ranks, net, shard)
        name = next(name for name in REDUCE_SCATTER if hasattr(torch.distributed, name))
        real = getattr(torch.distributed, name)

        def reduce_scatter(*args, **kwargs):
            travelled.append("shards")
            return real(*args, **kwargs)

        def all_reduce(state, bucket):
            travelled.append("copies")
            return allreduce_hook(None, bucket)

        if shard == "none":
            spread.training_network.register_comm_hook(None, all_reduce)
        with mock.patch.object(torch.distributed, name, reduce_scatter):
            for i in range(count):
                with spread.accumulating(last=i == count - 1):
                    spread.training_network(torch.ones(2, 3), torch.ones(2), y=torch.tensor([0, 1])).sum().backward()
            spread.collect_gradients()
        return travelled

    for once, thrice in run_together(2, tmp_path, lambda ranks: [journeys(ranks, 1), journeys(ranks, 3)]):
        assert once
        assert thrice == once


def test_what_the_main_process_refuses_is_refused_by_all(tmp_path):
    def refuse():
        raise SettingsError("one", "two")

    def work(ranks):
        with pytest.raises(SettingsError) as error:
            ranks.on_main(refuse)
        return [*error.value.lines, ranks.on_main(lambda: ranks.rank)]

    assert run_together(2, tmp_path, work) == [["one", "two", 0]] * 2


@pytest.mark.parametrize(("count", "size"), [(8, 2), (7, 3), (2, 2), (50_000, 7)])
def test_shares_cover_everything_once(count, size):
    shares = [range(count)[Ranks(rank, size).share(count)] for rank in range(size)]
    assert [i for share in shares for i in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
