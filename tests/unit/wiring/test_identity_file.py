"""People, groups and tokens: who a token is, and that nothing but the file decides it."""

import hashlib
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dueprocess.errors import BadValue, FileInvalid, NotAuthenticated, StoreUnavailable
from dueprocess.wiring.identity import IdentityFile, resolve_token


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "due" / "identities.yaml"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


class TestTokens:
    def test_a_token_names_its_person_and_their_groups(self, path: Path):
        identities = IdentityFile.open(path)
        token = identities.add("ann", groups=("finance", "leads"))
        person = identities.authenticate(token)
        assert (person.id, person.groups, person.how) == ("user:ann", {"group:finance", "group:leads"}, "token")

    def test_tokens_differ_and_name_only_their_own_person(self, path: Path):
        identities = IdentityFile.open(path)
        tokens = {name: identities.add(name) for name in ("ann", "ben", "eve")}
        assert len(set(tokens.values())) == 3
        assert {name: identities.authenticate(token).id for name, token in tokens.items()} == {
            "ann": "user:ann",
            "ben": "user:ben",
            "eve": "user:eve",
        }

    def test_a_token_holds_256_bits(self, path: Path):
        assert len(IdentityFile.open(path).add("ann").removeprefix("due_")) == 43

    def test_the_file_holds_its_digest_and_not_the_token(self, path: Path):
        token = IdentityFile.open(path).add("ann")
        text = path.read_text(encoding="utf-8")
        assert token not in text
        assert token.removeprefix("due_") not in text
        assert hashlib.sha256(token.encode()).hexdigest() in text

    @pytest.mark.parametrize(
        "change", [str.upper, lambda t: t[:-1], lambda t: t + " ", lambda t: "", lambda t: "\udc80"]
    )
    def test_anything_else_is_nobody_s(self, path: Path, change):
        identities = IdentityFile.open(path)
        token = identities.add("ann")
        with pytest.raises(NotAuthenticated, match="nobody's"):
            identities.authenticate(change(token))

    def test_the_digest_itself_is_no_token(self, path: Path):
        identities = IdentityFile.open(path)
        identities.add("ann")
        with pytest.raises(NotAuthenticated):
            identities.authenticate(identities.people()[0].tokens[0])

    def test_a_further_token_leaves_the_first_and_adds_groups(self, path: Path):
        identities = IdentityFile.open(path)
        first = identities.add("ann", groups=("finance",))
        second = identities.add("ann", groups=("leads",))
        assert identities.authenticate(first) == identities.authenticate(second)
        assert identities.authenticate(first).groups == {"group:finance", "group:leads"}

    def test_a_token_taken_out_of_the_file_is_worth_nothing_at_once(self, path: Path):
        identities = IdentityFile.open(path)
        token = identities.add("ann")
        lines = path.read_text(encoding="utf-8").splitlines()
        written(path, "\n".join(line for line in lines if not line.strip().startswith("- ")))
        with pytest.raises(NotAuthenticated):
            identities.authenticate(token)
        assert [entry.name for entry in identities.people()] == ["ann"]

    def test_nobody_is_in_a_file_that_is_not_there(self, path: Path):
        identities = IdentityFile.open(path)
        assert identities.people() == ()
        with pytest.raises(NotAuthenticated):
            identities.authenticate("due_x")
        assert not path.parent.exists()

    def test_groups_list_their_members(self, path: Path):
        identities = IdentityFile.open(path)
        identities.add("ben", groups=("finance",))
        identities.add("ann", groups=("finance", "sre"))
        groups = {"group:finance": {"user:ann", "user:ben"}, "group:sre": {"user:ann"}}
        assert identities.groups() == groups
        assert identities.names() == groups | {"user:ann": {"user:ann"}, "user:ben": {"user:ben"}}


HASH = "a" * 64
GOOD = f'identities: 1\npeople:\n  ann:\n    groups: [finance]\n    tokens: ["{HASH}"]\n'


