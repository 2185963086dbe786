"""``python -m theodolite``: the command line."""

from __future__ import annotations

from theodolite.cli import main

if __name__ == "__main__":
    main()
