import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import bootstrap
import pytest

pytestmark = pytest.mark.slow

ROOT = bootstrap.ROOT
PACKAGE = ROOT / "src" / "dueprocess"

# What must run from the wheel in an empty environment, in a folder of its own: arguments of `due`, and words it prints.
COMMANDS = [(("--help",), "Usage:"), (("--version",), "0.1.0"), (("demo", "--dir", "out"), "0 paid twice")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # The pinned backend itself: nothing is fetched to build.
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel and the base requirements, and nothing of this tree."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    uv, variables, flags = bootstrap.find_uv(bootstrap.House(ROOT), sys.executable)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([uv, *arguments], env=variables, capture_output=True, text=True, check=False)

    made = run("venv", "--python", sys.executable, str(folder))
    assert made.returncode == 0, made.stderr
    install = ["pip", "install", "--python", str(folder / "bin" / "python"), *flags]
    base = ["--require-hashes", "--requirement", str(ROOT / "requirements" / "base.txt")]
    # The cache of this machine is enough, unless somebody emptied it after the environment was made.
    installed = run(*install, "--offline", *base)
    if installed.returncode:
        installed = run(*install, *base)
    assert installed.returncode == 0, installed.stderr
    installed = run(*install, "--offline", "--no-deps", str(wheel))
    assert installed.returncode == 0, installed.stderr
    return folder


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path):
    ours = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == ours
    assert "dueprocess/py.typed" in held


def test_the_wheel_carries_its_licence_and_both_names_of_the_command(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    inside = {name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
    assert "licenses/LICENSE" in inside
    scripts = archive.read(inside["entry_points.txt"]).decode()
    assert "due = dueprocess.cli.main:main" in scripts
    assert "dueprocess = dueprocess.cli.main:main" in scripts


def test_the_wheel_s_name_tells_the_version_of_the_project(wheel: Path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert wheel.name == f"dueprocess-{version}-py3-none-any.whl"


@pytest.mark.parametrize("name", ["due", "dueprocess"])
@pytest.mark.parametrize(("arguments", "words"), COMMANDS)
def test_the_command_runs_from_the_wheel_alone(
    environment: Path, tmp_path: Path, name: str, arguments: tuple[str, ...], words: str
):
    variables = {"PATH": os.defpath, "HOME": str(tmp_path)}
    command = [str(environment / "bin" / name), *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


def test_the_package_in_that_environment_is_the_wheel_s(environment: Path, tmp_path: Path):
    command = [str(environment / "bin" / "python"), "-c", "import dueprocess; print(dueprocess.__file__)"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(environment)
