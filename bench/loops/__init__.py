"""The same turns by other agent loops, each in an environment of its own, which is made when it is first asked for.

Their programs import nothing of ours but `marks`: their environments have only what their `.txt` locks.
"""
