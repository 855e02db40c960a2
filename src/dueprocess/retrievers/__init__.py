"""Retrievers: adapters that find chunks, readers that make documents of bytes, and the tool that an agent asks. No rule is here."""
