"""The MCP servers that we connect to: the only MCP client in the program.

Start at `upstreams`, which is what the pipeline sees; then `supervise`, the life of one server.

    spec            what a server is configured to be; secrets expanded at connect time only
    upstreams       all of them: one catalogue, `forward`
    supervise       one of them: its owner task, back-off, waiting for a restart; `waiting`, and `reasons` in words
    meeting         a server is met in the era that is remembered of it, and anew where that is not true any more
    forwarding      one request to it, sent at most once
    given           what a supervisor is given with a call, and a private one by the public one
    private         connections of one client's own, where the server may ask him; and of one subject's own
    gathered        what a server lists to clients that declare more, beside what it lists to all
    own_watching    what a subject is subscribed to, where the server acts for each user
    eras            which era a server speaks, remembered across starts
    connect         transport, handshake in the right era, news of changed lists
    connection      raw requests in either era
    wanted          what an admitted call is on the wire
    augmented       a call that its server makes as a task only
    talk            what a server says besides answers: progress, logs, questions
    watching        what we want to be told: changed lists, changed resources
    listing         tools, prompts and resources, judged one by one; `sharing`: alike, kept once
    paging          their pages, read one after the other, within bounds
    usable          tools whose input schema can be held against arguments; `looking` is when they are looked at
    pulse           whether a server that let a call go by without a word is still there
    renewing        lists whose time is over are asked for anew when somebody wants them
    outcomes        what an answer, an error or a silence means: Answered, Refused, Unsent, InDoubt; `statuses` in words
    plainly         what libraries call a failure, in our own words
    streams, wire   what is sent is what was judged; what is received is not touched
    stdio, process  a child process and its pipes
    reaping, reaper nothing outlives us, however we die
    session         one connection without supervision: Toolgate as its own client
    meter           how much a server says beside its answers, and how long it waits then
    pool            the fast lane for modern HTTP; `pools` holds one for each subject
    wires           ... one connection of it: `http1` and `response` read it, `sse` what comes as events
    auth/           tokens on requests: log-ins, client credentials, exchanges; which addresses are reached for them
    streamable      the SDK's client for the older HTTP, whose answers keep their text; `http_sse`, what was before that
    nameless        an error without an id, where it can't come as the answer to what was posted
    safe_transport  one failed request must not tear down the SDK's client; `redirects`, which it follows
"""

import gateway.sdk  # noqa: F401 - before anything of the SDK
from gateway.upstream.eras import Eras
from gateway.upstream.session import Session, open_session
from gateway.upstream.spec import Http, ServerSpec, ServerStatus, Stdio
from gateway.upstream.upstreams import Upstreams

__all__ = ["Eras", "Http", "ServerSpec", "ServerStatus", "Session", "Stdio", "Upstreams", "open_session"]
