"""Whether data are those of a run with more samples beside them."""

import numpy as np

from idm.run import Data, DataSpec


def growth(then: DataSpec, data: Data) -> int:
    """Count the new samples, where all that a run remembers are there and unchanged; 0 otherwise, or if it is unknown.

    A run remembers hashes of its samples, not which they were. They are looked for among the first samples and among
    those whose files are the oldest.

    Args:
        then: what the run remembers of its data.
        data: what was found.
    """
    source, count = data.train.source, then.num_train + then.num_held_out
    if not then.fingerprint or not 0 < count < len(source) or then.shape != data.spec.shape:
        return 0
    names = source.class_names if then.class_names is None else then.class_names
    candidates = (np.arange(count), source.earliest(count))
    found = any(source.fingerprint_of(indices, names) == then.fingerprint for indices in candidates)
    return len(source) - count if found else 0
