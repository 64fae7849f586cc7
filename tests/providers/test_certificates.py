"""Certificates as people upload them: each fault with its own sentence and code."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.core.exceptions import ValidationError

from providers.certificates import LARGEST, read_certificate
from tests.providers.keys import make_pem

FORMS = ["certificate first", "key first", "crlf", "with text around", "pfx", "pfx with password", "locked pem"]


@pytest.mark.parametrize("form", FORMS)
def test_each_usual_form_is_read(form: str) -> None:
    """PRO-6"""
    pem = make_pem()
    content, password = {
        "certificate first": (pem.both, ""),
        "key first": ((pem.key + pem.certificate).encode(), ""),
        "crlf": (pem.both.replace(b"\n", b"\r\n"), ""),
        "with text around": (b"Bag Attributes\n    localKeyID: 01\n" + pem.both + b"\nend\n", ""),
        "pfx": (pem.pfx(), ""),
        "pfx with password": (pem.pfx("pä ss"), "pä ss"),
        "locked pem": (pem.locked("pass"), "pass"),
    }[form]
    found = read_certificate(content, password=password)
    own = x509.load_pem_x509_certificate(pem.certificate.encode())
    assert found.public_pem == pem.certificate
    assert found.private_key_pem == pem.key
    assert found.fingerprint == own.fingerprint(hashes.SHA256()).hex()
    assert found.expires_at == own.not_valid_after_utc


def test_a_password_for_a_key_without_one_does_no_harm() -> None:
    """PRO-6"""
    assert read_certificate(make_pem().both, password="not needed").fingerprint


def test_of_a_chain_the_certificate_of_the_key_is_taken_wherever_it_stands() -> None:
    """PRO-6"""
    own, other = make_pem(), make_pem(number=2)
    for content in (
        (other.certificate + own.certificate + own.key).encode(),
        (own.key + other.certificate + own.certificate).encode(),
        own.pfx(chain=[other]),
    ):
        assert read_certificate(content).public_pem == own.certificate


def faulty() -> dict[str, tuple[bytes, str, str]]:
    pem, other = make_pem(), make_pem(number=2)
    return {
        "certificate alone": (pem.certificate.encode(), "", "certificate_without_key"),
        "certificate alone, binary": (pem.der, "", "certificate_without_key"),
        "key alone": (pem.key.encode(), "", "key_without_certificate"),
        "key of another": ((pem.certificate + other.key).encode(), "", "certificate_key_mismatch"),
        "wrong password, pfx": (pem.pfx("right"), "wrong", "certificate_password"),
        "no password, pfx": (pem.pfx("right"), "", "certificate_password_missing"),
        "wrong password, pem": (pem.locked("right"), "wrong", "certificate_password"),
        "no password, pem": (pem.locked("right"), "", "certificate_password_missing"),
        "expired": (make_pem(begins=-30, days=10).both, "", "certificate_expired"),
        "not yet valid": (make_pem(begins=5).both, "", "certificate_not_yet_valid"),
        "weak": (make_pem(bits=1024).both, "", "certificate_weak_key"),
        "elliptic curve": (make_pem("ec").both, "", "certificate_key_kind"),
        "empty": (b"", "", "certificate_unreadable"),
        "text": (b"hello", "pass-word", "certificate_unreadable"),
        "cut pfx": (pem.pfx()[:200], "", "certificate_unreadable"),
        "garbled certificate": (pem.both.replace(b"MII", b"AAA", 1), "", "certificate_unreadable"),
        "garbled key": (
            pem.certificate.encode() + pem.key.encode().replace(b"MII", b"AAA"),
            "",
            "certificate_unreadable",
        ),
        "too large": (b"x" * (LARGEST + 1), "", "certificate_too_large"),
    }


@pytest.mark.parametrize("fault", faulty())
def test_each_fault_has_its_code_and_a_sentence_that_says_what_to_do(fault: str) -> None:
    """PRO-6"""
    content, password, code = faulty()[fault]
    with pytest.raises(ValidationError) as found:
        read_certificate(content, password=password)
    assert found.value.code == code
    sentence = found.value.messages[0]
    assert sentence.endswith(".")
    assert "PRIVATE KEY" not in sentence
    assert password == "" or password not in sentence


def test_a_certificate_is_blind_in_texts() -> None:
    """PRO-4"""
    found: Any = read_certificate(make_pem().both)
    assert make_pem().key_body not in repr(found) + str(found)
