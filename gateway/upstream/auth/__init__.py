"""How the gateway gets into servers that want to know who is there. The only OAuth client in the program.

Start at `credentials`, which is what connections see; then `carrying`, which puts them on requests.

    authority           what the configuration says about one server
    grant, vault        a granted token; where users' grants are kept, sealed, each for one user and server
    flow                a journey to an authorization server, run by the MCP SDK's providers
    user_tokens         each user's own log-in, renewed by itself
    login, redirect     how a user logs in: a browser, and a listener on loopback
    client_credentials  the gateway's own credentials
    on_behalf, exchange, subject_tokens   a token that the user brought, exchanged for one that the server takes
    scopes              what a server says is missing, and what is asked for then
    credentials         headers for a subject, and other ones after a refusal
    carrying            the same on requests of either lane; when a request may be sent again
"""
