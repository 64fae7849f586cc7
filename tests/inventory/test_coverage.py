"""The coverage page and the document of the same content."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import TypeReading
from inventory.types import coverage, registry
from inventory.types.base import Capability, Confidence, Limit, Restore
from inventory.types.coverage import Answer
from operations.context import RunContext
from operations.models import OperationRun
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope
from tenantpilot.management.commands.check_docs import stale

PAGE = "/t/contoso/inventory/inventoryitem/coverage/"
DOCUMENT = Path(project.BASE_DIR) / "docs" / "coverage.md"


def _answers(key: str) -> dict[Capability, tuple[Answer, str]]:
    return {cell.capability: (cell.answer, cell.reason) for cell in coverage.coverage_of(registry.get(key)).cells}


def test_the_document_says_what_the_declarations_say() -> None:
    """TYP-16"""
    assert list(stale(DOCUMENT)) == []


def test_a_document_that_is_out_of_date_or_gone_is_a_fault(tmp_path: Path) -> None:
    """TYP-16"""
    copy = tmp_path / "coverage.md"
    assert "out of date" in next(stale(copy))
    copy.write_text(DOCUMENT.read_text().replace("| yes |", "| no |", 1))
    assert "out of date" in next(stale(copy))


def test_the_document_has_a_row_for_each_type_with_its_remarks(capsys: pytest.CaptureFixture[str]) -> None:
    """TYP-16"""
    call_command("coverage", "--markdown")
    rows = {found[1]: line for line in capsys.readouterr().out.splitlines() if (found := re.search(r"`(\w+)`", line))}
    types = registry.all_types()
    assert set(rows) >= {declared.key for declared in types}
    for declared in types:
        row = rows[declared.key]
        assert ("⚠" in row) == declared.low_confidence
        assert all(limit.reason in row for limit in declared.limits)
        assert all(secret.what in row for secret in declared.secrets)
        assert row.count("|") == len(coverage.HEADINGS) + 4


def test_what_can_be_restored_follows_from_how_much_of_an_object_comes_back() -> None:
    """TYP-6, TYP-16"""
    assert _answers("assignment_filter")[Capability.ACROSS] == (Answer.YES, "")
    # Changed in both tenants, made in neither.
    assert _answers("security_defaults_policy")[Capability.ACROSS] == (Answer.YES, "")
    assert _answers("security_defaults_policy")[Capability.RESTORE][0] is Answer.PARTLY
    restored, across = (_answers("autopilot_device_identity")[one] for one in (Capability.RESTORE, Capability.ACROSS))
    assert restored == across and restored[0] is Answer.NO
    assert {answer for answer, _ in _answers("terms_of_use").values()} == {Answer.NO}


def test_a_capability_that_is_not_built_is_not_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-3"""
    monkeypatch.setattr(coverage, "BUILT", frozenset(Capability))
    built = coverage.coverage_of(registry.get("settings_catalog_policy"))
    assert [cell.text for cell in built.cells] == ["yes", "yes", "yes", "yes", "partly", "partly"]
    monkeypatch.setattr(coverage, "BUILT", frozenset({Capability.LIST}))
    later = coverage.coverage_of(registry.get("settings_catalog_policy"))
    assert [cell.text for cell in later.cells] == ["yes", *["not yet"] * 3, *["not yet; partly"] * 2]
    lost = replace(
        registry.get("scope_tag"),
        restore=Restore.INVENTORY_ONLY,
        confidence=Confidence.SCHEMA,
        limits=(Limit(Capability.RESTORE, "Gone"),),
    )
    assert [cell.state for cell in coverage.coverage_of(lost).cells][-2:] == ["no", "no"]


def _row(html: str, key: str) -> str:
    """What the page says about a type: its row, and the remarks below it."""
    return re.split(r'<th scope="row|</tbody>', html[html.index(f">{key}<") :])[0]


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_page_groups_all_types_by_family_and_marks_the_uncertain(cast: SimpleNamespace, sign_in: Any) -> None:
    """TYP-17"""
    html = sign_in(cast.read_only).get(PAGE).content.decode()
    shown = re.findall(r'<small class="tp-mono">(\w+)</small>', html)
    assert sorted(shown) == sorted(declared.key for declared in registry.all_types())
    assert html.count('scope="rowgroup"') == len(coverage.families())
    uncertain = [declared for declared in registry.all_types() if declared.low_confidence]
    assert html.count("Low confidence") == len(uncertain) > 20
    # What is said of one type stands in its own row.
    row = _row(html, "terms_of_use")
    assert "signed-in people alone" in row and row.count('class="tp-badge ') == len(Capability)


@pytest.mark.django_db
def test_the_page_shows_one_family_where_one_is_chosen_and_all_for_an_unknown_one(
    cast: SimpleNamespace, sign_in: Any
) -> None:
    """TYP-17"""
    reader = sign_in(cast.read_only)
    html = reader.get(f"{PAGE}?family=windows-365").content.decode()
    assert re.findall(r'<small class="tp-mono">(\w+)</small>', html) == [
        "w365_provisioning_policy",
        "w365_user_setting",
    ]
    chosen = re.findall(r'<a href="([^"]*)" aria-current="page">\s*Windows 365', html)
    assert chosen == ["?family=windows-365"]
    html = reader.get(f"{PAGE}?family=<script>").content.decode()
    assert len(re.findall(r'<small class="tp-mono">', html)) == len(registry.all_types()) and '<script>"' not in html


@pytest.mark.django_db(transaction=True)
def test_the_page_says_how_each_type_was_last_read_and_shows_kinds_nobody_declared(
    link: ProviderConnection,
    contoso: Tenant,
    cast: SimpleNamespace,
    sign_in: Any,
    inside_run: Callable[[Callable[[RunContext], Any]], OperationRun],
) -> None:
    """TYP-2, TYP-17, INV-10"""
    run = inside_run(lambda _run: None)
    read: dict[str, dict[str, Any]] = {
        "app_other": {"state": "complete", "expected": 1, "fetched": 1, "message": "1 × holographicApp"},
        "enrollment_other": {"state": "complete", "expected": 0},
        "w365_user_setting": {"state": "not_applicable", "message": "No licence."},
    }
    with scope(contoso.pk):
        TypeReading.objects.bulk_create(
            TypeReading(tenant=contoso, run=run, connection=link, type=key, **more) for key, more in read.items()
        )
    reader = sign_in(cast.read_only)
    html = reader.get(PAGE).content.decode()
    row = _row(html, "app_other")
    assert "holographicApp" in row and "1 of 1" in row and "does not know this kind" in row
    assert "enrollment_other" not in html
    row = _row(html, "w365_user_setting")
    assert "Not applicable" in row and "No licence." in row and "unknown" in row


@pytest.mark.django_db
def test_the_page_takes_few_queries_whatever_the_number_of_types(cast: SimpleNamespace, sign_in: Any) -> None:
    """TYP-17"""
    reader = sign_in(cast.read_only)
    reader.get(PAGE)
    with CaptureQueriesContext(connection) as all_of_them:
        reader.get(PAGE)
    with CaptureQueriesContext(connection) as one:
        reader.get(f"{PAGE}?family=windows-365")
    assert len(all_of_them) == len(one) < 20


def test_the_check_of_the_documents_names_the_command_that_mends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """TYP-16"""
    monkeypatch.setattr("tenantpilot.management.commands.check_docs.markdown", lambda: "something else")
    with pytest.raises(CommandError, match="manage coverage --write"):
        call_command("check_docs")
