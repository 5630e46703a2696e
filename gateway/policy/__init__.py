"""One immutable, fully checked reading of the policy files, and what admins do with it.

What decides is exported here. Read in this order: `rows` (below it `said`, `cells`, `globs`, `obligations`,
`compiler` with `nodes` and `quick`, `wording`, `spelling`, `syntax`, `comparisons`, `functions` with `moments`,
`patterns` and `zones`, `origins`, `logic`, `condition`, `scope`), `load` (`files` to `Policy`), `decide` (the answer;
below it `index`, `roles`, and `readings` for lists), `live` (reload; below it `taking`: which edit is taken). What
admins use stands in modules of its own, so that a call does not pay for it:

    explain    why a decision is what it is; below it `listing`, `misses` (what the nearest lines lack; under a model
               of one's own: `custom_misses`), `ways` (with which values it would be another), `paths` and `saw`
    render     the same for a terminal
    recorded   a call of the record as a question; `run_words`: what a run has done, as one writes it
    powers     who can do what, whatever the arguments are; below it `outcomes` (what a condition can be at all) and
               `samples`
    lint/      what is doubtful: `check`; below it `bounds`
    cases/     the policy's own tests, and what they have not seen
    suggest/   lines that would have allowed what was denied
    formatting the files with their columns aligned
    version    a policy that was in force, with the text of its files; `writing`: they are given back
    shadow     a candidate beside the policy in force, and where it would have decided otherwise; below it
               `loosening`: duties beside duties
    replica    a process that decides, as it reports itself
    editor/    what an editor is told while somebody writes
    diff       which decisions two policies make differently; below it `changes` (the lines that are the cause) and
               `witnesses/` (the requests that show it)
    answers    the same language about what a tool has answered
    backtest   the calls that were made, decided again; below it `history` (what a run asked), `seen` (what its tools
               were like) and `again`
    tally      what both have found, counted

Casbin's file format and meaning, but not its engine: the tests compare every decision with two stock enforcers (one is
`oracle`, over the `model` that ours implements). Under a model of one's own (`custom`, with `matcher` and
`custom_rows`) the engine decides: `stock`, a `Policy` like the other.
"""

from gateway.policy.decide import Decision, Policy, Summary
from gateway.policy.live import LivePolicy
from gateway.policy.load import load, parse
from gateway.policy.scope import Query, RunFacts
from gateway.policy.wording import Action, Effect

__all__ = [
    "Action",
    "Decision",
    "Effect",
    "LivePolicy",
    "Policy",
    "Query",
    "RunFacts",
    "Summary",
    "load",
    "parse",
]
