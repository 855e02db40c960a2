"""The command `due`: one file per verb, each parses, calls and prints. Decisions are made elsewhere."""