class TestStrictReading:
    def test_a_file_written_by_hand_loads(self, path: Path):
        entry = IdentityFile.open(written(path, GOOD)).people()[0]
        assert (entry.id, entry.groups, entry.tokens) == ("user:ann", ("finance",), (HASH,))

    @pytest.mark.parametrize(
        ("old", "new", "line", "says"),
        [
            ("identities: 1\n", "", 1, "no key identities"),
            ("identities: 1", "identities: 2", 1, "this version reads 1"),
            ("identities: 1", "identities: true", 1, "this version reads 1"),
            ("identities: 1", "identities: 1\nroles: {}", 2, "unknown key 'roles'"),
            ("    groups", "    admin: true\n    groups", 4, "unknown key 'admin'"),
            ("  ann:", "  ann: {groups: [], tokens: []}\n  ann:", 4, "occurs twice"),
            ("  ann:", "  Ann:", 3, "no name"),
            ("  ann:", "  'user:ann':", 3, "no name"),
            ("[finance]", "finance", 4, "expected a list"),
            ("[finance]", "['group:finance']", 4, "without `group:`"),
            ("[finance]", "[finance, finance]", 4, "occurs twice"),
            ("[finance]", "[1]", 4, "a group's name"),
            ("    groups: [finance]\n", "", 4, "no key groups"),
            (f'"{HASH}"', '"due_secret"', 5, "SHA-256"),
            (f'"{HASH}"', "1" * 64, 5, "SHA-256"),
            (f'"{HASH}"', f'"{HASH}", "{HASH}"', 5, "occurs twice"),
            (f'["{HASH}"]', f'["{HASH}"]\n  ben: {{groups: [], tokens: ["{HASH}"]}}', 6, "the same token as ann's"),
            ("people:\n  ann:", "people: [ann]\nx:", 2, "expected a mapping"),
            ("  ann:", "  ben: finance\n  ann:", 3, "expected a mapping with groups and tokens"),
            ("[finance]", "&a [finance]", 4, "anchor"),
        ],
    )
    def test_what_is_not_of_the_form_is_refused_with_its_line(
        self, path: Path, old: str, new: str, line: int, says: str
    ):
        assert old in GOOD
        with pytest.raises(FileInvalid) as refusal:
            IdentityFile.open(written(path, GOOD.replace(old, new)))
        assert any(problem.line == line and says in problem.message for problem in refusal.value.problems), (
            refusal.value
        )
        assert "due_secret" not in str(refusal.value)

    def test_a_bad_file_authenticates_nobody_and_is_not_written_over(self, path: Path):
        identities = IdentityFile.open(path)
        token = identities.add("ann")
        broken = path.read_text(encoding="utf-8") + "admins: [eve]\n"
        written(path, broken)
        with pytest.raises(FileInvalid):
            identities.authenticate(token)
        with pytest.raises(FileInvalid):
            identities.add("eve")
        assert path.read_text(encoding="utf-8") == broken

    def test_a_file_that_anybody_may_write_proves_nothing(self, path: Path):
        identities = IdentityFile.open(path)
        token = identities.add("ann")
        path.chmod(0o606)
        with pytest.raises(FileInvalid, match="anybody may write it"):
            identities.authenticate(token)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
    def test_any_bytes_load_or_are_refused(self, path: Path, content: bytes):
        written(path, "")
        path.write_bytes(content)
        with pytest.raises(FileInvalid):
            IdentityFile.open(path)


