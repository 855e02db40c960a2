"""Resolve the hashed requirement file of every dependency group; installs none of them.

    make lock

Rule 1: one consistent set. Each group is resolved under the pins of those before it: any may be installed together.
Rule 2: nothing younger than seven days enters: most poisoned releases are found sooner.
Rule 3: no address is written. A file says what to install and its hashes; from where is the machine's business.
Rule 4: the default index alone is asked. An extra one need not say when a file was published: Rule 2 could not hold.
"""

import sys

import bootstrap

COOL_DOWN = "7 days"

SOURCES: dict[str, tuple[str, ...]] = {
    "uv": ("requirements/uv.in",),
    "build": ("requirements/build.in",),
    "base": ("pyproject.toml",),
    "models": ("pyproject.toml", "--extra", "models"),
    "databases": ("pyproject.toml", "--extra", "sql", "--extra", "postgres"),
    "analyze": ("pyproject.toml", "--extra", "analyze"),
    "test": ("requirements/test.in",),
    "lint": ("requirements/lint.in",),
    "bench": ("requirements/bench.in",),
    "compiler": ("requirements/compiler.in",),
    "retrievers": ("pyproject.toml", "--extra", "pdf", "--extra", "llamaindex"),
}
"""Each group and what it is resolved from, in the order of Rule 1."""


def main() -> int:
    """Write `requirements/<group>.txt` for every group, in order; return an exit code."""
    house = bootstrap.House(bootstrap.ROOT)
    house.private.mkdir(exist_ok=True)
    uv, environment, flags = bootstrap.find_uv(house, bootstrap.find_python())
    for extra in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        environment.pop(extra, None)
    resolve = [
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--upgrade",
    ]
    resolve += ["--exclude-newer", COOL_DOWN, "--no-emit-index-url", "--no-emit-find-links"]
    # Each line is true of its package alone: which group asked for it through which is seen in the .in files.
    resolve += ["--no-annotate", "--custom-compile-command", "make lock", *flags]
    settled: list[str] = []
    for group, sources in SOURCES.items():
        constraints = [argument for earlier in settled for argument in ("--constraint", f"requirements/{earlier}.txt")]
        target = house.pins(group)
        try:
            bootstrap.run([*resolve, *constraints, "--output-file", str(target), *sources], env=environment)
        except bootstrap.BootstrapError as error:
            print(f"lock: {group}: {error}", file=sys.stderr)
            return 1
        print(f"{target.name}: {sum('==' in line for line in target.read_text().splitlines())} packages")
        # uv runs outside the environment: it binds no other group.
        settled += [] if group == "uv" else [group]
    return 0


if __name__ == "__main__":
    sys.exit(main())
