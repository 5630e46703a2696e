from typing import Any

from gateway.errors import Problem
from gateway.policy.lint.finding import ERRORS, RULES
from gateway.policy.lint.sarif import sarif

ERROR = Problem("policies/policy.csv", 3, 7, "unknown effect `alow`", "did you mean `allow`?", rule="invalid-policy")
FILE = Problem("/srv/my policies/policy.csv", 0, 0, "anybody may change it", level="warning", rule="open-file")


def results(*problems: Problem) -> list[dict[str, Any]]:
    (run,) = sarif(problems, "1.2.3")["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def test_every_finding_has_its_place_its_rule_and_its_level() -> None:
    (found, of_file) = results(ERROR, FILE)
    place = found["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "policies/policy.csv"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert found["level"] == "error"
    assert found["message"] == {"text": "unknown effect `alow` (did you mean `allow`?)"}
    assert of_file["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "file:///srv/my%20policies/policy.csv"}
    }


def test_the_rules_are_listed_and_each_finding_points_to_its_own() -> None:
    (run,) = sarif([ERROR, FILE], "1.2.3")["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [*ERRORS, *RULES]
    assert [rules[found["ruleIndex"]]["id"] for found in run["results"]] == ["invalid-policy", "open-file"]
    assert run["tool"]["driver"]["semanticVersion"] == "1.2.3"


def test_a_finding_of_no_rule_is_still_told() -> None:
    (found,) = results(Problem("policies/model.conf", 0, 0, "doubtful", level="warning"))
    assert "ruleIndex" not in found
    assert found["message"] == {"text": "doubtful"}


def test_a_finding_keeps_its_fingerprint_when_its_line_moves() -> None:
    moved = Problem("policies/policy.csv", 9, 7, ERROR.message, ERROR.hint, rule=ERROR.rule)
    assert results(ERROR)[0]["partialFingerprints"] == results(moved)[0]["partialFingerprints"]
    assert results(ERROR)[0]["partialFingerprints"] != results(FILE)[0]["partialFingerprints"]
