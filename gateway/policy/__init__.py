"""One immutable, fully checked reading of the policy files, and what admins do with it.

Read in this order: `rows` (what a line says; below it `cells`, `globs`, `compiler`, `condition`, `functions`, `logic`,
`scope`), `load` (files to `Policy`), `decide` (the answer; below it `index` and `roles`), `live` (reload), `explain`,
`lint`, `cases` (the policy's own tests). Deciding is pure: no clock, no I/O, no await.

Casbin's file format and meaning, but not its engine: the tests compare every decision with two stock enforcers.
"""

from gateway.policy.cases import Failure, run_tests
from gateway.policy.decide import Decision, Policy, Summary
from gateway.policy.explain import Explanation, explain
from gateway.policy.lint import check
from gateway.policy.live import LivePolicy
from gateway.policy.load import load, parse
from gateway.policy.render import render
from gateway.policy.scope import Query, RunFacts
from gateway.policy.wording import Action, Effect

__all__ = [
    "Action",
    "Decision",
    "Effect",
    "Explanation",
    "Failure",
    "LivePolicy",
    "Policy",
    "Query",
    "RunFacts",
    "Summary",
    "check",
    "explain",
    "load",
    "parse",
    "render",
    "run_tests",
]
