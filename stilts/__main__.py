"""`python -m stilts` is the same as the `stilts` command."""

from stilts.cli import main

if __name__ == "__main__":
    main()
