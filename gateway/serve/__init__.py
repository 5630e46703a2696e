"""The gateway as an MCP server, for editors, coding agents and other runtimes: over HTTP and stdio, in both eras.

Start at `front`, then follow a call.

    front       the methods
    server      ... in the SDK's server, which does handshake, discovery and framing
    direct      ... and without it, for a plain `tools/call` over HTTP; `handshakes` are the sessions that it knows
    sessions    which run a request belongs to
    replies     what the client is told
    envelope    what each era wants around a result
    strict      one message, read in the only way in which it can be read
    http, stdio the transports; `signals` is how both end
    asgi        the words of the first

Every HTTP request passes `connections` (slow ones, and too many), then `edge`: first its `door`, where its head is
looked at (`origins`: from where it may come; who is asking, which `asking` keeps), then its body. `pages` are what
anybody may see.
"""
