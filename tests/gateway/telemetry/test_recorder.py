from gateway.telemetry import ROOT, Recorder, Span


def test_a_recorded_run_reads_as_a_tree_whatever_the_order_of_its_spans() -> None:
    recorder = Recorder()
    recorder.emit(Span("llm.call", "run_1", "t1/model", "t1", 1, 2))
    recorder.emit(Span("policy.check", "run_1", "t1/call/c1/policy", "t1", 2, 2))
    recorder.emit(Span("tool.call", "run_1", "t1/call/c1", "t1", 3, 4))
    recorder.emit(Span("agent.step", "run_1", "t1", ROOT, 1, 4))
    recorder.emit(Span("agent.step", "another", "t1", ROOT, 1, 4))
    recorder.emit(Span("agent.run", "run_1", ROOT, None, 1, 4))
    assert recorder.tree("run_1") == [
        "agent.run",
        "  agent.step",
        "    llm.call",
        "    policy.check",
        "    tool.call",
    ]
    assert recorder.close() == 0
