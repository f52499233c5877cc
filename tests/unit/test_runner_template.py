"""The runner's reader of CloudFormation templates: intrinsic functions, conditions and errors."""

from pathlib import Path
from typing import Any

import pytest

from runner import template
from runner.errors import RunnerError
from runner.template import Template, references

SHORT = """\
Parameters: { Password: { Default: "" }, Name: { Default: site }, Origins: { Default: "a,b" } }
Conditions:
  Generates: !Equals [!Ref Password, ""]
  Named: !Not [!Condition Generates]
  Both: !And [!Condition Named, !Equals [!Ref Name, site]]
  Either: !Or [!Condition Named, !Equals [!Ref Name, site]]
Resources:
  Table: { Type: "AWS::DynamoDB::Table", Properties: { TableName: !Sub "${Name}-users", Key: !GetAtt Key.Arn } }
  Secret: { Type: "AWS::SecretsManager::Secret", Condition: Generates }
Outputs:
  Users: { Value: !If [Generates, !Ref Table, !Ref "AWS::NoValue"] }
"""


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "template.yaml").write_text(SHORT)
    return template.read(tmp_path / "template.yaml")


def given(document: dict[str, Any], **parameters: str) -> Template:
    return Template(document, parameters, {"Table": "t-1"}, {"Key": {"Arn": "arn:key"}})


def test_short_tags_are_read_as_the_long_form(document: dict[str, Any]) -> None:
    properties = document["Resources"]["Table"]["Properties"]
    assert properties == {"TableName": {"Fn::Sub": "${Name}-users"}, "Key": {"Fn::GetAtt": "Key.Arn"}}
    assert document["Conditions"]["Named"] == {"Fn::Not": [{"Condition": "Generates"}]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        (1, "1"),
        ({"Ref": "Name"}, "site"),
        ({"Ref": "Table"}, "t-1"),
        ({"Fn::GetAtt": ["Key", "Arn"]}, "arn:key"),
        ({"Fn::GetAtt": "Key.Arn"}, "arn:key"),
        ({"Fn::Sub": "'${Name}-${Table}' ${Key.Arn} ${!Literal}"}, "'site-t-1' arn:key ${Literal}"),
        ({"Fn::Sub": ["${Own}${Name}", {"Own": {"Ref": "Table"}}]}, "t-1site"),
        ({"Fn::Join": ["-", ["x", {"Ref": "Name"}]]}, "x-site"),
        ({"Fn::Join": ["|", {"Ref": "Origins"}]}, "a|b"),
        ({"Fn::If": ["Generates", {"Ref": "Name"}, {"Ref": "Nothing"}]}, "site"),
    ],
)
def test_intrinsic_functions_are_filled_in(document: dict[str, Any], value: Any, expected: str) -> None:
    assert given(document).text(value) == expected


@pytest.mark.parametrize(
    "value",
    [{"Ref": "Nothing"}, {"Fn::Sub": "${Nothing}"}, {"Fn::GetAtt": ["Key", "X"]}, {"Fn::GetAtt": "X.Arn"}, None, []],
)
def test_an_unknown_reference_is_one_clear_error(document: dict[str, Any], value: Any) -> None:
    with pytest.raises(RunnerError, match="cannot fill in"):
        given(document).text(value)


@pytest.mark.parametrize(("password", "true"), [("", {"Generates", "Either"}), ("secret", {"Named", "Both", "Either"})])
def test_conditions_follow_the_parameters(document: dict[str, Any], password: str, true: set[str]) -> None:
    stack = given(document, Password=password)
    assert {name for name in document["Conditions"] if stack.holds(name)} == true


def test_an_unknown_condition_is_one_clear_error(document: dict[str, Any]) -> None:
    with pytest.raises(RunnerError, match="not known"):
        given(document).holds({"Fn::Contains": ["a", "b"]})


def test_what_a_condition_excludes_is_left_out(document: dict[str, Any]) -> None:
    assert given(document).decided("Resources").keys() == {"Table", "Secret"}
    assert given(document).decided("Outputs") == {"Users": {"Value": {"Ref": "Table"}}}
    assert given(document, Password="secret").decided("Resources").keys() == {"Table"}
    assert given(document, Password="secret").decided("Outputs") == {"Users": {}}


def test_references_are_found_at_any_depth() -> None:
    value = [{"Ref": "A"}, {"x": {"Fn::GetAtt": ["B", "Arn"]}}, {"Fn::GetAtt": "C.D.E"}, {"Ref": "AWS::Region"}]
    text = [{"Fn::Sub": "${F.Arn} ${AWS::Region} ${!G}"}, {"Fn::Sub": ["${H}${I}", {"H": {"Ref": "J"}}]}]
    assert references([value, text]) == {"A", "B", "C", "F", "I", "J"}
