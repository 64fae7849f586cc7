"""A tool that knows nothing of the sandbox: IntuneCD, as published, with its traffic turned by host name."""

import os
import subprocess
from collections import Counter
from pathlib import Path

import orjson
import pytest
from django.conf import settings as project

from providers.sandbox.generate import build_tenant
from providers.sandbox.load import load_folder
from providers.sandbox.server import Sandbox
from providers.sandbox.tenants import empty_tenant
from providers.sandbox.world import SandboxTenant, World

ROOT = Path(project.BASE_DIR)
_named = os.environ.get("TENANTPILOT_INTUNECD")
# `./dev bench sync` installs it there; the variable names the Python of another environment that has it.
PEER = Path(_named) if _named else ROOT / ".peers" / "intunecd" / "bin" / "python"
EXPORTS = ROOT.parent / "shared" / "real-exports"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PEER.exists(), reason="IntuneCD is not installed (./dev bench sync installs it)."),
]


def back_up(tenant: SandboxTenant, folder: Path) -> tuple[str, Counter[str], list[dict[str, object]]]:
    """(what it said, files by folder, requests as logged)"""
    sandbox = Sandbox(World([tenant]), log=folder / "requests")
    environment = {
        **os.environ,
        "SANDBOX_URL": sandbox.start(),
        "TENANT_NAME": tenant.entra_tenant_id,
        "CLIENT_ID": tenant.apps["full"].client_id,
        "CLIENT_SECRET": tenant.apps["full"].secret,
    }
    (folder / "backup").mkdir()
    script = ROOT / "benchmarks" / "peers" / "intunecd.py"
    command = [str(PEER), str(script), "-m", "1", "-p", str(folder / "backup"), "--append-id"]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    sandbox.stop()
    files = Counter(path.parent.relative_to(folder / "backup").parts[0] for path in (folder / "backup").rglob("*.json"))
    lines = (folder / "requests").read_bytes().splitlines()
    return done.stdout + done.stderr, files, [orjson.loads(line) for line in lines]


def assert_clean(said: str, requests: list[dict[str, object]]) -> None:
    assert "[ERROR]" not in said and "Error processing" not in said and "Traceback" not in said, said[-3_000:]
    # What a policy refers to may be gone; nothing else is refused.
    gone = ("/beta/groups/", "/beta/deviceManagement/assignmentFilters/")
    unexpected = [
        (line["url"], line["status"])
        for line in requests
        if line["status"] not in (200, 429) and not any(path in str(line["url"]) for path in gone)
    ]
    assert unexpected == []


@pytest.mark.parametrize("size", ["small", "medium"])
def test_intunecd_backs_up_a_generated_tenant_without_an_error(tmp_path: Path, size: str) -> None:
    """SBX-10"""
    tenant = build_tenant("contoso", "Contoso", size)
    said, files, requests = back_up(tenant, tmp_path)
    assert_clean(said, requests)
    for folder, path in (
        ("Settings Catalog", "deviceManagement/configurationPolicies"),
        ("Device Configurations", "deviceManagement/deviceConfigurations"),
        ("Filters", "deviceManagement/assignmentFilters"),
        ("Conditional Access", "identity/conditionalAccess/policies"),
        ("Group Policy Configurations", "deviceManagement/groupPolicyConfigurations"),
        ("Proactive Remediations", "deviceManagement/deviceHealthScripts"),
    ):
        assert files[folder] == len(tenant.collection(path).objects), folder


@pytest.mark.skipif(not EXPORTS.is_dir(), reason="The real exports are not here.")
@pytest.mark.parametrize(
    "name", ["ces2026-intunecd", "j0eyv-ca-baseline", "ncsc-device-security", "snapshot-recovery-sample"]
)
def test_intunecd_backs_up_a_loaded_folder_without_an_error(tmp_path: Path, name: str) -> None:
    """SBX-10"""
    tenant = empty_tenant("imported", name)
    load_folder(EXPORTS / name, into=tenant)
    said, files, requests = back_up(tenant, tmp_path)
    assert_clean(said, requests)
    assert files["Settings Catalog"] == len(tenant.collection("deviceManagement/configurationPolicies").objects)
    assert files["Conditional Access"] == len(tenant.collection("identity/conditionalAccess/policies").objects)
