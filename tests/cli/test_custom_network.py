"""A network of one's own: trained, sampled and scored by name, where this command line says that it may run."""

import sys

import numpy as np
import pytest

import idm as library
from idm.core.errors import CheckpointError
from idm.networks import NETWORKS

MODULE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, width: int = 8, num_classes: int | None = None):
        super().__init__()
        self.first, self.last = nn.Linear(in_channels + 1, width), nn.Linear(width, out_channels)
        self.label_emb = nn.Embedding(num_classes or 1, width)
    def forward(self, x, time, y=None):
        hidden = self.first(torch.cat([x, time[:, None] / 1000], dim=1)).tanh()
        return self.last(hidden if y is None else hidden + self.label_emb(y))

def undeclared(in_channels, out_channels):
    return Net(in_channels, out_channels)
"""
SMALL = ("num_steps=3", "batch_size=8", "schedule.num_timesteps=20", "sampler.steps=3", "held_out=8")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE)
    np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(size=(64, 2)).astype("f4"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("own_networks", None)


def train(idm, make, *more):
    settings = [part for setting in (*SMALL, f"network.make={make}", *more) for part in ("--set", setting)]
    return idm("train", "--data", "points.npy", "--out", "run", "--set", "network.name=custom", *settings)


def test_it_is_trained_sampled_and_scored_where_its_code_is_trusted(idm):
    made = train(idm, "own_networks:Net", "network.arguments={width: 5}")
    assert made.code == 0, made.err
    assert library.load("run", trust_code=True).network.first.out_features == 5
    for verb in (("sample", "run", "--num", "3"), ("evaluate", "run"), ("info", "run"), ("verify", "run")):
        refused = idm(*verb)
        assert refused.code == 4
        assert "a Module that is made without running code wanted, got own_networks:Net" in refused.err
        assert "give --trust-code" in refused.err
        assert idm(*verb, "--trust-code").code == 0


def test_python_is_asked_too(idm):
    assert train(idm, "own_networks:Net").code == 0
    with pytest.raises(CheckpointError, match="give trust_code=True"):
        library.load("run")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        ("own_networks:undeclared", "declare what it makes"),
        ("own_networks:torch", "declare what it makes"),
        ("nowhere:Net", "a module that Python can import wanted"),
        ("own_networks", "MODULE:NAME wanted, such as mynetworks:Net"),
    ],
)
def test_what_is_no_network_is_refused_in_a_line(idm, make, reason):
    refused = train(idm, make)
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert refused.errors[0].startswith("error[E300]: network.make: ")
    assert reason in refused.errors[0]


def test_it_is_given_the_sizes_that_it_takes():
    made = NETWORKS.build(
        "custom", {"make": "own_networks:Net"}, in_channels=3, out_channels=6, num_classes=4, dims=0, trust_code=True
    )
    assert (made.first.in_features, made.last.out_features, made.label_emb.num_embeddings) == (4, 6, 4)
