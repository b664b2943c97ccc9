"""``python -m esworkbench`` is ``esworkbench``."""

from esworkbench.cli import main

if __name__ == "__main__":
    main()
