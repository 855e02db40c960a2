"""Metrics: folds over what the ledger says. Where a figure is shown or alerted on is not decided here."""

from dueprocess.metric.citations import CitationRate, Cited, citation_rate

__all__ = ["CitationRate", "Cited", "citation_rate"]
