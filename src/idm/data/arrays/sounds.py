"""Windows of files of sound: what sources of their formats share, options included."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from idm.data.arrays.listing import list_files
from idm.data.arrays.windows import Recording, WindowSource, labels_of_files
from idm.data.images.check import gather
from idm.data.images.files import LabelRule

SampleKind = Literal["auto", "stored", "floats"]


class Sounds(WindowSource):
    """Windows of files of one form, read as they are needed; the sampling rate stays with a run.

    Args:
        window: frames of a sample; by default those of the files, if all have one length of at most 4,096, else the
            largest power of two that no file is shorter than, at most 4,096. What is left at the end of a file is not
            read.
        hop: frames from the beginning of a window to that of the next; by default the window.
        labels: where the classes of files come from, as for folders of images.
        split: which part is read, train, val or test, where folders or files are named so; by default all together.
    """

    _kind: str
    """What the files are called in messages: "WAV files"."""

    _files: Sequence[Any]

    def __init__(
        self,
        path: str | Path,
        *,
        window: Annotated[int, Ge(1)] | None = None,
        hop: Annotated[int, Ge(1)] | None = None,
        values: SampleKind = "auto",
        labels: LabelRule = "auto",
        split: str | None = None,
    ) -> None:
        """Judge the headers of all files, and look at the values of floats.

        Raises:
            UnreadableFileError: a file that cannot be read, by name.
            DataError: a package is missing; no files; files of another form than the first, or shorter than a window,
                by name.
        """
        where = Path(path).absolute()
        found = list_files(where, self._kind, self._is_one, split, every=True)
        self._files = gather(self._open, found.files)
        firsts, form = self._cut(self._files, window, hop), self._files[0].form
        of_files, dtype = found.labels(labels), self._choose(form, values)
        known = labels_of_files(of_files, firsts)
        self._adopt_windows(where, found, firsts, dtype, channels=form.channels, labels=known)
        self.sampling_rate = float(form.rate)
        self.note = f"{form}, {self._windows}, {of_files[2]}"
        self.remarks = (*found.remarks, *self._left_out([len(some) for some in firsts]))

    @abstractmethod
    def _is_one(self, name: str) -> bool:
        """Whether a file is called as those of the format are."""

    @abstractmethod
    def _open(self, where: Path) -> Recording:
        """Read the header of a file, whose form has a rate and channels."""

    @abstractmethod
    def _choose(self, form: Any, values: SampleKind) -> np.dtype[Any]:
        """Choose what samples of that form become, and return its dtype."""
