"""`python -m ood_bench`: the command line."""

from ood_bench.cli import main

if __name__ == "__main__":
    main()
