"""What a U-Net takes, returns and refuses, at every shape and option."""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.types import Network
from idm.networks import Autocast, UNet
from idm.networks.resblock import ResBlock

SPACES = {1: (12,), 2: (8, 12), 3: (3, 8, 4)}


def unet(**options) -> UNet:
    """A small network with arbitrary weights everywhere, also where training starts at zero."""
    small = {"in_channels": 2, "out_channels": 4, "model_channels": 8, "num_res_blocks": 1, "channel_mult": (1, 2)}
    torch.manual_seed(0)
    network = UNet(**(small | {"attention_resolutions": (2,), "num_heads": 2} | options))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return network


def data(dims: int = 2, batch: int = 3, channels: int = 2) -> Tensor:
    return torch.randn(batch, channels, *SPACES[dims], generator=torch.Generator().manual_seed(1))


TIME = torch.tensor([0.0, 10.5, 999.0])


@pytest.mark.parametrize(
    ("dims", "conv_resample", "use_scale_shift_norm", "checkpoint_stages", "dropout"),
    list(itertools.product((1, 2, 3), (True, False), (True, False), (0, 1, 3), (0.0, 0.3))),
)
def test_every_combination_of_options_trains(
    dims: int, conv_resample: bool, use_scale_shift_norm: bool, checkpoint_stages: int, dropout: float
) -> None:
    network = unet(
        dims=dims,
        conv_resample=conv_resample,
        use_scale_shift_norm=use_scale_shift_norm,
        checkpoint_stages=checkpoint_stages,
        dropout=dropout,
        num_classes=5,
        condition_channels=1,
        channel_mult=(0.5, 1.5, 3),
        num_heads_upsample=1,
    )
    x = data(dims)
    output = network(x, TIME, y=torch.tensor([0, 4, 2]), condition=x[:, :1])
    assert output.shape == (3, 4, *SPACES[dims])
    output.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("size", range(2, 26, 2))
@pytest.mark.parametrize("conv_resample", [True, False])
def test_every_even_size_comes_back(size: int, conv_resample: bool) -> None:
    network = unet(dims=1, channel_mult=(1, 1, 2, 2), conv_resample=conv_resample).eval()
    with torch.no_grad():
        assert network(torch.randn(1, 2, size), TIME[:1]).shape == (1, 4, size)


def test_nothing_is_cropped_where_every_stage_can_be_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = unet(dims=2, channel_mult=(1, 1, 2)).eval(), torch.randn(1, 2, 8, 12)
    with torch.no_grad():
        output = network(x, TIME[:1])
        monkeypatch.setattr("idm.networks.unet._cropped", lambda x, space: x)
        assert torch.equal(network(x, TIME[:1]), output)


ANY_SIZES = [
    (1, (187,)),
    (1, (1,)),
    (2, (15, 15)),
    (2, (17, 17)),
    (2, (28, 28)),
    (2, (31, 45)),
    (2, (1, 40)),
    (2, (5, 1)),
    (3, (24, 24, 15)),
    (3, (5, 3, 1)),
]


