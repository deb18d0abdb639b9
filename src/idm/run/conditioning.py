"""Which class encoded samples are said to have."""

from collections.abc import Sequence

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.run.run import Run


def conditioning(
    run: Run, asked: Sequence[int] | None, known: Sequence[int | None], option: str = "--labels"
) -> dict[str, Tensor]:
    """Return the labels of samples: those asked for in turn, else those known, else no class.

    Args:
        run: the trained model.
        asked: labels that the command line gives.
        known: label of each sample, None where it has none.
        option: how the command line gives them.

    Raises:
        SettingsError: a sample without a known class, and a network that knows classes only.
    """
    count = len(known)
    if asked is not None or run.spec.num_classes is None:
        return run.label_kwargs(asked, count)
    if None not in known:
        return {"y": torch.tensor(list(known), dtype=torch.int64, device=run.device)}
    try:
        y = run.unlabelled_kwargs(count)["y"]
    except SettingsError as error:
        raise SettingsError(f"labels: the class of the images wanted; name it with {option}") from error
    values = [int(none) if label is None else label for label, none in zip(known, y.tolist(), strict=True)]
    return {"y": torch.tensor(values, dtype=torch.int64, device=run.device)}
