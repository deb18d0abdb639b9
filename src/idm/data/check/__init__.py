"""Looking at data before training: an index of every file, what would be refused or converted, and what is odd.

Nothing is written, and nothing is changed. ``idm check-data`` prints what is found here.
"""

from idm.data.check.leaks import Leak
from idm.data.check.path import check_images, check_located, check_path
from idm.data.check.result import DataCheck, OddGroup
from idm.data.check.samples import check_source
from idm.data.check.speed import Speed, measure_speed
from idm.data.check.thumbnails import thumbnail
from idm.data.sources.index import FileEntry

__all__ = [
    "DataCheck",
    "FileEntry",
    "Leak",
    "OddGroup",
    "Speed",
    "check_images",
    "check_located",
    "check_path",
    "check_source",
    "measure_speed",
    "thumbnail",
]