@pytest.mark.parametrize(("dims", "space"), ANY_SIZES)
@pytest.mark.parametrize("conv_resample", [True, False])
@pytest.mark.parametrize("num_stages", [1, 2, 4])
def test_data_of_any_size_come_back_in_that_size(
    dims: int, space: tuple[int, ...], conv_resample: bool, num_stages: int
) -> None:
    network = unet(
        dims=dims,
        channel_mult=(1,) * num_stages,
        attention_resolutions=(),
        conv_resample=conv_resample,
        condition_channels=1,
        halved_axes=tuple(range(dims)),
    ).eval()
    condition = torch.randn(1, 1, *(-(-size // 2) for size in space))
    with torch.no_grad():
        output = network(torch.randn(1, 2, *space), TIME[:1], condition=condition)
    assert output.shape == (1, 4, *space)
    assert output.isfinite().all()


@pytest.mark.parametrize(("dims", "space"), [(1, (15,)), (2, (15, 31)), (3, (15, 9, 31))])
def test_the_stages_of_an_odd_size_are_those_of_the_next_that_can_be_halved(dims: int, space: tuple[int, ...]) -> None:
    def maps(space: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Spatial sizes of what residual blocks below the first stage are given."""
        seen: list[tuple[int, ...]] = []
        network = unet(
            dims=dims, channel_mult=(1, 1, 1, 1), attention_resolutions=(), halved_axes=tuple(range(dims))
        ).eval()
        for block in network.modules():
            if isinstance(block, ResBlock):
                block.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape[2:])))
        with torch.no_grad():
            network(torch.randn(1, 2, *space), TIME[:1])
        return [size for size in seen if size != space]

    assert maps(space) == maps(tuple(size + 1 for size in space))


@pytest.mark.parametrize(
    ("halved_axes", "coarsest"),
    [(None, (8, 2, 3)), ((0, 1, 2), (2, 2, 3)), ((0, 1), (2, 2, 11)), ((2,), (8, 8, 3)), ((), (8, 8, 11))],
)
def test_the_axes_that_are_halved_can_be_chosen(halved_axes: tuple[int, ...] | None, coarsest: tuple[int, ...]) -> None:
    network, seen = unet(dims=3, channel_mult=(1, 2, 2), halved_axes=halved_axes), []
    network.middle_block[0].register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape[2:])))
    assert network(torch.zeros(1, 2, 8, 8, 11), TIME[:1]).shape == (1, 4, 8, 8, 11)
    assert seen == [coarsest]


def test_attention_is_at_the_coarsest_of_several_stages_unless_told_otherwise() -> None:
    parameters = lambda **options: sum(p.numel() for p in UNet(in_channels=1, out_channels=1, **options).parameters())  # noqa: E731
    assert parameters() == parameters(attention_resolutions=(4,)) > parameters(attention_resolutions=())
    assert parameters(channel_mult=(1, 2)) == parameters(channel_mult=(1, 2), attention_resolutions=(2,))
    assert parameters(channel_mult=(1,)) == parameters(channel_mult=(1,), attention_resolutions=())


@pytest.mark.parametrize("width", [1, 5, 20, 33, 48])
def test_widths_that_32_does_not_divide_are_normalised(width: int) -> None:
    network = unet(model_channels=width, num_heads=1)
    assert network(data(), TIME).shape == (3, 4, *SPACES[2])


def test_a_new_network_predicts_zero() -> None:
    network = UNet(in_channels=2, out_channels=4, model_channels=8, channel_mult=(1, 2), attention_resolutions=())
    assert float(network(data(), TIME).detach().abs().max()) == 0.0


def test_a_sample_is_predicted_from_itself_its_time_and_its_label_alone() -> None:
    network, x, y = unet(num_classes=5).eval(), data(), torch.tensor([3, 1, 4])
    together = network(x, TIME, y=y)
    for i in range(3):
        alone = network(x[i : i + 1], TIME[i : i + 1], y=y[i : i + 1])
        torch.testing.assert_close(alone, together[i : i + 1], rtol=1e-4, atol=1e-5)
    assert float((network(x, TIME + 1.0, y=y) - together).detach().abs().max()) > 1e-3
    assert float((network(x, TIME, y=(y + 1) % 5) - together).detach().abs().max()) > 1e-3


def test_low_res_is_enlarged_linearly_and_seen_as_further_channels() -> None:
    conditioned = unet(condition_channels=1).eval()
    plain = unet(in_channels=3).eval()
    plain.load_state_dict(conditioned.state_dict())
    x, condition = data(), torch.randn(3, 1, 4, 6)
    enlarged = F.interpolate(condition, size=SPACES[2], mode="bilinear")
    torch.testing.assert_close(conditioned(x, TIME, condition=condition), plain(torch.cat([x, enlarged], dim=1), TIME))


STAGES = range(5)
"""Numbers of checkpointed stages of a network of three: none, some, all, more than there are."""


def gradients(stages: int, wrap: Callable[[nn.Module], Network], **options: Any) -> list[Tensor]:
    """The output and all gradients of a network of three stages, always with the same dropout."""
    network = unet(
        dropout=0.5, channel_mult=(1, 2, 2), attention_resolutions=(1, 2), checkpoint_stages=stages, **options
    )
    torch.manual_seed(7)
    output = wrap(network)(data(), TIME)
    output.square().mean().backward()
    return [output.detach(), *(parameter.grad for parameter in network.parameters() if parameter.grad is not None)]


@pytest.mark.parametrize("wrap", [lambda network: network, Autocast], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("conv_resample", [True, False])
def test_results_are_the_same_to_the_bit_however_many_stages_are_checkpointed(
    wrap: Callable[[nn.Module], Network], conv_resample: bool
) -> None:
    plain, *others = (gradients(stages, wrap, conv_resample=conv_resample) for stages in STAGES)
    for other in others:
        assert len(other) == len(plain) > 100
        assert all(torch.equal(one, two) for one, two in zip(other, plain, strict=True))


def test_random_numbers_after_a_step_do_not_depend_on_checkpointed_stages() -> None:
    def afterwards(stages: int) -> Tensor:
        gradients(stages, lambda network: network)
        return torch.rand(3)

    assert all(torch.equal(afterwards(stages), afterwards(0)) for stages in STAGES)


def test_blocks_of_checkpointed_stages_alone_are_computed_twice() -> None:
    def calls(stages: int) -> dict[int, int]:
        """Calls of residual blocks by the height of what they are given."""
        network, found = unet(channel_mult=(1, 2, 2), checkpoint_stages=stages), Counter[int]()
        for block in network.modules():
            if isinstance(block, ResBlock):
                block.register_forward_pre_hook(lambda module, inputs: found.update([inputs[0].shape[2]]))
        network(data(), TIME).sum().backward()
        return dict(found)

    assert calls(0) == {8: 3, 4: 3, 2: 5}
    assert calls(1) == {8: 6, 4: 3, 2: 5}
    assert calls(2) == {8: 6, 4: 6, 2: 5}
    assert calls(3) == {8: 6, 4: 6, 2: 10}


def test_attention_lets_distant_places_see_each_other() -> None:
    """A change at one end of a long signal reaches the other end only through attention."""

    def reach(attention_resolutions: tuple[int, ...]) -> float:
        network = unet(dims=1, channel_mult=(1,), attention_resolutions=attention_resolutions)
        # Without the middle's attention and without normalisation over space, only convolutions are left.
        network.middle_block[1] = nn.Identity()
        for module in network.modules():
            if isinstance(module, nn.GroupNorm):
                module.forward = lambda x, scale=None, shift=None: x
        x = torch.zeros(1, 2, 256)
        moved = x.clone()
        moved[..., 0] = 1.0
        return float((network(moved, TIME[:1]) - network(x, TIME[:1])).detach()[..., -1].abs().max())

    assert reach(()) == 0.0
    assert reach((1,)) > 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "num_heads: a divisor of the 16 channels at attention wanted, got 3"),
        ({"num_heads_upsample": 5}, "num_heads_upsample: a divisor of the 16 channels at attention wanted, got 5"),
        (
            {"num_heads": 6, "channel_mult": (3, 4, 6), "attention_resolutions": (1, 2)},
            r"of the 32 channels .* got 6 \(stage 2 of 3, downsampled by 2\); choose from 1, 2, 4, 8$",
        ),
        ({"num_heads": 0}, r"got 0 \(stage 2 of 2"),
        *(
            (
                {"attention_resolutions": factors},
                rf"2 stage\(s\) wanted \(1, 2\), each once, got {said}; a size in pixels",
            )
            for factors, said in {
                (16, 8): "16, 8",
                (3,): "3",
                (0,): "0",
                (-2,): "-2",
                (4, 8): "4, 8",
                (2, 2): "2, 2",
            }.items()
        ),
        ({"channel_mult": (1,), "attention_resolutions": (2, 1)}, r"1 stage\(s\) wanted \(1\), each once, got 2, 1"),
        ({"halved_axes": (2,)}, r"halved_axes: different spatial axes of 0, 1 wanted, got \(2,\)"),
        ({"halved_axes": (-1,)}, r"halved_axes: .* got \(-1,\)"),
        ({"halved_axes": (1, 1), "channel_mult": (1,), "attention_resolutions": ()}, r"halved_axes: .* got \(1, 1\)"),
        ({"channel_mult": ()}, "at least one stage"),
        ({"channel_mult": (1, 0)}, "at least one stage"),
        ({"model_channels": 0}, "at least one stage"),
        ({"dropout": 1.0}, "dropout from 0 to below 1"),
        ({"checkpoint_stages": -1}, r"checkpoint_stages: 0 \(none\) or more stages wanted, got -1"),
        ({"dims": 4}, "dims: 1, 2 or 3 spatial axes wanted, got 4"),
        ({"condition_channels": -1}, "condition_channels of at least 0"),
        ({"num_heads_upsample": 0}, "num_heads_upsample of at least 1 or -1"),
    ],
)
def test_options_that_make_no_network_are_refused(options: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        unet(**options)


@pytest.mark.parametrize(("widths", "factor"), [((1,), 4), ((1, 2), 4), ((1, 1, 1, 1), 64)])
def test_a_single_factor_of_a_deeper_network_is_attention_nowhere_and_is_called_that(
    widths: tuple[int, ...], factor: int, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    beyond = unet(channel_mult=widths, attention_resolutions=(factor,))
    torch.manual_seed(0)
    nowhere = unet(channel_mult=widths, attention_resolutions=())
    assert [name for name, _ in beyond.named_parameters()] == [name for name, _ in nowhere.named_parameters()]
    said = capsys.readouterr().err
    assert f"each once, got {factor}; " in said
    assert "this network attends nowhere" in said


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", ["attention_resolutions", "channel_mult"])
@pytest.mark.parametrize("one", [2, np.int64(2)])
def test_a_number_in_place_of_several_is_refused(name: str, one: int) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .* wanted, such as .*, got .*2"):
        unet(**{name: one})


@pytest.mark.usefixtures("unchecked_types")
def test_factors_of_attention_may_be_numbers_of_numpy() -> None:
    assert unet(attention_resolutions=(np.int64(2),), channel_mult=(1, 2))


@pytest.mark.parametrize(
    ("options", "kwargs", "message"),
    [
        ({}, {"y": torch.zeros(3, dtype=torch.int64)}, "no labels wanted"),
        ({"num_classes": 4}, {}, "labels y wanted"),
        ({}, {"condition": torch.zeros(3, 1, 4, 4)}, "no condition wanted"),
        ({"condition_channels": 1}, {}, "a condition wanted"),
        ({"in_channels": 1}, {}, r"data of 1 channels and 2 spatial axes wanted, got shape \(3, 2, 8, 12\)"),
        ({"dims": 1}, {}, "data of 2 channels and 1 spatial axes wanted"),
    ],
)
def test_inputs_that_the_network_was_not_built_for_are_refused(options: dict, kwargs: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        unet(**options)(data(), TIME, **kwargs)
