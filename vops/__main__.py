"""`python -m vops`."""

from vops.cli.app import main

if __name__ == "__main__":
    main()
