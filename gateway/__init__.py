"""Toolgate: a gateway between language models and tools. This is the map.

    gates decide, the pipeline acts, events remember

Whoever asks, an agent's run or an MCP client, a call takes one path (`pipeline`), meets the same gates (`gates`) and
leaves the same record (`events`). Each room below opens with what it promises. Dependencies point upwards only;
`tests/test_architecture.py` holds this picture as a table.

The core: values and decisions. No clock, no await, no I/O but reading files when they are loaded.

    errors          what can go wrong: a small tree
    values          frozen dataclasses that cost what plain ones do
    duties          what an allowed call must keep to: its obligations
    arguments       a call's arguments, parsed once
    call            Tool, Call, Verdict, Outcome: the values that travel the path of a call
    caller          who waits for an answer, and what a server may say to him until it comes
    offer           what a server offers beside tools: prompts, resources, templates; how long its lists are true
    names           `server/tool` for people <-> the one name that models and clients see
    weburls         where an address of the web leads, however it is written
    aliases         in which ways a URI can be read
    apps            what tools say of their user interfaces
    uris            which server a URI means
    links           what a result links to, as its client knows it
    catalogue       all that every server offers, as one immutable value
    budget          limits, spend, prices: arithmetic
    cron            when a schedule fires
    windows         the stretch of time in which a budget counts
    zones           time zones by their name
    balances        what is taken and what is left, for people
    tolls           what calls of tools cost
    failures        which failures of tools are the same
    accounts        budgets that count over many runs: which count a call, and in which account
    approval        a question put to people about one exact call, what each of them said, and what came of it
    lasting         what lasts beyond one answer: a yes that is remembered, and who decides for whom who is away
    answer          what somebody says to a question, read in one way whichever channel it comes by
    fatigue         how people answer, by the rule that asked
    preview         what a person is shown of a call before he answers
    events          the facts of a run, and their JSON
    refusals        what the record keeps of a call that was refused
    lifecycle       how a run began, who drives it, where it rests, how it ended
    conversation    what happens in a conversation beside questions and calls: what the user says, what is told no more
    later           what comes later by itself: a further attempt, a moment, news from outside
    asked           what models were asked, and what came of it
    transitions     what may follow what in a run: a table
    weight          how much a message is for a model
    state           what a run has become, as values
    job             a run that workers are to drive, and which one is next
    course          each time that a run came to stand otherwise: the cause, who it was, and when
    fates           what becomes of a run's calls
    run             a run is the fold of its events: `apply()`, `fold()`
    task            a call whose answer comes later, and how its client is told where it stands
    standing        where the task of a call stands that waits for a person
    doubts          what a run had under way of which nobody says what became of it
    signature       which server asks: its name on each of its questions
    notice          an approval as people elsewhere are told of it
    webhook         messages that are signed, both ways
    form            our own question to a client: may this call be made?
    session         a conversation that goes on from run to run: what is remembered, and whose turn it is
    forking         a run that goes on where another one stood, without doing anything again
    output          the data that a run must end in, by its schema
    steps           what happens next in a run, as a value
    insistence      a client that makes a refused call again and again
    reversal        what a run has done that can be undone, and how that stands
    results         what a model or a client is told about a call
    outage          why a server is away, for those who do not run the gateway
    extracts        what the record keeps of a long result
    params          what a read, a prompt or a completion says, against what was offered
    schema          values against a JSON Schema: arguments, answers
    shapes          arguments at a glance, for the schemas that nearly all tools have
    references      whether what a schema refers to is there, and comes to an end
    bounded         JSON Schema keywords whose cost is bounded
    sources         where a value came from: the user's words, or an untrusted server's
    reckoning       whether the words beside a number leave it what it is
    said            whether somebody's words hold a text or a number to the letter
    rewritings      what a text's markup shows, and what is written otherwise and means the same
    spelling        a text as its words, whichever way it is spelled
    clues           what texts leave behind, and what in a value is found again among it
    policy/         the policy files: read strictly, decided by an index, explained, tested, compared, rolled out
    effects         what the admin says of what single tools do: made again, looked up, undone
    reasons         what asks for people about a call, by name: an answer lifts that and nothing else
    facts           what the gates may know of a call
    gates           known, reachable, intact, valid, permitted, within_budget, approved: the only place that says no
    gaps            what is missing from the lists that somebody is shown
    fieldnames      whether a key is a redacted field, however it is written
    mentions        whether a text tells a redacted field in another way than as a field
    redaction       results without what a policy keeps back
    fulfilment      an outcome as the duties of its call leave it
    agents/         what an agent is, and what its model is told: all that fits its window
    config/         toolgate.toml, .mcp.json, budgets.toml, the environment and the flags
    identity        who is asking
    keys            API keys, of which only a hash is kept
    claims          what a token says about whom it speaks for
    profile         a named part of what is served
    wording         how a wrong word is answered: did you mean ...?
    verbatim        JSON that goes through as the text that it was, and JSON written
    dates           moments as dates, whatever number they are
    visible         text from elsewhere, safe to look at
    credentials     our own secrets, found again where they turn up in what somebody else says
    screens/        what deceives in definitions and results: hidden text, false names, words meant for the model; and
                    what has the form of a secret
    reach           which addresses somebody else's words may make us connect to
    guard           no foreign package in the place of ours
    shielded        what is brought to its end also when nobody waits for it any more
    late            the methods of dataclasses are compiled when they are first called
    apart           what works for this process in a thread of its own
    memory          memory that nobody holds any more goes back to the system
    sdk             the MCP SDK by its side doors: what nobody uses is not loaded

Adapters: one library each, whose types do not leave it.

    replacing       files replaced whole, by one writer at a time
    keyring         keys that seal what we keep or hand out
    guarded         an HTTP client that connects only to what `reach` lets it
    deadlines       times that hardly ever come, looked at together
    lingering       an event loop that looks for what comes next a little longer before it sleeps
    slots           how many may be at something at once
    prices          what models cost, by a list
    store/          events, approvals, spend, leases and API keys, in SQLite or PostgreSQL
    resting         which model endpoints are left alone just now
    auth/           who is asking over HTTP: API keys and access tokens
    upstream/       the MCP servers that we connect to: the only MCP client
    telemetry/      finished spans, to OTLP or nowhere
    hosts/          the files of editors and agents: read, changed in one entry, given back to the byte
    pins/           what each server offered when it was first seen: a tool that changes is held

Paths: where something happens.

    tracing         which spans tell what happened
    aside           the duties of a long result, seen to in a thread
    hearing         what a run hears while it is under way
    journal         what the driver of a run writes down, and what the run becomes by it
    admission       a call on its way: what is proposed, in which run and attempt, and what was admitted
    reserving       bills as changes of the store: reserved, settled
    booking         what a call takes beside its run's budget
    parties         with whom the pipeline deals, and what it answers
    questions       the question that is put to people about a call
    deferring       when a call that came to nothing is made again
    judging         what the gates may know of a call is gathered, and they are asked
    pipeline        the path of a call: parse, judge, admit, forward, record
    backend         a model as it is asked and billed
    counting        how many tokens a question has, by who can count
    turn            one question to a model: reserve, ask, settle, for each attempt
    fitting         what a model is told fits its window: less is told, and it is recorded
    inquiring       whether a call happened that got no answer
    calling         the calls of a run: made, made again, in doubt
    speaking        how a run speaks with its model: which one it is, what it is shown, within what time
    halting         what others say about a run while a step of it is under way
    taking_turns    the runs of a session, one after the other, each with what the one before has left
    engine/         how a job gets to a worker
    worker          runs that were submitted are claimed, driven, let go of
    loop            the path of a run: take the steps, until it waits or ends
    stream          a run's events as they come, in whichever process it is driven
    earlier         what clients have done in the runs that they had before
    shown           what of the gateway is there for a client
    unrecorded      calls of clients whose end could not be recorded
    clients         a session without a model of ours: the same path for MCP clients
    orphans         the runs of clients whose gateway is gone
    redeeming       the path of a call that people agreed to, made for a task
    undoing         what a run has done is undone, by tools that the admin named for it
    following       how a client follows its tasks, whoever made them
    approving       the path of an answer: who may give it is policy, and it is given once
    rollout         what a process does about its policy beside deciding: versions, a candidate, who runs what

The root, and the faces.

    access          how we get into servers: credentials, log-ins
    telling         a chat tool is told of what waits, and of the answers
    noting          what the servers offer is written down when it changes: policies can be asked again later
    recalling       the record, as the questions that its calls put to the policy
    recording       a run's record as what a replay plays
    row             models in a row, each on its own terms
    tool_words      what toolgate.toml says of single tools, compiled
    models          which backend answers to the name of a model
    model_list      what is known of each model that is configured
    offline         what can be had without a server, and what people do to runs there
    packing         a run as it may leave this installation
    forks           a run is taken up anew: who may, with which model and limits
    submitting      a run is queued for workers
    firing          schedules fire: runs are submitted by the clock
    hiring          a worker of this configuration
    runtime         configuration in, running parts out: the only module that knows every class
    entrance        the same for who may come in over HTTP, and to which parts
    serve/          the gateway as an MCP server
    toolgate/       all of it for a program in Python: `from gateway.toolgate import Toolgate`
    cli/            the command line

Beside this package: `providers` (model backends, and the contract between them and the loop), `servers` (two MCP
servers of our own), `policies` (what admins edit).
"""
