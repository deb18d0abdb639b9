"""What is not finite goes into no update, and into no checkpoint."""

import json

import pytest
import torch
from safetensors.torch import load_file

from idm.core.errors import NumericalError
from idm.storage import latest_checkpoint
from idm.timesteps import LossSecondMoment
from idm.training import Trainer
from idm.training.guard import LATEST_STEPS, MOST_BAD_STEPS, Guard, Window, guarded_update
from idm.training.spread import Alone
from idm.training.step import BatchLoss

NAN, INF = float("nan"), float("inf")
STEPS = 24
INJECTED = "NaN or infinity put in at one step, some or all: none on the disk"


class Run:
    """A run with something done to it before some of its steps."""

    def __init__(self, folder, network, step):
        self.folder, self.network, self.step = folder, network, step
        describe = lambda averaged: {}  # noqa: E731
        self.trainer = Trainer(Alone(network), step, folder, describe=describe)

    def before_steps(self, harm, steps, *, once=False):
        """Call ``harm(self)`` before the gradient of the steps that are made of the data of ``steps``."""
        steps, real = set(steps), self.step.accumulate_gradients

        def accumulate(step, spread, meter, scale):
            undo = harm(self) if step in steps else None
            if once:
                steps.discard(step)
            batch = real(step, spread, meter, scale)
            return undo(batch) if undo else batch

        self.step.accumulate_gradients = accumulate
        return self

    def train(self):
        return self.trainer.run()

    @property
    def events(self):
        path = self.folder / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def make_run(make_step, network, tmp_path):
    first = {name: value.clone() for name, value in network.state_dict().items()}

    def make(name="run", **changes):
        network.load_state_dict(first)
        settings = {
            "num_steps": STEPS,
            "save_interval": 4,
            "log_interval": 2,
            "clip_grad_norm": 1.0,
            "ema_rates": (0.9,),
        }
        step = make_step(timesteps=LossSecondMoment(10), **settings | changes)
        return Run(tmp_path / name, network, step)

    return make


def nothing_but_finite_numbers(run):
    for file in run.folder.rglob("*.safetensors"):
        for value in load_file(file).values():
            assert not value.is_floating_point() or bool(torch.isfinite(value).all())
    for file in run.folder.rglob("*.json*"):
        for line in [file.read_text()] if file.suffix == ".json" else file.read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)


def spoil_data(value):
    """Put a value into the batch."""

    def harm(run):
        real = run.step._batch

        def batch(step, rng):
            x_start, labels = real(step, rng)
            x_start = x_start.clone()
            x_start[0, 0] = value
            return x_start, labels

        run.step._batch = batch

        def undo(result):
            run.step._batch = real
            return result

        return undo

    return harm


def spoil_loss(value):
    """Put a value into the loss alone."""

    def harm(run):
        return lambda batch: BatchLoss(torch.tensor(value), batch.t)

    return harm


def spoil_gradient(value):
    """Put a value into one gradient."""

    def harm(run):
        def undo(batch):
            run.network.map.bias.grad[1] = value
            return batch

        return undo

    return harm


def spoil_weight(value):
    """Put a value into a weight, for good."""

    def harm(run):
        with torch.no_grad():
            run.network.map.weight[0, 1] = value

    return harm


def spoil_moment(value):
    """Put a value into one of the optimiser's moments, for good."""

    def harm(run):
        run.trainer.state.optimizer.state[run.network.map.weight]["exp_avg"][0, 0] = value

    return harm


def spoil_average(value):
    """Put a value into averaged weights, for good."""

    def harm(run):
        run.trainer.state.averages.state(0)["map.weight"][0, 0] = value

    return harm


PASSING = [
    spoil_data(NAN),
    spoil_data(INF),
    spoil_loss(NAN),
    spoil_loss(INF),
    spoil_gradient(NAN),
    spoil_gradient(-INF),
]
LASTING = [spoil_weight(NAN), spoil_weight(INF), spoil_moment(NAN), spoil_moment(INF), spoil_average(NAN)]


@pytest.mark.parametrize("harm", PASSING)
@pytest.mark.parametrize("steps", [(9,), (5, 9, 14)])
def test_single_bad_steps_are_left_out(make_run, harm, steps, record):
    run = make_run().before_steps(harm, steps)
    assert run.train().step == STEPS
    assert [(event["event"], event["step"]) for event in run.events] == [("not finite, no update", s) for s in steps]
    for event in run.events:
        assert 0 <= event["t_min"] <= event["t_max"] < 10
        assert event["samples"] == run.step.samples(event["step"])
    nothing_but_finite_numbers(run)
    record(INJECTED, 1)


