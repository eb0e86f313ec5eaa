"""``python -m aws_emulator``."""

import sys

from aws_emulator.cli import main

if __name__ == "__main__":  # worker pools that spawn import this module again
    sys.exit(main())
