"""The MCP servers that we connect to: the only MCP client in the program.

Start at `upstreams`, which is what the pipeline sees; then `supervise`, the life of one server.

    spec            what a server is configured to be; secrets expanded at connect time only
    upstreams       all of them: one catalogue, `forward`
    supervise       one of them: its owner task, back-off, waiting for a restart
    connect         transport, handshake in the right era, news of changed lists
    connection      raw requests in either era
    listing         all pages of tools, judged one by one
    outcomes        what an answer, an error or a silence means: Answered, Refused, Unsent, InDoubt
    streams, wire   what is sent is what was judged; what is received is not touched
    stdio, process  a child process and its pipes
    reaping, reaper nothing outlives us, however we die
    pool, wires, response, http1, sse  the fast lane for modern HTTP
    safe_transport  one failed request must not tear down the SDK's client
"""

from gateway.upstream.spec import Http, ServerSpec, ServerStatus, Stdio
from gateway.upstream.upstreams import Upstreams

__all__ = ["Http", "ServerSpec", "ServerStatus", "Stdio", "Upstreams"]
