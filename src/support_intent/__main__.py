"""Run the command line as ``python -m support_intent``."""

import sys

from support_intent.cli import main

sys.exit(main())
