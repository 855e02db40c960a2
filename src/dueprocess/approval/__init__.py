"""Approvals as capabilities: who may give one, for exactly what, until when, and once. Nothing is stored here."""

from dueprocess.approval.notice import Notice, notices
from dueprocess.approval.quorum import Approval, Escalation, Requirement, after, eligible, reached
from dueprocess.approval.request import Grant, HoldRequest, Refused, consider, covers, grant

__all__ = [
    "Approval",
    "Escalation",
    "Grant",
    "HoldRequest",
    "Notice",
    "Refused",
    "Requirement",
    "after",
    "consider",
    "covers",
    "eligible",
    "grant",
    "notices",
    "reached",
]
