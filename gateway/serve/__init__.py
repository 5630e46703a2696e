"""The gateway as an MCP server, for editors, coding agents and other runtimes: over HTTP and stdio, in both eras.

Start at `front`, then follow a call.

    front       the methods
    server      ... in the SDK's server, which does handshake, discovery and framing
    direct      ... and without it, for a plain `tools/call` over HTTP; `handshakes` are the sessions that it knows
    quick       ... and without ASGI, where nobody logs in: `desk` knows heads that came before, `heads` what they say
    underway    ... what calls it off, and what is said in the place of its answer
    seats       ... of which each person has his share; `farewell` closes one
    lists       ... and for a plain `tools/list`, as bytes that are made once
    hints       for how long a client may keep a list
    greeting    a handshake without the SDK's server, which is told of the session when something in it needs it
    holding     ... which then goes on with the stream that is open
    discovery   ... and `server/discover` without it
    application the SDK's server over HTTP; `later` makes it when a request needs it
    exchanges   a request that goes on to a server, in as many rounds as it takes; `kinds` is the table of such requests
    states      what a modern client carries from one round to the next, sealed; `task_methods`: how he follows tasks
    consent     our own questions to clients: may this call be made?
    parking     calls of older servers that wait for a modern client's answer
    questions   what a client must have declared to be asked
    callers     who waits for an answer, and hears and is asked meanwhile
    changes     who is told that a list or a resource changed; `listening` is how, in both eras; `views` is for whom
    subscribed  ... and of whom a part of a resource is news
    connected   what we keep for a connection of the handshake era
    sessions    which run a request belongs to
    replies     what the client is told
    instructions what he is told in the handshake
    envelope    what each era wants around a result
    written     answers past the SDK's server, which would write them anew
    strict      one message, read in the only way in which it can be read
    people/     where people answer over HTTP: in JSON, and in a browser
    watching    a run's events as they come, for its own user
    http, stdio the transports; `signals` is how both end
    asgi        the words of the first; `response` is a whole answer in them

Every HTTP request passes `connections` (slow ones, and too many), then `edge`: first its `door`, where its head is
looked at (`origins`: from where it may come; who is asking, which `asking` keeps), then its body. `crossing` has
browsers show the answers to pages of other origins that may ask. `pages` are what anybody may see. What lasts longer
than a request (streams, sessions) is looked at again by `lasting`; `ended` brings a stream to its end.
"""

import gateway.sdk  # noqa: F401 - before anything of the SDK
