"""Options that several verbs share, so that they read the same everywhere."""

from pathlib import Path
from typing import Final

import click

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

folder = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    default=Path(),
    envvar="DUE_DIR",
    show_default=True,
    help="The project's folder (DUE_DIR).",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
token_file = click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Who you are: a file with your token. Without it DUE_TOKEN is read.",
)
reason = click.option("--reason", default="", metavar="TEXT", help="Why; it goes on the record.")
