"""Remove the lock that a killed Snakemake left in this directory; `make demo` calls this."""

import sys
from pathlib import Path

from carpeak.commands.lock import remove_stale
from carpeak.errors import MARK, UserError

try:
    remove_stale(Path())
except UserError as error:
    sys.exit(f"{MARK}{error}")
