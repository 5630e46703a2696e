"""Requests that show where two policies decide differently, made from what their lines say. Pure, and always the same.

    values      a condition's text -> for each value that it looks at, what to try: at, below and above, other, missing
    expressions a regular expression -> texts that it matches
    domains     the same for all lines that a request meets; one of each -> the request
    asking      whom, in which tenant, and about what: one of each kind that the lines tell apart
    search      the requests themselves: all of them where they are few, else those that a changed line is about

Only what a changed line is about is looked at: a decision that no changed line takes part in is the same.
"""
