"""``python -m idm``: the command line."""

import sys

from idm.cli import main

if __name__ == "__main__":
    sys.exit(main())
