"""Scripts: PowerShell, shell, custom attributes, remediations."""

from typing import Any

from providers.sandbox.blueprints.maker import GRAPH, Made, Maker, base64_of, named


def _script(make: Maker, name: str, file: str, text: str, **rest: Any) -> Made:
    body = named(make, name, runAsAccount="system", fileName=file, scriptContent=base64_of(text), **rest)
    assignments = [
        {"id": one["id"], "target": one["target"]} for one in make.assignments(body["id"])
    ]  # Without a source: these assignments never come from policy sets.
    return body, {"assignments": assignments, "groupAssignments": []}


def powershell(make: Maker, number: int) -> Made:
    # Line ends are content: both kinds occur.
    end = "\r\n" if number % 2 else "\n"
    lines = ["#requires -version 5.1", *(f"Write-Output 'Step {step} of {number}'" for step in range(1 + number % 12))]
    name = make.names.policy(number, purpose="Script")
    return _script(make, name, f"step-{number}.ps1", end.join(lines), enforceSignatureCheck=False, runAs32Bit=False)


def shell(make: Maker, number: int) -> Made:
    text = "#!/bin/zsh\n" + "".join(f"echo 'line {line}'\n" for line in range(20 + number % 200))
    return _script(
        make,
        make.names.policy(number, "macOS", purpose="Script"),
        f"setup-{number}.sh",
        text,
        executionFrequency="P1D",
        retryCount=3,
        blockExecutionNotifications=True,
    )


def custom_attribute(make: Maker, number: int) -> Made:
    return _script(
        make,
        f"Attribute {number}",
        f"attribute-{number}.sh",
        "#!/bin/sh\nsw_vers -productVersion\n",
        customAttributeName=f"Attribute {number}",
        customAttributeType="string",
    )


def remediation(make: Maker, number: int) -> Made:
    body = named(
        make,
        make.names.policy(number, purpose="Remediation"),
        publisher="IT",
        version="1",
        runAsAccount="system",
        runAs32Bit=False,
        enforceSignatureCheck=False,
        detectionScriptContent=base64_of("if (Test-Path C:\\Temp) { exit 1 }\r\nexit 0\r\n"),
        remediationScriptContent=base64_of(f"Remove-Item C:\\Temp -Recurse  # {number}\r\n"),
        isGlobalScript=False,
        deviceHealthScriptType="deviceHealthScript",
    )
    schedule = {
        "@odata.type": f"{GRAPH}deviceHealthScriptDailySchedule",
        "interval": 1,
        "useUtc": False,
        "time": "02:00:00.0000000",
    }
    assignments = [
        {"id": one["id"], "target": one["target"], "runRemediationScript": True, "runSchedule": schedule}
        for one in make.assignments(body["id"])
    ]
    return body, {"assignments": assignments}
