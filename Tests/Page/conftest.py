"""Fixtures: a cluster, and browsers that somebody sits at. Screenshots go to .build/page-screenshots."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "EndToEnd"))

from browser import Person, chromium, start_driver  # noqa: E402
from cluster import BIN, SMALL, Cluster  # noqa: E402


def pytest_sessionstart():
    missing = [role for role in SMALL if not (BIN / role).exists()]
    if missing:
        pytest.exit(f"{BIN} lacks {', '.join(missing)}: run swift build -c release, or set FANTAIL_BIN", 2)
    for program in chromium():
        if not Path(program).exists():
            pytest.exit(f"{program} is missing: apt install chromium chromium-driver, or set CHROMIUM and CHROMEDRIVER", 2)


class Developer(Cluster):
    """A cluster with the development log-in, for which a key has to be allowed to sign."""

    def __init__(self, home: Path, counts: dict = SMALL, **more):
        super().__init__(home, counts=counts, settings=("login development",), **more)
        self._secret_file("tokens.keys", f"{self.hs.line} sign\n")

    @property
    def page(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.gateways[0].client}/"

    @property
    def flags(self) -> tuple:
        """What a browser has to be told before it opens the page."""
        return (f"--ignore-certificate-errors-spki-list={self.paper.pin}",) if self.tls else ()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    with Developer(tmp_path_factory.mktemp("temporary")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    with Developer(tmp_path_factory.mktemp("archive"), store="archive") as cluster:
        yield cluster


@pytest.fixture
def home(tmp_path):
    """An empty directory for a cluster of the test's own."""
    return tmp_path / "cluster"


@pytest.fixture(scope="session")
def developer():
    """Makes a cluster of the test's own."""
    return Developer


@pytest.fixture
def sit(tmp_path):
    """`sit(cluster, "ana")` is somebody in front of a browser with a profile of its own."""
    drivers, profiles = [], []

    def sit(cluster, name: str, width: int = 1180, height: int = 780, sign_in: bool = True, profile: str | None = None) -> Person:
        folder = tmp_path / f"profile-{profile or len(drivers)}"
        profiles.append(folder)
        driver = start_driver(folder, width, height, cluster.flags)
        drivers.append(driver)
        person = Person(driver, cluster.page, name)
        person.go()
        if sign_in:
            person.sign_in()
        return person

    yield sit
    for driver in drivers:
        driver.quit()
    for folder in profiles:
        shutil.rmtree(folder, ignore_errors=True)
