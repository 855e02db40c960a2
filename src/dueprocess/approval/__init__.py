"""Approvals as capabilities: who may give one, for exactly what, until when, and once. Nothing is stored here."""

from dueprocess.approval.quorum import Approval, Requirement, eligible, reached
from dueprocess.approval.request import Grant, HoldRequest, Refused, consider, covers, grant

__all__ = [
    "Approval",
    "Grant",
    "HoldRequest",
    "Refused",
    "Requirement",
    "consider",
    "covers",
    "eligible",
    "grant",
    "reached",
]
