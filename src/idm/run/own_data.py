"""The data that a run was trained on, opened again."""

from idm.core.errors import DataError
from idm.run.data import Data, open_data
from idm.run.loaded import Loaded
from idm.run.spec import data_differences


def open_run_data(run: Loaded) -> Data:
    """Open the data a run was trained on, with the codec it was trained with.

    Raises:
        DataError: they cannot be read, or are not what they were; or their code is not trusted, see ``load``.
    """
    data = open_data(run.experiment.data, run.spec.codec, trust_code=run.trust_code, before=run.spec)
    if differences := data_differences(run.spec, data.spec):
        raise DataError(
            f"data: the data of this run wanted, got others ({'; '.join(differences)}); "
            "restore the data it was trained on"
        )
    return data
