"""`python -m gateway.cli` is `toolgate`."""

from gateway.cli import main

main()
