"""`python -m gpuconv.cli` is the command `gpuconv`."""

import sys

from gpuconv.cli import main

sys.exit(main())
