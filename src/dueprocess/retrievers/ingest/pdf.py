"""placeholder"""

from dueprocess.retrievers.ingest.limits import Budget


def read_pdf(content: bytes, budget: Budget) -> None:
    """X"""
