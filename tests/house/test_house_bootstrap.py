import ast
import os
import subprocess
import sys
from pathlib import Path

import bootstrap
import pip_to_uv
import pytest


def uv(config: dict[str, str], **environ: str) -> dict[str, str]:
    return pip_to_uv.uv_environment(config, environ)[0]


# What pip says it is configured for


def test_the_listing_of_pip_is_read_whatever_the_values_hold():
    listed = r"""
global.index-url='https://ann:a=b@mirror.example/simple'
global.extra-index-url='\nfile:///a/simple\nfile:///b/simple'
global.find-links="/it's/wheels"
freeze.timeout='1'
"""
    assert pip_to_uv.parse(listed) == {
        "index-url": "https://ann:a=b@mirror.example/simple",
        "extra-index-url": "\nfile:///a/simple\nfile:///b/simple",
        "find-links": "/it's/wheels",
    }


def test_a_variable_counts_before_the_install_section_and_that_before_the_global_one():
    everywhere = "global.timeout='1'"
    install = "install.timeout='2'"
    variable = ":env:.timeout='3'"
    assert pip_to_uv.parse(everywhere)["timeout"] == "1"
    assert pip_to_uv.parse(f"{install}\n{everywhere}")["timeout"] == "2"
    assert pip_to_uv.parse(f"{variable}\n{install}\n{everywhere}")["timeout"] == "3"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (":env:.index_url='x'", "index-url"),
        ("global.Trusted-Host='x'", "trusted-host"),
        (":env:.default-timeout='x'", "timeout"),
        ("global.pypi-url='x'", "index-url"),
    ],
)
def test_an_option_is_known_by_each_of_its_names(line: str, name: str):
    assert pip_to_uv.parse(line) == {name: "x"}


def test_an_empty_variable_does_not_hide_what_a_file_says():
    assert pip_to_uv.parse("global.cert='/a.pem'\n:env:.cert=''") == {"cert": "/a.pem"}


def test_the_listing_of_this_machine_s_pip_can_be_read():
    pip = bootstrap.find_pip(bootstrap.House(bootstrap.ROOT), sys.executable)
    environ = {
        **os.environ,
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_TRUSTED_HOST": "a.example b.example",
    }
    listed = subprocess.run([*pip, "config", "list"], env=environ, capture_output=True, check=True, text=True).stdout
    config = pip_to_uv.parse(listed)
    assert config["index-url"] == "https://mirror.example/simple"
    assert config["trusted-host"] == "a.example b.example"


# The same in uv's words


