"""Where people answer over HTTP: `/approvals`, in JSON for programs, as pages for browsers, and signed for chat tools.

    visit       one request here: who came, what he brought
    counter     which of the rooms below answers it
    docket      the questions that somebody may see, and his answer, on its one path (`gateway.approving`)
    api         ... in JSON
    window      ... on pages: one shows, its own form answers
    page        what is on a page
    forms       what somebody can say there
    look        how it looks, without scripts
    signed      ... signed by a chat tool, which says who pressed the button
    badge       who a browser is, and that a form came from our own page: sealed, nothing is kept here

Whoever comes with a key or a token must have the scope of `[approvals] scopes` on it: the one that an agent works with
should not. Where nobody logs in, an agent on this machine can come as well as a person, and nothing tells them apart;
so there it is off unless the admin turns it on. Everybody here acts for himself: never through an agent.
"""
