"""Translated and replayed networks against the networks themselves."""

import copy
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.types import Network
from idm.networks import Autocast, Compiled, CudaGraph, UNet
from idm.networks.cuda_graph import MOST_RECORDINGS, buffer_like, distinct, recent, signature_of

needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("g++", "clang++", "c++")), reason="needs a C++ compiler"
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")


@pytest.fixture
def quick_translation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Translate to plain scalar code: what takes longest is to try the processor's vectors and to compile headers."""
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    with config.patch({"cpp.simdlen": 1, "cpp.vec_isa_ok": False, "cpp_cache_precompile_headers": False}):
        yield


class Toy(nn.Module):
    """A convolution told of time and, if they are given, of labels; plain code, so that it is translated fast."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor, y: Tensor | None = None) -> Tensor:
        told = time if y is None else time + y
        return torch.sin(self.layer(x)) * told[:, None, None, None]


def unet() -> nn.Module:
    torch.manual_seed(0)
    network = UNet(
        in_channels=2, out_channels=2, model_channels=32, num_res_blocks=1, channel_mult=(1, 2), num_classes=3
    )
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.05)
    return network.cuda().eval()


@pytest.mark.slow
@needs_compiler
@pytest.mark.usefixtures("quick_translation")
def test_a_translated_network_has_the_same_results_and_gradients():
    network = Toy()
    copied = copy.deepcopy(network)
    x, time = torch.randn(2, 2, 4, 4), torch.tensor([1.0, 2.0])
    found, wanted = Compiled(network)(x, time), copied(x, time)
    torch.testing.assert_close(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    torch.testing.assert_close(network.layer.weight.grad, copied.layer.weight.grad)


@pytest.mark.slow
@needs_compiler
@pytest.mark.usefixtures("quick_translation")
def test_a_translated_network_sees_changed_weights_conditioning_and_other_layouts():
    network = Toy()
    compiled = Compiled(network)
    x, time, y = torch.randn(2, 2, 4, 4), torch.tensor([1.0, 2.0]), torch.tensor([0, 1])
    with torch.no_grad():
        compiled(x, time, y=y)
        network.layer.weight.mul_(2.0)
        wanted = network(x, time, y=y)
        torch.testing.assert_close(compiled(x, time, y=y), wanted)
        torch.testing.assert_close(compiled(x.contiguous(memory_format=torch.channels_last), time, y=y), wanted)


def test_failing_to_translate_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch):
    from torch._dynamo.exc import BackendCompilerFailed

    class Failed(BackendCompilerFailed):
        def __init__(self) -> None:
            RuntimeError.__init__(self, "no compiler\nand a long story")

    def compiler(*_: object, **__: object) -> Network:
        def call(x: Tensor, time: Tensor, /, **conditioning: Tensor) -> Tensor:
            raise Failed

        return call

    monkeypatch.setattr(torch, "compile", compiler)
    with pytest.raises(SettingsError, match="no compiler") as caught:
        Compiled(Toy())(torch.zeros(1, 2, 4, 4), torch.zeros(1))
    assert "\n" not in str(caught.value)


def test_an_error_of_the_network_itself_comes_through(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "compile", lambda call, **_: call)
    with pytest.raises(RuntimeError, match="channels"):
        Compiled(Toy())(torch.zeros(1, 5, 4, 4), torch.zeros(1))


def test_an_unknown_mode_is_refused():
    with pytest.raises(SettingsError, match=r"mode: .*wanted, got 'fastest'"):
        Compiled(Toy(), mode="fastest")


def test_both_are_networks():
    assert isinstance(Compiled(Toy()), Network)
    assert isinstance(CudaGraph(Toy()), Network)


def test_a_graph_refuses_data_on_the_cpu():
    with torch.no_grad(), pytest.raises(SettingsError, match=r"graph: .*on cpu"):
        CudaGraph(Toy())(torch.zeros(1, 2, 4, 4), torch.zeros(1))


def test_calls_that_differ_in_shape_format_names_or_repetition_are_different_calls():
    x, time = torch.zeros(2, 2, 4, 4), torch.zeros(2)
    calls = [
        ((), (x, time)),
        ((), (x[:1], time[:1])),
        ((), (x.double(), time)),
        ((), (x, time.long())),
        ((), (x, time[:1].expand(2))),
        (("y",), (x, time, torch.zeros(2))),
        (("z",), (x, time, torch.zeros(2))),
    ]
    assert len({signature_of(names, inputs) for names, inputs in calls}) == len(calls)
    assert signature_of((), (x, time)) == signature_of((), (torch.ones(2, 2, 4, 4), torch.ones(2)))


def test_the_recordings_that_were_used_last_are_kept_and_no_more():
    recordings: dict[tuple[object, ...], int] = {}
    made: list[int] = []

    def use(number: int) -> None:
        assert recent(recordings, (number,), lambda: made.append(number) or number) == number

    for number in range(MOST_RECORDINGS):
        use(number)
    use(0)
    use(MOST_RECORDINGS)
    assert made == list(range(MOST_RECORDINGS + 1))  # what was there was not made again
    assert list(recordings.values()) == [*range(2, MOST_RECORDINGS), 0, MOST_RECORDINGS]
    use(1)
    assert made[-1] == 1
    assert len(recordings) == MOST_RECORDINGS


def test_buffers_repeat_what_their_models_repeat_and_keep_its_layout():
    time = torch.arange(3)[1].expand(4)
    buffer = buffer_like(time)
    assert buffer.tolist() == time.tolist()
    assert buffer.stride() == (0,)
    distinct(buffer).copy_(distinct(torch.tensor(7).expand(4)))
    assert buffer.tolist() == [7] * 4
    assert time.tolist() == [1] * 4
    x = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert buffer_like(x).stride() == x.stride()


@pytest.mark.gpu
@needs_cuda
def test_a_graph_refuses_to_run_with_gradients_on():
    with pytest.raises(SettingsError, match="gradients off"):
        CudaGraph(unet())(torch.zeros(1, 2, 8, 8).cuda(), torch.zeros(1).cuda(), y=torch.zeros(1).long().cuda())


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("wrap", [lambda network: network, Autocast])
def test_replays_equal_plain_calls_for_new_data_shapes_and_weights(wrap):
    network = unet()
    plain, graph = wrap(network), CudaGraph(wrap(network))
    y, one, several = (torch.tensor(v, device="cuda") for v in ([0, 1, 2, 0], 5, [1, 2, 3, 4]))
    found, wanted = [], []
    for i in range(3):
        for time in (one.expand(4), (one + i).expand(4), several + i):
            for b in (4, 2):
                x = torch.randn(b, 2, 8, 8, device="cuda")
                with torch.inference_mode() if i == 0 else torch.no_grad():
                    found.append(graph(x, time[:b], y=y[:b]))
                    wanted.append(plain(x, time[:b], y=y[:b]))
        with torch.no_grad():
            next(network.parameters()).mul_(1.5)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@needs_cuda
def test_a_graph_serves_more_shapes_than_it_keeps_recordings():
    network = unet()
    graph, one = CudaGraph(network), torch.tensor(5, device="cuda")
    with torch.no_grad():
        for b in [*range(1, MOST_RECORDINGS + 3), 1, 2]:
            x, y = torch.randn(b, 2, 8, 8, device="cuda"), torch.zeros(b, dtype=torch.int64, device="cuda")
            found, wanted = graph(x, one.expand(b), y=y), network(x, one.expand(b), y=y)
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@needs_cuda
def test_a_graph_within_autocast_outlives_it():
    network = unet()
    graph, x = CudaGraph(network), torch.randn(2, 2, 8, 8, device="cuda")
    time, y = torch.ones(2, device="cuda"), torch.zeros(2, dtype=torch.int64, device="cuda")
    for _ in range(2):
        with torch.no_grad(), torch.autocast("cuda", dtype=torch.bfloat16):
            network(x, time, y=y)
            found = graph(x, time, y=y)
            wanted = network(x, time, y=y)
        torch.testing.assert_close(found, wanted, rtol=2e-2, atol=2e-2)
        torch.cuda.empty_cache()
