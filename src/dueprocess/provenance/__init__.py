"""Where the values of a run come from: what entered it, and what of that vouches for what. What follows is the gate's matter."""

from dueprocess.provenance.active import active_tokens
from dueprocess.provenance.answer import structured
from dueprocess.provenance.defuse import defused
from dueprocess.provenance.entered import Entered, answered, said, written_out
from dueprocess.provenance.standing import EMPTY_STANDING, Endorsed, Standing, Use
from dueprocess.provenance.token import Kind, Token, token_of
from dueprocess.provenance.vouch import (
    Role,
    Seen,
    Spent,
    Vouched,
    is_known,
    is_mentioned,
    role_of,
    seen,
    vouch,
)
from dueprocess.provenance.words import is_deceptive

__all__ = [
    "EMPTY_STANDING",
    "Endorsed",
    "Entered",
    "Kind",
    "Role",
    "Seen",
    "Spent",
    "Standing",
    "Token",
    "Use",
    "Vouched",
    "active_tokens",
    "answered",
    "defused",
    "is_deceptive",
    "is_known",
    "is_mentioned",
    "role_of",
    "said",
    "seen",
    "structured",
    "token_of",
    "vouch",
    "written_out",
]
