"""`python -m lepton` is the command `lepton`."""

import sys

from lepton.cli import main

if __name__ == "__main__":
    sys.exit(main())
