"""`python -m mmkit` is the command line."""

import sys

from mmkit.cli import main

sys.exit(main())
