"""The policy's own tests: questions, and the answers that the admin expects (docs/policy-tests.md).

    case       one question with what is expected of its answer; what a table says, checked
    facts      what a case says about the tool, the run and the time, in words
    table      `tests.csv`: a case a line
    document   `tests.toml`: a case a table
    reading    the files beside the policy -> cases
    running    cases put to a policy: what each got, and what each line of the policy did
    branches   a condition, with every place where it can turn out one way or the other
    coverage   which lines and branches the cases have seen, and what they have not
    failing    why a case did not get what it expects
    report     all that came of it, as one value
    junit      the same for build servers

`run_tests` is for whoever only wants to know what fails; `report.report` knows the rest.
"""

from gateway.policy.cases.case import Case
from gateway.policy.cases.reading import tables_beside
from gateway.policy.cases.running import Failure, run_tests

__all__ = ["Case", "Failure", "run_tests", "tables_beside"]
