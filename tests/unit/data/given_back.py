"""What of metadata comes back out of a checkpoint, and out of a writer."""

import json

import numpy as np

from idm.data.metadata import metadata_from_plain, metadata_to_plain
from idm.data.writers import Form, ToWrite, build_writers


def restored(found):
    """What a checkpoint gives back."""
    plain = json.loads(json.dumps(metadata_to_plain(found.metadata)))
    kept = metadata_from_plain(plain, found.shape)
    assert kept == found.metadata
    return kept


def written(name, found):
    """The file that a writer makes of the first sample."""
    form = Form(found.shape, found.dtype, found.layout, metadata=restored(found))
    (_, content), *_ = build_writers((name,), form)[name].files(ToWrite(found.read(np.arange(1)), form))
    return content