class TestWriting:
    @pytest.mark.parametrize("name", ["", "Ann", "a b", "../x", "é", "a" * 65, "user:ann", "a\n"])
    def test_a_bad_name_writes_nothing(self, path: Path, name: str):
        for names, groups in ((name, ()), ("ann", (name,))):
            with pytest.raises(BadValue, match="no name"):
                IdentityFile.open(path).add(names, groups=groups)
        assert not path.exists()

    @pytest.mark.parametrize("name", ["null", "true", "123", "1e5", "-", "...", "~".replace("~", "a" * 64)])
    def test_names_that_yaml_would_take_for_something_else_come_back(self, path: Path, name: str):
        identities = IdentityFile.open(path)
        token = identities.add(name, groups=(name,))
        assert identities.authenticate(token).id == f"user:{name}"
        assert identities.groups() == {f"group:{name}": {f"user:{name}"}}

    def test_only_the_owner_may_read_file_and_folder(self, path: Path):
        IdentityFile.open(path).add("ann")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_a_leftover_of_a_crash_is_no_obstacle(self, path: Path):
        path.parent.mkdir()
        path.with_name("identities.yaml.new").write_text("half a fi")
        identities = IdentityFile.open(path)
        token = identities.add("ann")
        assert identities.authenticate(token).id == "user:ann"
        assert sorted(found.name for found in path.parent.iterdir()) == ["identities.yaml", "identities.yaml.lock"]

    def test_a_symbolic_link_is_followed_and_stays_one(self, path: Path, tmp_path: Path):
        path.parent.mkdir()
        link = tmp_path / "link.yaml"
        link.symlink_to(path)
        IdentityFile.open(link).add("ann")
        assert link.is_symlink()
        assert path.is_file()

    def test_a_folder_where_the_file_should_be_is_told(self, path: Path):
        path.mkdir(parents=True)
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            IdentityFile.open(path)

    def test_a_file_where_the_folder_should_be_is_told(self, path: Path):
        identities = IdentityFile.open(path)
        path.parent.write_text("")
        with pytest.raises(StoreUnavailable, match="cannot be"):
            identities.add("ann")

    def test_a_full_disk_leaves_the_old_file(self, path: Path):
        identities = IdentityFile.open(path)
        token = identities.add("ann")
        before = path.read_bytes()
        # A file may grow to so many bytes and no further: what a full disk does, for one process alone.
        told = python(_ADD_WITH_NO_ROOM, path, len(before) // 2)
        assert told.wait() == 0
        assert path.read_bytes() == before
        assert identities.authenticate(token).id == "user:ann"

    def test_processes_that_add_at_once_lose_nobody(self, path: Path):
        children = [python(_ADD_SEVERAL, path, f"p{index}") for index in range(4)]
        assert [child.wait() for child in children] == [0] * 4
        assert len(IdentityFile.open(path).people()) == 20


_ADD_SEVERAL = """
for index in range(5):
    IdentityFile.open(path).add(f"{given}-{index}", groups=("g",))
"""
_ADD_WITH_NO_ROOM = """
import resource, signal
from dueprocess.errors import StoreUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(given), int(given)))
try:
    IdentityFile.open(path).add("ben")
except StoreUnavailable as error:
    sys.exit(0 if "nobody was added" in str(error) else 2)
sys.exit(1)
"""


def python(program: str, path: Path, given: object) -> subprocess.Popen[bytes]:
    start = "import sys; from pathlib import Path; from dueprocess.wiring.identity import IdentityFile\n"
    start += "path, given = Path(sys.argv[1]), sys.argv[2]\n"
    return subprocess.Popen([sys.executable, "-c", start + program, str(path), str(given)])


class TestWhereATokenComesFrom:
    def test_from_the_environment(self):
        assert resolve_token({"DUE_TOKEN": " due_x\n"}) == "due_x"

    def test_a_file_that_is_named_comes_first(self, tmp_path: Path):
        file = tmp_path / "token"
        file.write_text("due_y\n")
        assert resolve_token({"DUE_TOKEN": "due_x"}, token_file=file) == "due_y"

    @pytest.mark.parametrize("content", ["", "\n", "due_a due_b", "x" * 5000])
    def test_a_file_without_one_token_is_refused_though_the_environment_has_one(self, tmp_path: Path, content: str):
        file = tmp_path / "token"
        file.write_text(content)
        with pytest.raises(NotAuthenticated, match="expected one token"):
            resolve_token({"DUE_TOKEN": "due_x"}, token_file=file)

    def test_none_is_told_with_what_to_do(self, tmp_path: Path):
        for environment in ({}, {"DUE_TOKEN": " "}):
            with pytest.raises(NotAuthenticated, match="set DUE_TOKEN"):
                resolve_token(environment)
        with pytest.raises(NotAuthenticated, match="cannot be read"):
            resolve_token({}, token_file=tmp_path / "nowhere")
