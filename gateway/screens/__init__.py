"""What a server says, looked at for what deceives: hidden characters, false names, words that are meant for the model.

A finding alters nothing: it is shown, counted, and can hold a tool back (`hold_on` in toolgate.toml). Some of it is a
guess, and a server that wants to deceive can word it otherwise: what holds against that are pins and policies.

    finding      the one value that all of it becomes
    characters   text that is not what it looks like: hidden, reordered, steering a terminal, of two scripts
    instructions words that are aimed at the model: a small list of patterns, each with its reason
    text         both, in one pass over a text, and the closer look where that pass has met something
    definitions  every text of one definition, of a tool or of anything else
    names        tools and servers that can be taken for one another
    results      what a call returned: bounded, and cheap where there is nothing
    secrets      what has the form of a secret, for policies that redact it
"""
