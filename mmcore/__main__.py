"""`python -m mmcore`: the command line, where the script `mmcore` is not on the path."""

from mmcore.cli.main import main

if __name__ == "__main__":
    main()
