"""``python -m idm``: the command line."""

import os
import sys

if not sys.flags.safe_path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109 - nothing is imported before it is gone
    del sys.path[0]  # the current folder, in which a stranger's files may be called as modules are

from idm.cli import main

if __name__ == "__main__":
    sys.exit(main())
