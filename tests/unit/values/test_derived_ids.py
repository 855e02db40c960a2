"""Derived ids: the same cause has the same id, in base32 of its SHA-256, and no two causes share a text."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueprocess.errors import BadValue
from dueprocess.values import action_id, attempt_key, run_id

TEXT = st.text(st.characters(exclude_characters="\x1f"))


@given(TEXT, TEXT, TEXT)
def test_an_id_is_the_base32_of_a_hash_of_its_cause(tenant: str, agent: str, key: str):
    hashed = hashlib.sha256(f"run\x1f{tenant}\x1f{agent}\x1f{key}".encode("utf-8", "surrogatepass")).digest()
    wanted = base64.b32encode(hashed).decode().lower()[:26]
    assert run_id(tenant=tenant, agent=agent, task_key=key) == f"r_{wanted}"


def test_ids_stay_what_they_were():
    run = run_id(tenant="default", agent="support", task_key="t-1")
    action = action_id(run=run, cause=3, index=0, revision=1)
    assert (run, action, attempt_key(action=action, attempt=2)) == (
        "r_mq3acfstrfphqxrtib5xtwybna",
        "a_mk6vrdllosjpivwisjayizjsht",
        "k_vpvjtkiil6kgb6tuvrfwrdgiqa",
    )


def test_a_part_with_the_separator_is_refused():
    with pytest.raises(BadValue, match="U\\+001F"):
        run_id(tenant="a\x1fb", agent="c", task_key="d")
