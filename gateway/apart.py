"""What works for this process in a thread of its own, while somebody waits for it. Any thread may say so.

Python lets one thread go on at a time. Whoever waits and looks around meanwhile (`lingering`) is in the way.
"""

__all__ = ["WORKING"]

WORKING: set[object] = set()
