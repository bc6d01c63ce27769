"""`python -m leadlens`: the command line where its script is not on the path."""

from leadlens.pipeline.cli.main import main

if __name__ == "__main__":
    main()