@pytest.mark.parametrize("harm", PASSING)
def test_a_bad_step_changes_no_bit_of_weights_and_moments(make_run, harm):
    run = make_run(num_steps=9, save_interval=4)
    run.before_steps(harm, [8])
    run.train()
    before, after = (run.folder / "checkpoints" / f"step-0000000{s}" for s in (8, 9))
    for name in ("network", "optimizer"):
        assert (before / f"{name}.safetensors").read_bytes() == (after / f"{name}.safetensors").read_bytes()


@pytest.mark.parametrize("harm", PASSING)
def test_many_bad_steps_in_a_row_are_passed_over(make_run, harm, record):
    run = make_run().before_steps(harm, range(9, 13))
    assert run.train().step == STEPS
    assert [event["step"] for event in run.events if event["event"] == "not finite, no update"][:3] == [9, 10, 11]
    (back,) = [event for event in run.events if event["event"] == "back to a checkpoint"]
    assert back["to"] == 8
    assert back["passed_over"]["start"] == 9
    nothing_but_finite_numbers(run)
    record(INJECTED, 1)


def test_passing_over_data_is_like_not_having_had_them(make_run):
    harmed = make_run("harmed").before_steps(spoil_data(NAN), range(9, 12))
    harmed.train()
    clean = make_run("clean")
    clean.trainer.state.guard.skipped = [Window(9, 12)]
    clean.train()
    names = ("network.safetensors", "optimizer.safetensors", "ema-0.9.safetensors", "timesteps.safetensors")
    for name in names:
        ours, theirs = ((run.folder / "checkpoints" / f"step-{STEPS:08d}" / name) for run in (harmed, clean))
        assert ours.read_bytes() == theirs.read_bytes(), name
    rows = [(run.folder / "metrics.jsonl").read_text().splitlines() for run in (harmed, clean)]
    ours, theirs = ([(row["step"], row["loss"]) for row in map(json.loads, lines)] for lines in rows)
    assert ours == theirs


def test_bad_steps_that_come_again_and_again_are_passed_over_though_never_many_in_a_row(make_run):
    run = make_run(num_steps=60).before_steps(spoil_data(NAN), range(9, 40, 2))
    assert run.train().step == 60
    backs = [event for event in run.events if event["event"] == "back to a checkpoint"]
    # The eleventh is that of step 29; the older of the two checkpoints that are left by then is that of step 24.
    assert [(back["to"], back["passed_over"]) for back in backs] == [(24, {"start": 24, "stop": 30})]
    nothing_but_finite_numbers(run)


