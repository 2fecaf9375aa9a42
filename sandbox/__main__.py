"""`python -m sandbox`: see `sandbox.demo`."""

import sys

from sandbox.demo import main

sys.exit(main())
