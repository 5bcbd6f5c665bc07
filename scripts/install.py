"""Makes the virtual environment and installs exactly what ``requirements/`` pins, every file checked by its hash.

``python scripts/install.py [--dev] [--packages-only] [--venv .venv]``: pip's own words go to ``install.log`` in the
environment; on the terminal there is one line of progress. The Makefile and the Dockerfile both install by this file.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
BAR = 24


class InstallError(Exception):
    """What went wrong and what to do, for a person."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the log of what was done to it."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def log(self) -> Path:
        return self.path / "install.log"

    @property
    def downloads(self) -> Path:
        return self.path / "downloads"

    def packages(self) -> int:
        """How many distributions are installed."""
        return sum(1 for _ in self.path.glob("lib/python*/site-packages/*.dist-info"))

    def downloaded(self) -> float:
        """MB of what is being downloaded at this moment."""
        sizes = 0
        for folder, _, names in os.walk(self.downloads):
            for name in names:
                try:
                    sizes += os.lstat(os.path.join(folder, name)).st_size
                except OSError:  # pip has just moved it
                    continue
        return sizes / 1e6


class Line:
    """One line that is redrawn on a terminal, and printed once elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._live = sys.stdout.isatty()
        self._begun = time.monotonic()

    @property
    def spent(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"

    def step(self, text: str) -> None:
        if not self._live:
            print(f"  {text}", flush=True)

    def show(self, text: str, done: int, megabytes: float) -> None:
        if not self._live:
            return
        share = min(done / self._total, 1.0) if self._total else 1.0
        bar = "█" * round(share * BAR) + "░" * (BAR - round(share * BAR))
        size = f" · {megabytes:,.0f} MB" if megabytes >= 1 else ""
        line = f"  {bar} {share:4.0%}  {text} · {done} of {self._total} packages{size} · {self.spent}"
        print("\r\033[K" + line[: shutil.get_terminal_size().columns - 1], end="", flush=True)

    def end(self, text: str) -> None:
        print(("\r\033[K" if self._live else "") + f"  {text}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Install what requirements/ pins.")
    parser.add_argument("--dev", action="store_true", help="also what `make test` and `make bench` need")
    parser.add_argument("--packages-only", action="store_true", help="not SiteChat itself (used for image layers)")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    options = parser.parse_args()
    environment = Environment(options.venv.absolute())
    try:
        install(environment, dev=options.dev, project=not options.packages_only)
    except InstallError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def install(environment: Environment, *, dev: bool, project: bool) -> None:
    """Make the environment where it is missing or broken, then bring it to what is pinned."""
    make_environment(environment)
    lock = REQUIREMENTS / ("dev-lock.txt" if dev else "lock.txt")
    total = pinned(lock) + pinned(REQUIREMENTS / "torch.txt") + (1 if dev else 0)
    print(f"Installing {'for development' if dev else 'SiteChat'} into {shown(environment.path)} (once; the log is "
          f"{shown(environment.log)}).", flush=True)  # fmt: skip
    line = Line(total)
    compiled = "--no-compile" if project else "--compile"
    install_torch(environment, line, compiled)
    pip(environment, line, "packages", compiled, "--require-hashes", "--no-deps", "-r", str(lock))
    if dev:
        model = str(REQUIREMENTS / "test-model.txt")
        pip(environment, line, "language model for tests", "--require-hashes", "--no-deps", "-r", model)
    if project:
        pip(environment, line, "SiteChat", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        use_once(environment, line)
    line.end(f"Installed in {line.spent}.")


def make_environment(environment: Environment) -> None:
    works = (
        environment.python.exists()
        and not subprocess.run([environment.python, "-c", "import pip"], capture_output=True, check=False).returncode
    )
    if works:
        return
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", environment.path], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise InstallError(
            f"The virtual environment {shown(environment.path)} could not be made with {sys.executable}.\n"
            f"{(made.stdout + made.stderr).strip()}"
        )


def install_torch(environment: Environment, line: Line, compiled: str) -> None:
    """PyTorch's CPU build: from its own index where that can be reached, else from where pip looks by itself.

    The hashes in ``torch.txt`` admit CPU builds only, so the second way cannot bring CUDA to a machine without a GPU.
    """
    wanted = [compiled, "--require-hashes", "--no-deps", "-r", str(REQUIREMENTS / "torch.txt")]
    own_index = ["--index-url", TORCH_CPU_INDEX, "--retries", "0", "--timeout", "15"]
    if run_pip(environment, line, "PyTorch (CPU build)", *wanted, *own_index) == 0:
        return
    if run_pip(environment, line, "PyTorch (CPU build)", *wanted) == 0:
        return
    raise InstallError(
        f"{tail(environment.log)}\n\n"
        f"PyTorch's CPU build could not be installed. It was looked for at {TORCH_CPU_INDEX} and where pip looks by\n"
        "itself; the ordinary Linux build, with several GB of CUDA, is refused. Check that the address can be reached\n"
        "(a proxy is set with HTTPS_PROXY), or download the file that requirements/torch.txt names for this machine\n"
        "and point PIP_FIND_LINKS at its folder. Intel Macs have no build of this PyTorch version."
    )


def pip(environment: Environment, line: Line, what: str, *arguments: str) -> None:
    if run_pip(environment, line, what, *arguments):
        raise InstallError(f"{tail(environment.log)}\n\nInstalling {what} failed; all of it is in {environment.log}.")


def use_once(environment: Environment, line: Line) -> None:
    """Run what every start runs, so that the first start is as quick as the next."""
    if run(environment, line, "trying it out", str(ROOT / "scripts" / "first_use.py")):
        raise InstallError(f"{tail(environment.log)}\n\nInstalled, but it does not work; see {environment.log}.")


def run_pip(environment: Environment, line: Line, what: str, *arguments: str) -> int:
    """Run pip. Returns its exit status."""
    return run(environment, line, what, "-m", "pip", "install", "--progress-bar", "off", *arguments)


def run(environment: Environment, line: Line, what: str, *arguments: str) -> int:
    """Run the environment's Python, its output into the log, and keep the line alive meanwhile."""
    line.step(what)
    shutil.rmtree(environment.downloads, ignore_errors=True)
    environment.downloads.mkdir(parents=True)
    settings = {"TMPDIR": str(environment.downloads), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [str(environment.python), *arguments]
    with environment.log.open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env={**inherited, **settings}
        )
        try:
            while process.poll() is None:
                line.show(what, environment.packages(), environment.downloaded())
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            shutil.rmtree(environment.downloads, ignore_errors=True)
    return process.returncode


def pinned(requirements: Path) -> int:
    """How many packages a requirements file pins for this platform, near enough for a progress bar."""
    other = "darwin" if sys.platform != "darwin" else "linux"
    lines = requirements.read_text(encoding="utf-8").splitlines()
    elsewhere = ("== 'win32'", "== 'emscripten'", f'== "{other}"')
    return sum(1 for line in lines if "==" in line.split(";")[0] and not any(word in line for word in elsewhere))


def tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def shown(path: Path) -> str:
    """The path as a person at the checkout would write it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
