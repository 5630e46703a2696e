"""What each server offered when it was first seen, so that a change is seen too: `toolgate.lock`.

A tool that differs from the pinned one is held, and so is a prompt or what a server says of itself: nobody is shown it,
and no call reaches it, until a person has accepted what it is now. The rest of its server goes on. docs/trust.md tells
the whole of it.

    things       what of all that servers offer is compared, and how it is called
    entries      the values: servers and things as they were pinned, and what was seen of the held ones
    harmless     which changes may be accepted by rule
    review       what is pinned against what is there: what is held, and what is to be written down
    room         how much of it one server may have
    noting       what is noted down of what is held
    accepting    a person's yes
    forgetting   what a person has forgotten
    changes      two definitions, as lines that a person can compare
    document     `toolgate.lock` as text
    known        ... and as a catalogue, for who asks no server
    notes        the held definitions as text
    files        both of them on disk: read whole, replaced whole, one writer at a time
    writing      what was seen is written down, in a thread
    telling      what is held, for the log
    keeper       all of it together, for a running gateway
"""
