"""Bytes of a file that is open, read by few calls: many runs of one length at once, those near each other together."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from idm.core.errors import UnreadableFileError

FAR_BYTES = 8_192
"""Most bytes between runs that are read by one call and left out: as many take about as long as a call."""

LARGEST_COPIED_BYTES = 2**12
"""Most bytes of a run that are copied twice, which takes less than another way of reading them."""

SPAN_BYTES = 2**20
"""Most bytes from the first run to the last that are read by one call."""


@final
@dataclass(frozen=True, eq=False)
class FileBytes:
    """The bytes of an open file.

    Attributes:
        where: what messages call it.
        descriptor: of the open file.
    """

    where: Path
    descriptor: int

    def fill(self, content: NDArray[np.uint8], place: int) -> NDArray[np.uint8]:
        """Fill bytes with those of the file from a place on, and return them.

        Raises:
            UnreadableFileError: there are fewer.
        """
        there, begin = content.data, 0
        while begin < len(content):
            count = os.preadv(self.descriptor, [there[begin:]], place + begin)
            if count == 0:
                raise self._cut_short(place + begin, len(content) - begin)
            begin += count
        return content

    def gather(self, rows: NDArray[np.uint8], places: NDArray[np.int64]) -> None:
        """Fill rows with runs of bytes from these places on, [runs, bytes]: those that lie near each other by one call.

        What lies between them is read, too, as that costs less than a call for each, and left out.
        """
        order, run = np.argsort(places, kind="stable"), rows.shape[1]
        at = places[order]
        is_far = (np.diff(at) - run > FAR_BYTES) | (np.diff((at - at[0]) // SPAN_BYTES) > 0)
        begins = np.flatnonzero(np.concatenate(([True], is_far)))
        ends = np.append(begins[1:], len(at))
        is_lone = ends - begins == 1
        self._fill_lone(rows, order[begins[is_lone]], places)
        if is_lone.all():
            return
        whole, buffer = np.dtype((np.void, run)), np.empty(min(SPAN_BYTES, int(at[-1] - at[0])) + run, np.uint8)
        for begin, end in zip(begins[~is_lone].tolist(), ends[~is_lone].tolist(), strict=True):
            low = int(at[begin])
            content = self.fill(buffer[: int(at[end - 1]) + run - low], low)
            every = np.ndarray((len(content) - run + 1,), whole, content.data, 0, (1,))
            rows.view(whole)[order[begin:end], 0] = every[at[begin:end] - low]

    def _fill_lone(self, rows: NDArray[np.uint8], chosen: NDArray[np.int64], places: NDArray[np.int64]) -> None:
        """Fill the rows of those numbers by a call each."""
        run, at = rows.shape[1], places[chosen].tolist()
        if run > LARGEST_COPIED_BYTES:
            for number, place in zip(chosen.tolist(), at, strict=True):
                self.fill(rows[number], place)
            return
        read, descriptor = os.pread, self.descriptor
        found = [read(descriptor, run, place) for place in at]
        content = b"".join(found)
        if len(content) < len(at) * run:
            short = next(number for number, part in enumerate(found) if len(part) < run)
            raise self._cut_short(at[short], run)
        rows[chosen] = np.frombuffer(content, np.uint8).reshape(len(at), run)

    def _cut_short(self, place: int, count: int) -> UnreadableFileError:
        wanted = f"{count:,} bytes from byte {place:,} on"
        return UnreadableFileError(f"{self.where}: {wanted} wanted, got its end; it was cut short, restore it")
