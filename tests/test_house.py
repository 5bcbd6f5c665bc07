"""The house stays in order: what is written about SiteChat agrees with what SiteChat is."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

import sitechat
from scripts import settings_reference
from sitechat.evaluation.question_set import load_set
from sitechat.ingestion.sample import QUESTIONS
from sitechat.settings import Settings, variable_name

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 400
EVALUATED = ROOT / "examples" / "eval" / "documentation"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
DEV_LOCK = (ROOT / "requirements" / "dev-lock.txt").read_text(encoding="utf-8")
TORCH = (ROOT / "requirements" / "torch.txt").read_text(encoding="utf-8")
TARGETS = ("install", "run", "test", "lint", "fmt", "bench", "eval", "soak", "lock", "clean", "help")
# In pieces, so that this file does not name them either.
REGISTRIES = tuple(
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("anaconda", "org"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
    )
)


def tracked(*patterns: str) -> list[Path]:
    """Files of the checkout that git knows or would take; none of what it ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\\n]+)", lock, re.MULTILINE))


def normal(requirement: str) -> str:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def test_env_example_and_the_settings_reference_are_what_the_settings_say() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == settings_reference.env_example(), "run `make fmt`"
    reference = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert reference == settings_reference.written(reference), "run `make fmt`"


def test_env_example_holds_every_setting_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = [match[1] for line in lines if (match := re.fullmatch(r"# ([A-Z][A-Z0-9_]+)=.*", line))]
    assert named == [variable_name(field) for field in Settings.model_fields]


@pytest.mark.parametrize("field", list(Settings.model_fields))
def test_every_setting_is_described(field: str) -> None:
    assert Settings.model_fields[field].description
    assert f"`{variable_name(field)}`" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_exists_and_is_documented(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:.* ## .+", makefile, re.MULTILINE), f"make help would not list {target}"
    assert f"`make {target}`" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_no_file_names_a_package_registry() -> None:
    named = [
        f"{path.relative_to(ROOT)} names {registry}"
        for path in tracked()
        for registry in REGISTRIES
        if registry.encode() in path.read_bytes()
    ]
    assert named == []


def test_every_dependency_is_locked() -> None:
    wanted = {normal(each) for each in PROJECT["dependencies"]}
    assert wanted - set(pins(LOCK)) == {"torch"}
    assert {normal(each) for each in PROJECT["optional-dependencies"]["dev"]} <= set(pins(DEV_LOCK))
    assert pins(LOCK).items() <= pins(DEV_LOCK).items(), "the two locks disagree; run `make lock`"


@pytest.mark.parametrize("lock", [LOCK, DEV_LOCK, TORCH], ids=["lock", "dev-lock", "torch"])
def test_every_pin_has_hashes(lock: str) -> None:
    for entry in re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE).strip()):
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_nothing_for_a_gpu_is_ever_installed() -> None:
    assert not [name for name in pins(DEV_LOCK) if re.match(r"torch|triton|nvidia|cuda|pytorch", name)]
    linux = next(line for line in TORCH.splitlines() if 'sys_platform == "linux"' in line)
    assert re.match(r"torch==[\d.]+\+cpu ", linux)


def test_the_dockerfile_copies_what_is_there_and_reaches_the_build() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    copies = [line.split()[1:-1] for line in dockerfile.splitlines() if line.startswith("COPY ")]
    sources = [source for line in copies if not line[0].startswith("--from") for source in line]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), f"COPY {source}: no such file"
        assert source.split("/")[0] in allowed, f"COPY {source}: .dockerignore leaves it out"


def test_the_image_is_installed_by_the_same_script_and_runs_without_privileges() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "scripts/install.py --packages-only" in dockerfile
    assert re.search(r"^USER [1-9]\d*$", dockerfile, re.MULTILINE)
    assert "/healthz" in dockerfile.partition("HEALTHCHECK")[2]
    assert "SITECHAT_DATA_DIR=/data" in dockerfile


def test_streamlit_is_set_up_for_many_people() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["fileWatcherType"] == "none"
    assert config["runner"]["postScriptGC"] is False
    assert config["browser"]["gatherUsageStats"] is False
    assert config["browser"]["serverAddress"]
    assert config["client"]["showErrorDetails"] == "none"
    assert config["server"]["maxUploadSize"] == Settings.model_fields["max_file_mb"].default


@pytest.mark.parametrize("path", tracked("*.md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [t for t in targets if t and "://" not in t and not (path.parent / t).exists()]
    assert missing == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_document_is_listed(path: Path) -> None:
    listed = (ROOT / "docs" / "index.md").read_text(encoding="utf-8") + (ROOT / "README.md").read_text(encoding="utf-8")
    assert path.name == "index.md" or path.name in listed


def test_a_file_is_one_idea_and_fits_in_a_head() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("sitechat/*.py", "providers/*.py", "vectorstore/*.py", "benchmarks/*.py", "scripts/*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > LONGEST_FILE
    }
    assert long == {}


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{sitechat.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_sample_questions_are_evaluated() -> None:
    assert set(QUESTIONS) <= {question.text for question in load_set(EVALUATED).questions}


def test_evaluation_questions_rest_on_words_that_are_in_the_documents() -> None:
    found = load_set(EVALUATED)
    files = {text.id: text.file for text in found.texts if text.file}
    for question in found.questions:
        said = " ".join(" ".join(files[text].read_text(encoding="utf-8").split()) for text in question.relevant)
        assert all(answer in said for answer in question.answers), question.text


@pytest.mark.parametrize("script", ["scripts/find-python", "scripts/serve", ".ci/run"])
def test_scripts_can_be_run_as_they_are(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111, f"chmod +x {script}"
    shell = shlex.split(path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!"))[-1]
    assert subprocess.run([shell, "-n", path], check=False).returncode == 0


def test_an_old_python_is_refused_with_a_sentence() -> None:
    """`false` stands for a Python that cannot be used."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": "false"}
    command = [ROOT / "scripts" / "find-python"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stdout == ""
    assert "Python 3.11, 3.12 or 3.13" in run.stderr
