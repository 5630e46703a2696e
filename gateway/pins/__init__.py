"""What each server offered when it was first seen, so that a change is seen too: `toolgate.lock`.

A tool whose definition differs from the pinned one is held: nobody is shown it, and no call reaches it, until a person
has accepted what it is now. The other tools of its server go on. docs/trust.md tells the whole of it.

    entries      the values: servers and tools as they were pinned, and what was seen of the held ones
    harmless     which changes may be accepted by rule
    review       what is pinned against what is there: what is held, and what is to be written down
    accepting    a person's yes
    changes      two definitions, as lines that a person can compare
    document     `toolgate.lock` as text
    notes        the held definitions as text
    files        both of them on disk: read whole, replaced whole, one writer at a time
    keeper       all of it together, for a running gateway
"""
