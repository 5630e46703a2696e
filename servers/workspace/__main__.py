"""`python -m servers.workspace --root DIR`: serves the files below DIR over stdio."""

from servers.workspace.command import main

if __name__ == "__main__":
    main()
