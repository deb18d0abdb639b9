"""Data that every source refuses, or reads otherwise than wanted, and the setting that its message names.

A new refusal that names a setting wants a line in the list of its kind, all of which ``CASES`` holds.
"""

from .arrays import ARRAY_FOLDERS, ARRAYS, IDX
from .fields import DICOM, NETCDF, TIFFS
from .fits import FITS
from .groups import CONDITIONS, GROUPS
from .images import IMAGES
from .kinds import FILES_OF_ONE_KIND, SETTINGS_OF_ALL
from .numbers import NUMBERS
from .signals import SIGNALS_IN_FILES, SOUNDS

CASES = [
    *ARRAYS,
    *ARRAY_FOLDERS,
    *NUMBERS,
    *GROUPS,
    *CONDITIONS,
    *IDX,
    *SOUNDS,
    *DICOM,
    *SIGNALS_IN_FILES,
    *TIFFS,
    *FITS,
    *NETCDF,
    *IMAGES,
    *FILES_OF_ONE_KIND,
    *SETTINGS_OF_ALL,
]
