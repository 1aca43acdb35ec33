"""`python -m actlab` and the command `actlab`."""

from actlab.signals import Signals


def main() -> None:
    """The command line; imported here, since a signal may come while it is."""
    with Signals(orderly=False):
        from actlab import cli

        cli.main(cli.ENDS_SOON)


if __name__ == "__main__":
    main()