def test_bad_steps_long_ago_do_not_count():
    guard = Guard()
    for step in range(0, LATEST_STEPS * 5, LATEST_STEPS // MOST_BAD_STEPS):
        guard.flag(step, BatchLoss(torch.zeros(()), torch.zeros(1)), torch.tensor(True))
        guard.flag(step + 1, BatchLoss(torch.zeros(()), torch.zeros(1)), torch.tensor(False))
    assert len(guard.read()) == 5 * MOST_BAD_STEPS
    assert not guard.trouble


def test_a_run_may_go_back_any_number_of_times_as_long_as_it_gets_further(make_run):
    spots = (9, 25, 41, 57)
    run = make_run(num_steps=80).before_steps(spoil_data(NAN), [spot + i for spot in spots for i in range(3)])
    assert run.train().step == 80
    assert len([event for event in run.events if event["event"] == "back to a checkpoint"]) == len(spots)
    state = latest_checkpoint(run.folder).document("training")["guard"]
    assert state["rollbacks"] == 0
    assert len(state["skipped"]) == len(spots)


def test_where_no_step_was_bad_all_data_since_the_checkpoint_are_passed_over(make_run):
    run = make_run().before_steps(spoil_weight(NAN), [11])  # the last before a checkpoint: its own loss was finite
    real = run.step.accumulate_gradients

    def accumulate(step, spread, meter, scale):
        batch = real(step, spread, meter, scale)
        for parameter in run.network.parameters():
            parameter.grad.nan_to_num_(0.0)
        return BatchLoss(batch.loss.nan_to_num(0.0), batch.t)

    run.step.accumulate_gradients = accumulate
    assert run.train().step == STEPS
    (back,) = [event for event in run.events if event["event"] == "back to a checkpoint"]
    assert (back["to"], back["passed_over"]) == (8, {"start": 8, "stop": 12})


def flagged(guard, steps, bad):
    for step in steps:
        guard.flag(step, BatchLoss(torch.zeros(()), torch.zeros(1)), torch.tensor(step in bad))


@pytest.mark.parametrize(
    "bad",
    [
        {9, 10, 11, 12, 13},
        {50, 52, 54, *range(200, 900, 100), 1040, 1060},
        {150, *range(200, 1001, 100), 1010, 1090, 1091},
        {*range(1, 23, 2), 1023},
    ],
)
def test_what_leads_back_does_not_depend_on_when_flags_are_read(bad):
    seen = set()
    for every in (1, 7, 100, 2_000):
        guard, trouble = Guard(), ()
        for first in range(0, 2_000, every):
            flagged(guard, range(first, first + every), bad)
            guard.read()
            trouble = trouble or guard.trouble
        seen.add(trouble)
    assert len(seen) == 1


def test_a_guard_is_restored_as_it_was():
    guard = Guard()
    flagged(guard, range(20), {3, 7, 19})
    guard.read()
    guard.skipped, guard.num_rollbacks = [Window(1, 2)], 1
    again = Guard()
    again.load_state(json.loads(json.dumps(guard.state(20))))
    for one in (guard, again):
        flagged(one, range(20, 40), set(range(22, 40, 2)))
        one.read()
    assert again.trouble == guard.trouble
    assert len(guard.trouble) == MOST_BAD_STEPS + 1
    one, other = guard.pass_over(0, 40), again.pass_over(0, 40)
    assert one == other
    assert guard.state(39) == again.state(39)


def test_returns_count_until_a_checkpoint_past_the_place_is_there():
    guard = Guard()
    flagged(guard, range(20), {9, 10, 11})
    guard.read()
    guard.pass_over(8, 20)
    assert [guard.state(step)["rollbacks"] for step in (11, 12, 13)] == [1, 1, 0]
    assert guard.num_rollbacks == 1  # nothing is saved yet
    guard.settle(12)
    assert guard.num_rollbacks == 1
    guard.settle(13)
    assert guard.num_rollbacks == 0


@pytest.mark.parametrize("harm", LASTING)
def test_what_was_spoiled_for_good_is_restored(make_run, harm, record):
    run = make_run().before_steps(harm, [9], once=True)
    assert run.train().step == STEPS
    assert [event["to"] for event in run.events if event["event"] == "back to a checkpoint"] == [8]
    nothing_but_finite_numbers(run)
    record(INJECTED, 1)


@pytest.mark.parametrize("harm", [PASSING[0], PASSING[3], LASTING[0], LASTING[2], LASTING[4]])
def test_what_never_ends_stops_the_run_with_one_line(make_run, harm, record):
    run = make_run().before_steps(harm, range(9, 10_000))
    with pytest.raises(NumericalError, match="after 2 returns to a checkpoint") as error:
        run.train()
    assert error.value.exit_code == 5
    assert len(error.value.lines) == 1
    assert latest_checkpoint(run.folder).step == 8
    nothing_but_finite_numbers(run)
    record(INJECTED, 1)


@pytest.mark.parametrize("stop", [10, 13, 15, 20])
def test_a_resumed_run_passes_over_the_same_data(make_run, stop):
    whole = make_run("whole").before_steps(spoil_data(NAN), range(9, 13))
    whole.train()
    parts = make_run("parts", num_steps=stop).before_steps(spoil_data(NAN), range(9, 13))
    parts.train()
    again = make_run("parts").before_steps(spoil_data(NAN), range(9, 13))
    again.train()
    ours, theirs = (latest_checkpoint(run.folder) for run in (again, whole))
    for name in ("network", "optimizer", "ema-0.9"):
        assert all(torch.equal(value, theirs.tensors(name)[key]) for key, value in ours.tensors(name).items())
    assert ours.document("training")["guard"]["skipped"] == theirs.document("training")["guard"]["skipped"]


def test_data_passed_over_move_all_later_steps():
    guard = Guard()
    guard.skipped = [Window(3, 5), Window(7, 10)]
    assert [guard.data_step(step) for step in range(8)] == [0, 1, 2, 5, 6, 10, 11, 12]


@pytest.mark.parametrize("fused", [True, False])
def test_an_update_is_made_only_where_all_is_finite(fused):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1, fused=fused)
    weight.grad = torch.full((3,), NAN)
    guarded_update(optimizer, torch.ones(()))
    assert torch.equal(weight, torch.ones(3))
    weight.grad = torch.ones(3)
    guarded_update(optimizer, torch.zeros(()))
    assert (weight < 1).all()
    assert optimizer.state[weight]["step"].item() == 1
