"""Leave the functions' aliases out of a built template, for engines that one person uses.

An alias is what a canary moves from version to version. SAM publishes a version when a function's properties change as
the template spells them, with its parameters' values on AWS; the emulator and LocalStack look at the defaults instead,
so that a changed parameter (a new signing key, another port) would reach nobody who calls the alias. LocalStack also
refuses `!Ref SomeFunction.Alias`, and the emulator would keep the processes of every version. Production's template,
the aliases in it, is deployed to the emulator by a test.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from runner.local.deployment import read_template
from runner.workspace import write_whole

FUNCTION = "AWS::Serverless::Function"
OF_ALIASES = ("AutoPublishAlias", "AutoPublishAliasAllProperties", "VersionDeletionPolicy", "DeploymentPreference")
"""The properties of a function from which SAM makes versions and an alias."""


def unaliased_template(built: Path) -> Path:
    """Write the template without aliases beside the built one, whose relative paths it shares; its path."""
    target = built.with_name("unaliased.yaml")
    write_whole(target, yaml.safe_dump(without_aliases(read_template(built)), sort_keys=False))
    return target


def without_aliases(template: Mapping[str, Any]) -> dict[str, Any]:
    """A built template whose functions are called by themselves, not by the alias that SAM publishes them under."""
    changed = copy.deepcopy(dict(template))
    functions = [each for each in changed["Resources"].values() if each["Type"] == FUNCTION]
    for properties in (changed["Globals"]["Function"], *(each["Properties"] for each in functions)):
        for name in OF_ALIASES:
            properties.pop(name, None)
    for function in functions:
        # SAM refuses the name of a property that the globals have not.
        ignored = [name for name in function.pop("IgnoreGlobals", []) if name not in OF_ALIASES]
        if ignored:
            function["IgnoreGlobals"] = ignored
    return dict(unaliased(changed))


def unaliased(value: Any) -> Any:
    """A value of a template with `SomeFunction.Alias` in its references made `SomeFunction`."""
    match value:
        case {"Ref": str(name)}:
            return {"Ref": name.removesuffix(".Alias")}
        case dict():
            return {key: unaliased(each) for key, each in value.items()}
        case list():
            return [unaliased(each) for each in value]
    return value
