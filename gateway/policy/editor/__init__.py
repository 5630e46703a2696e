"""What an editor is told about a policy file while somebody writes in it. Pure; the protocol is
`gateway.cli.policy.language_server`.

    words       what may be named: people, roles, tenants, tools and their arguments
    cursor      in which cell of a line one stands, finished or not
    completing  what could be written there
    hovering    what stands there, in words
"""
