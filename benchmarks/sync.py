"""A whole inventory sync beside IntuneCD's backup of the same sandbox tenant (P1, P2, P5, P7)."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from django.db import connections

from benchmarks.ground import make_tenant
from benchmarks.report import Report

ROOT = Path(__file__).resolve().parent.parent
PEER = "IntuneCD==2.6.0"


@dataclass(frozen=True, slots=True)
class Taken:
    """One process: seconds of wall and CPU (children included), peak memory in MB, requests the sandbox counted."""

    wall: float
    cpu: float
    memory: float
    requests: int
    objects: int


def run(*, quick: bool) -> Report:
    report = Report("sync")
    peer = _install_peer()
    tenant, _owner = make_tenant()
    sizes = [(50, 0.2, "P2", 4.0, 1)] if quick else [(500, 0.2, "P2", 4.0, 5), (5_000, 0.05, "P1", 8.0, 5)]
    for objects, latency, goal, floor, pairs in sizes:
        _compare(report, peer, tenant.slug, objects, latency, goal, floor, pairs)
    return report


def _compare(
    report: Report, peer: Path, slug: str, objects: int, latency: float, goal: str, floor: float, pairs: int
) -> None:
    with tempfile.TemporaryDirectory() as scratch, _sandbox(Path(scratch), objects, latency) as ready:
        ours: list[Taken] = []
        theirs: list[Taken] = []
        for number in range(pairs):
            ours.append(_ours(ready, slug, objects, first=number == 0))
            theirs.append(_theirs(ready, peer, Path(scratch), objects))
    label = f"{objects:,} objects, {latency * 1000:.0f} ms"
    repeated = ours[1:] or ours
    ratios = [b.wall / a.wall for a, b in zip(ours, theirs, strict=True)]
    row = report.add(
        goal, f"sync, {label}", _median(ours, "wall"), _median(theirs, "wall"), unit="s", floor=f"≥ {floor:g}×"
    )
    row.ratio = round(statistics.median(ratios), 2)
    row.met, row.note = (
        row.ratio >= floor,
        f"first {ours[0].wall:.2f} s; {ours[-1].requests} requests against {theirs[-1].requests}",
    )
    cpu = report.add(
        "P5", f"CPU per object, {label}", _median(repeated, "cpu") / objects * 1000, _median(theirs, "cpu") / objects * 1000,
        floor="≥ 4× less",
    )  # fmt: skip
    cpu.met = (cpu.ratio or 0) >= 4
    report.add("P7", f"peak memory, {label}", max(t.memory for t in ours), max(t.memory for t in theirs), unit="MB")
    report.details[label] = {"ours": [vars_of(t) for t in ours], "peer": [vars_of(t) for t in theirs]}


def vars_of(taken: Taken) -> dict[str, float]:
    return {name: round(getattr(taken, name), 3) for name in Taken.__slots__}


def _median(taken: list[Taken], name: str) -> float:
    return statistics.median(getattr(t, name) for t in taken)


def _install_peer() -> Path:
    """The peer in an environment of its own, kept between runs."""
    folder = ROOT / ".peers" / "intunecd"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
        (folder / "installed").touch()
    return python


def write_policies(folder: Path, objects: int) -> None:
    """`objects` settings catalog policies of twelve settings and two assignments, as an export would hold them."""
    folder.mkdir(parents=True)
    for number in range(objects):
        body = _policy(number)
        (folder / f"policy-{number:05}.json").write_text(json.dumps(body))


def _policy(number: int) -> dict[str, Any]:
    identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"bench-{number}"))
    kind = "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance"
    value = "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue"
    settings = [
        {
            "id": str(index),
            "settingInstance": {
                "@odata.type": kind,
                "settingDefinitionId": f"device_vendor_msft_policy_config_bench_setting{index}",
                "settingInstanceTemplateReference": None,
                "simpleSettingValue": {
                    "@odata.type": value,
                    "settingValueTemplateReference": None,
                    "value": number + index,
                },
            },
        }
        for index in range(12)
    ]
    targets = [
        {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"},
        {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget",
            "groupId": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number % 40))),
        },
    ]
    filterless = {
        "deviceAndAppManagementAssignmentFilterId": None,
        "deviceAndAppManagementAssignmentFilterType": "none",
    }
    return {
        "@odata.context": "https://graph.microsoft.com/beta/$metadata#deviceManagement/configurationPolicies/$entity",
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
        "id": identity,
        "name": f"Bench policy {number:05}",
        "description": "",
        "platforms": "windows10",
        "technologies": "mdm",
        "createdDateTime": "2026-01-05T08:00:00Z",
        "lastModifiedDateTime": "2026-02-03T09:30:00Z",
        "settingCount": len(settings),
        "creationSource": None,
        "roleScopeTagIds": ["0"],
        "isAssigned": True,
        "templateReference": {
            "templateId": "",
            "templateFamily": "none",
            "templateDisplayName": None,
            "templateDisplayVersion": None,
        },
        "priorityMetaData": None,
        "settings": settings,
        "assignments": [
            {"id": f"{identity}_{index}", "source": "direct", "sourceId": identity, "target": {**target, **filterless}}
            for index, target in enumerate(targets)
        ],
    }


@contextmanager
def _sandbox(scratch: Path, objects: int, latency: float) -> Iterator[dict[str, Any]]:
    """The sandbox in a process of its own; every Graph answer takes `latency` seconds longer."""
    write_policies(scratch / "export", objects)
    command = [
        sys.executable,
        "manage.py",
        "sandbox",
        "--port",
        "0",
        "--load",
        scratch / "export",
        "--log",
        scratch / "requests",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready: dict[str, Any] = json.loads(process.stdout.readline())
            ready["log"] = scratch / "requests"
            fault = [{"kind": "slow", "seconds": latency, "path": "/", "times": None}]
            httpx.post(ready["base_url"] + "/_control/faults", json=fault, trust_env=False).raise_for_status()
            yield ready
        finally:
            process.terminate()


def _ours(ready: dict[str, Any], slug: str, objects: int, *, first: bool) -> Taken:
    environment = {
        **os.environ,
        "SANDBOX_URL": ready["base_url"],
        "DATABASE_URL": _url("default"),
        "BENCH_APP": json.dumps(ready["tenants"][0]),
        "BENCH_SLUG": slug,
    }
    before = _count(ready)
    taken = _measure([sys.executable, "-m", "benchmarks.sync_once"], environment)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM inventory_inventoryitem WHERE type = 'settings_catalog_policy' AND state = 'present'"
        )
        found = cursor.fetchone()[0]
    if found != objects:
        raise RuntimeError(f"TenantPilot stored {found} of {objects} objects: the comparison is void.")
    return Taken(*taken, requests=_count(ready) - before, objects=found)


def _theirs(ready: dict[str, Any], peer: Path, scratch: Path, objects: int) -> Taken:
    folder = scratch / "backup"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tenant = ready["tenants"][0]
    environment = {
        **os.environ,
        "SANDBOX_URL": ready["base_url"],
        "TENANT_NAME": tenant["entra_tenant_id"],
        "CLIENT_ID": tenant["apps"]["full"]["client_id"],
        "CLIENT_SECRET": tenant["apps"]["full"]["client_secret"],
    }
    before = _count(ready)
    taken = _measure(
        [str(peer), "benchmarks/peers/intunecd.py", "-m", "1", "-p", str(folder), "--append-id"], environment
    )
    found = len(list((folder / "Settings Catalog").glob("*.json")))
    if found != objects:
        raise RuntimeError(f"IntuneCD stored {found} of {objects} objects: the comparison is void.")
    return Taken(*taken, requests=_count(ready) - before, objects=found)


def _measure(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Seconds of wall, seconds of CPU, peak megabytes of a fresh process. Raises RuntimeError when it fails."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        if process.returncode:
            output.seek(0)
            raise RuntimeError(output.read().decode(errors="replace")[-2000:])
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _count(ready: dict[str, Any]) -> int:
    """HTTP requests so far: the parts of a batch have lines of their own, but were not sent on their own."""
    lines = ready["log"].read_text().splitlines() if ready["log"].exists() else []
    return sum(1 - _parts(json.loads(line)) for line in lines)


def _parts(entry: dict[str, Any]) -> int:
    batch = entry["url"].endswith("/$batch") and entry["status"] == 200
    return len(entry["body"]["requests"]) if batch else 0


def _url(alias: str) -> str:
    found = connections[alias].settings_dict
    return f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"
