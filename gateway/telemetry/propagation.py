"""Nothing of a caller's trace context is passed on by accident.

The MCP SDK reads `traceparent`, `tracestate` and `baggage` from what a client sends, and writes whatever is current
into what it sends to servers. Between the two stands our gateway: one client's baggage would reach every upstream
server, and the caller's span would take the place of ours. So the process-wide propagator is one that does nothing;
`gateway.telemetry.span.traceparent` is what upstream servers get, in `_meta`, and `link_to` reads what a caller sent.
"""

__all__ = ["stop_propagation"]


def stop_propagation() -> None:
    """From now on OpenTelemetry injects nothing and extracts nothing in this process. Cheap, and may be repeated."""
    from opentelemetry.propagate import set_global_textmap  # the composition root calls this before it loads `mcp`
    from opentelemetry.propagators.composite import CompositePropagator

    set_global_textmap(CompositePropagator([]))
