"""`python -m servers.shop --db FILE`: serves the shop in FILE over stdio."""

from servers.shop.command import main

if __name__ == "__main__":
    main()
