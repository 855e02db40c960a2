"""Reading foreign bytes as documents: text, Markdown, HTML, PDF, e-mail. What a person does not see becomes parts of its own.

document = read(content, Format.HTML, id="kb/refunds", access=Access.of("group:support"))
"""

from dueprocess.retrievers.ingest.limits import Limits, Unreadable
from dueprocess.retrievers.ingest.reading import Format, format_of, read

__all__ = ["Format", "Limits", "Unreadable", "format_of", "read"]
