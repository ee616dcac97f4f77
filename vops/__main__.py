"""`python -m vops`."""

from vops.cli.main import main

if __name__ == "__main__":
    main()