def test_indexes_are_passed_on_and_all_of_them_are_asked(tmp_path: Path):
    config = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": f"https://b.example/simple\n{tmp_path.as_uri()}",
    }
    said = uv(config)
    assert said["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert said["UV_INDEX"] == f"https://b.example/simple {tmp_path.as_uri()}"
    assert said["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_local_places_that_are_not_there_are_left_out(tmp_path: Path):
    gone = tmp_path / "gone"
    config = {"find-links": f"{tmp_path} {gone} https://c.example/wheels", "extra-index-url": gone.as_uri()}
    said = uv(config)
    assert said["UV_FIND_LINKS"] == f"{tmp_path},https://c.example/wheels"
    assert "UV_INDEX" not in said


def test_nothing_is_said_of_what_pip_is_not_configured_for():
    assert uv({}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "true",
    }


def test_hosts_times_and_keys_are_passed_on():
    config = {"trusted-host": "a.example\nb.example:8443", "timeout": "180.0", "retries": "7", "client-cert": "/me.pem"}
    said = uv({**config, "keyring-provider": "subprocess"})
    assert said["UV_INSECURE_HOST"] == "a.example b.example:8443"
    assert said["UV_HTTP_TIMEOUT"] == "180"
    assert said["UV_HTTP_RETRIES"] == "7"
    assert said["SSL_CLIENT_CERT"] == "/me.pem"
    assert said["UV_KEYRING_PROVIDER"] == "subprocess"


@pytest.mark.parametrize(
    ("proxy", "url"), [("proxy.example:3128", "http://proxy.example:3128"), ("socks5://p:1", "socks5://p:1")]
)
def test_a_proxy_is_passed_on_for_every_kind_of_address(proxy: str, url: str):
    said = uv({"proxy": proxy}, HTTPS_PROXY="http://other.example")
    assert {said["HTTP_PROXY"], said["HTTPS_PROXY"], said["ALL_PROXY"], said["https_proxy"]} == {url}


@pytest.mark.parametrize("value", ["1", "true", "Yes", "on"])
def test_no_index_means_no_index(value: str):
    assert pip_to_uv.uv_environment({"no-index": value}, {})[1] == ["--no-index"]


@pytest.mark.parametrize("value", ["0", "false", "no", ""])
def test_no_index_may_be_denied(value: str):
    assert pip_to_uv.uv_environment({"no-index": value}, {})[1] == []


def test_the_certificate_of_pip_is_nearer_than_that_of_the_machine(tmp_path: Path):
    assert uv({"cert": "/pip.pem"}, SSL_CERT_FILE="/all.pem")["SSL_CERT_FILE"] == "/pip.pem"
    assert uv({"cert": str(tmp_path)})["SSL_CERT_DIR"] == str(tmp_path)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_what_pip_s_http_library_goes_by_counts_for_uv_too(name: str):
    assert uv({}, **{name: "/bundle.pem"})["SSL_CERT_FILE"] == "/bundle.pem"
    assert uv({}, SSL_CERT_FILE="/all.pem", **{name: "/bundle.pem"})["SSL_CERT_FILE"] == "/all.pem"


def test_with_no_certificate_named_the_system_s_own_are_taken():
    assert uv({})["UV_SYSTEM_CERTS"] == "true"
    assert uv({}, UV_SYSTEM_CERTS="false")["UV_SYSTEM_CERTS"] == "false"


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_is_said_in_uv_s_own_words_stands(name: str):
    said = uv({"index-url": "https://pip.example"}, **{name: "https://uv.example"})
    assert {said.get("UV_DEFAULT_INDEX"), said.get("UV_INDEX_URL")} == {"https://uv.example", None}
    assert uv({"timeout": "1"}, UV_HTTP_TIMEOUT="9")["UV_HTTP_TIMEOUT"] == "9"


@pytest.mark.parametrize(
    "name", ["UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE_NEWER", "UV_REQUIRE_HASHES", "UV_NO_BINARY"]
)
def test_nothing_but_the_requirement_files_decides_what_is_installed(name: str):
    assert name not in uv({}, **{name: "x"})


def test_pip_s_own_defaults_do_not_redirect_the_fetching_of_uv():
    said = pip_to_uv.pip_environment(
        {}, {"PIP_TARGET": "/x", "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "HOME": "/h"}
    )
    assert "PIP_TARGET" not in said
    assert (said["PIP_USER"], said["PIP_REQUIRE_VIRTUALENV"], said["PIP_CONSTRAINT"]) == ("0", "0", os.devnull)
    assert said["HOME"] == "/h"


def test_pip_gets_the_certificate_that_only_others_read():
    assert pip_to_uv.pip_environment({}, {"SSL_CERT_FILE": "/all.pem"})["PIP_CERT"] == "/all.pem"
    assert "PIP_CERT" not in pip_to_uv.pip_environment({"cert": "/pip.pem"}, {"SSL_CERT_FILE": "/all.pem"})


# The stamps


@pytest.fixture
def made(tmp_path: Path) -> bootstrap.House:
    made = bootstrap.House(tmp_path)
    made.requirements.mkdir()
    for name in ("build", "uv", *bootstrap.GROUPS):
        made.pins(name).write_text(f"{name}==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    (made.venv / "bin" / "due").touch()
    for name in ("base", "test", "project", "venv"):
        made.stamp(name)
    return made


def test_what_is_installed_is_not_installed_again(made: bootstrap.House):
    assert made.is_ready(["base"])
    assert made.is_ready(["base", "test"])
    assert not made.is_ready(["base", "bench"])


@pytest.mark.parametrize("changed", ["requirements/base.txt", "requirements/build.txt", "pyproject.toml"])
def test_a_changed_requirement_brings_an_installation(made: bootstrap.House, changed: str):
    (made.root / changed).write_text("other\n")
    assert not made.is_ready(["base"])


def test_another_group_s_requirements_bring_none(made: bootstrap.House):
    made.pins("bench").write_text("other\n")
    assert made.is_ready(["base", "test"])


@pytest.mark.parametrize("lost", ["bin/python", "bin/due", ".stamps/base", ".stamps/project", ".stamps/venv"])
def test_what_was_removed_comes_back(made: bootstrap.House, lost: str):
    (made.venv / lost).unlink()
    assert not made.is_ready(["base"])


def test_an_environment_that_was_copied_to_another_place_is_not_trusted(made: bootstrap.House, tmp_path: Path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in (".venv", "requirements", "pyproject.toml"):
        (tmp_path / name).rename(moved / name)
    assert not bootstrap.House(moved).is_ready(["base"])


# Machines that lack something


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_without_pip_and_ensurepip_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    python = script(tmp_path / "python3", "exit 1")
    monkeypatch.setattr(sys, "_base_executable", str(python))
    with pytest.raises(bootstrap.BootstrapError, match="python3-venv, or python3-pip"):
        bootstrap.find_pip(bootstrap.House(tmp_path), str(python))
    assert not (tmp_path / ".tools" / "pip").exists()


def test_without_pip_a_private_environment_lends_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # A Python whose `-m pip` fails, and whose `-m venv` makes an environment where it works.
    make = "mkdir -p $last/bin; printf '#!/bin/sh\\nexit 0\\n' > $last/bin/python; chmod +x $last/bin/python"
    python = script(tmp_path / "python3", f'test "$2" = venv || exit 1; for last; do :; done; {make}')
    monkeypatch.setattr(sys, "_base_executable", str(python))
    found = bootstrap.find_pip(bootstrap.House(tmp_path), str(python))
    assert found == [str(tmp_path / ".tools" / "pip" / "bin" / "python"), "-m", "pip"]


def test_an_old_python_looks_for_a_newer_one_that_really_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script(tmp_path / "python3", "exit 1")
    script(tmp_path / "python3.14", "echo not installed >&2; exit 127")
    newer = script(tmp_path / "python3.12", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert bootstrap.find_python() == str(newer)
    newer.unlink()
    with pytest.raises(bootstrap.BootstrapError, match=r"is 3\.11 or newer"):
        bootstrap.find_python()


def test_a_group_that_is_not_there_is_a_usage_error(capsys: pytest.CaptureFixture[str]):
    assert bootstrap.main(["base", "docs"]) == 2
    assert bootstrap.main([]) == 2
    assert "expected some of: base, models, databases, analyze, test, lint, bench" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["bootstrap.py", "pip_to_uv.py"])
def test_the_bootstrap_is_readable_by_an_old_python_and_needs_nothing(name: str):
    tree = ast.parse((bootstrap.ROOT / "tools" / name).read_text(), feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.partition(".")[0] for module in imported} <= {*sys.stdlib_module_names, "pip_to_uv"}


# The targets


def test_a_target_removes_nothing_that_another_installed():
    text = (bootstrap.ROOT / "tools" / "bootstrap.py").read_text()
    assert '"sync"' not in text
    assert '"uninstall"' not in text
    assert "--exact" not in text


def test_every_target_that_needs_the_environment_makes_it_first():
    recipes = (bootstrap.ROOT / "Makefile").read_text().split("\n\n")
    users = [recipe for recipe in recipes if "$(BIN)/" in recipe]
    assert len(users) >= 9
    for recipe in users:
        first = recipe.split("\n")[1]
        assert first.startswith("\t@$(NEEDS) base") or first == "\t@$(NEEDS) lint", recipe


def test_the_demo_needs_the_base_only():
    text = (bootstrap.ROOT / "Makefile").read_text()
    assert "\t@$(NEEDS) base\n\t@$(BIN)/due demo --dir build/demo\n" in text


def test_the_build_server_does_what_a_desk_does():
    text = (bootstrap.ROOT / ".ci" / "run").read_text()
    commands = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert commands[0] == "set -euo pipefail"
    assert commands[-1] == "exec make check </dev/null"
    assert len(commands) == 4
    assert os.access(bootstrap.ROOT / ".ci" / "run", os.X_OK)


def test_a_compiler_counts_only_if_it_finds_the_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not bootstrap.has_compiler()
    script(tmp_path / "cc", "exit 1")
    assert not bootstrap.has_compiler()
    script(tmp_path / "clang", "exit 0")
    assert bootstrap.has_compiler()


def test_a_compiler_is_needed_only_where_there_is_none(
    made: bootstrap.House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.needed(made, ["test", "compiler"]) == ["base", "test", "compiler"]
    script(tmp_path / "gcc", "exit 0")
    assert bootstrap.needed(made, ["test", "compiler"]) == ["base", "test"]
    made.stamp("compiler")
    assert bootstrap.needed(made, ["test", "compiler"]) == ["base", "test", "compiler"]
