"""The light server over stdin and stdout: a line for a line."""

import json
import sys

from bench.light_server import answer_to


def main() -> None:
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "id" in request:
            sys.stdout.buffer.write(answer_to(request).encode() + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
