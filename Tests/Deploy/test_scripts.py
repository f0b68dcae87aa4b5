"""The scripts of deploy/, run as an operator runs them, with real processes.

Every test has a home of its own in a temporary folder and ports of its own. Bounds in seconds only keep a broken script from
hanging; no test asks how fast the machine is.
"""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SMALL = ["--gateways", "1", "--parsers", "1", "--sessions", "2", "--groups", "1", "--last-seens", "1", "--persistences", "1"]
NODES = ["gateway-1", "parser-1", "session-1", "session-2", "group-1", "last-seen-1", "persistence-1", "media-1"]
#: Beyond this something is broken, not slow.
PATIENCE = 90


def is_running(pid: int) -> bool:
    """Exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, what: str):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.05)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Home:
    """A cluster's folder, and the scripts with it."""

    def __init__(self, path: Path, port_base: int, environment: dict):
        self.path, self.port_base, self.environment = path, port_base, environment

    def script(self, name: str, *options: str, check: bool = True, **changes) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [DEPLOY / name, "--home", self.path, *options], text=True, capture_output=True, timeout=PATIENCE, cwd="/",
            stdin=subprocess.DEVNULL, env=self.environment | changes)
        assert not check or done.returncode == 0, f"{name}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, *options: str, **more) -> subprocess.CompletedProcess:
        return self.script("run.sh", "--no-build", "--detach", "--port-base", str(self.port_base), *SMALL, *options, **more)

    def stop(self) -> subprocess.CompletedProcess:
        return self.script("stop.sh")

    def pid(self, name: str) -> int:
        try:
            return int((self.path / "run" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    @property
    def pids(self) -> dict:
        """Of everything that has a pid file."""
        return {path.stem: self.pid(path.stem) for path in (self.path / "run").glob("*.pid")}

    def launcher_log(self) -> str:
        return (self.path / "logs" / "launcher.log").read_text()


@pytest.fixture
def home(tmp_path):
    # A cluster has ports up to its base plus 1,200. Each test worker has a range of its own: three of them.
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % 3
    port_base = next(
        base for base in range(9_000 + 2_200 * worker, 10_000 + 2_200 * worker, 200)
        if is_free(base + 101) and is_free(base + 201) and is_free(base + 151) and is_free(base + 1080))
    environment = {name: value for name, value in os.environ.items() if name != "FANTAIL_HOME"}
    # With a blank, because somebody's folder has one.
    home = Home(tmp_path / "a home", port_base, environment)
    yield home
    home.stop()
    assert not [pid for pid in home.pids.values() if is_running(pid)]


def test_everything_runs_when_run_returns_and_nothing_when_stop_returns(home):
    said = home.start().stdout
    assert home.script("status.sh").stdout.count(" ready\n") == len(NODES)
    pids = home.pids
    assert sorted(pids) == sorted([*NODES, "launcher"])
    stopped = home.stop()
    assert stopped.stdout == f"Stopped {len(NODES)} services.\n"
    assert not [name for name, pid in pids.items() if is_running(pid)]
    assert home.pids == {}
    assert home.script("status.sh", check=False).returncode == 1
    assert f"{ROOT}/.build/release/fantail chat --as ana --with bob" in said
    assert f"{ROOT}/.build/release/fantail chat --as bob --with ana" in said
    assert f"http://127.0.0.1:{home.port_base + 1080}/" in said


def test_the_commands_that_run_prints_can_be_typed_anywhere(home, tmp_path):
    said = home.start().stdout
    command = re.search(r"^  (\S+/fantail) chat (.*)$", said, re.M)
    status = subprocess.run(
        f"{command[1]} status {command[2].split(' bob ', 1)[1]}", shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert status.returncode == 0, status.stderr
    stop = re.search(r"^To stop: (.*)$", said, re.M)
    assert "Stopped" in subprocess.run(stop[1], shell=True, cwd="/", capture_output=True, text=True, timeout=PATIENCE).stdout


def test_a_second_start_is_refused_and_disturbs_nobody(home):
    home.start()
    before = home.pids
    second = home.start(check=False)
    assert second.returncode == 1
    assert "runs from" in second.stderr and "deploy/stop.sh --home" in second.stderr
    assert home.pids == before
    home.script("status.sh")


def test_secrets_and_data_are_for_their_owner_only(home):
    home.start()
    for path in home.path.rglob("*"):
        if path.is_file() and path.name != "cluster.conf":
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_cluster_with_tls_says_what_to_open_and_whom_to_trust(home, tmp_path):
    said = home.start("--tls").stdout
    secrets = home.path / "secrets"
    assert f"https://127.0.0.1:{home.port_base + 1080}/" in said and f"{secrets}/ca.crt" in said
    # What others are to trust they may read.
    for path in secrets.rglob("*"):
        assert path.is_dir() or path.stat().st_mode & 0o777 == (0o644 if path.name == "ca.crt" else 0o600), path
    seen = served(home)
    # The commands find the authority by themselves, in this home and nowhere else.
    fantail = ROOT / ".build" / "release" / "fantail"

    def send(*more):
        return subprocess.run(
            [fantail, "send", "--as", "ana", "--to", "bob", *more, "hello"], capture_output=True, text=True, timeout=PATIENCE)

    assert send("--home", home.path).returncode == 0
    (tmp_path / "nobody.crt").write_text("")
    wrong = send("--home", home.path, "--ca", tmp_path / "nobody.crt")
    assert wrong.returncode == 1 and "nobody.crt" in wrong.stderr
    # Once made, it stays; renewed, it is in use without a restart.
    home.stop()
    home.script("run.sh", "--no-build", "--detach")
    assert served(home) == seen
    assert "made" in home.script("certificates.sh", "--renew", "--name", "chat.example.org").stdout
    wait_until(lambda: served(home) != seen, "the new certificate")


def served(home) -> bytes:
    """The certificate that a client gets, which it trusts."""
    context = ssl.create_default_context(cafile=home.path / "secrets" / "ca.crt")
    with socket.create_connection(("127.0.0.1", home.port_base + 1080), PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            return secured.getpeercert(binary_form=True)


def test_services_get_certificates_of_their_own(home):
    home.start()
    home.stop()
    file = home.path / "cluster.conf"
    file.write_text(file.read_text() + "tls peers=on\n")
    missing = home.script("run.sh", "--no-build", "--detach", check=False)
    assert missing.returncode == 1 and "secrets/peers has no certificate" in missing.stderr
    assert home.script("certificates.sh", "--peers").stdout.count("made") == len(NODES) + 3
    assert home.script("certificates.sh", "--peers").stdout == ""
    home.script("run.sh", "--no-build", "--detach")
    assert home.script("status.sh").stdout.count(" ready\n") == len(NODES)


def test_the_data_of_a_cluster_survives_a_restart_and_its_counts_need_not_be_repeated(home):
    home.start()
    key = (home.path / "secrets" / "cluster.key").read_text()
    home.stop()
    home.script("run.sh", "--no-build", "--detach")
    assert home.script("status.sh").stdout.count(" ready\n") == len(NODES)
    assert (home.path / "secrets" / "cluster.key").read_text() == key


def test_other_counts_than_those_of_the_cluster_are_refused(home):
    home.start()
    home.stop()
    refused = home.script("run.sh", "--no-build", "--detach", "--sessions", "3", check=False)
    assert refused.returncode == 1
    assert "2 session, not 3" in refused.stderr


def test_a_taken_port_is_named_with_its_node_and_its_holder(home):
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", home.port_base + 121))
        squatter.listen()
        refused = home.start(check=False)
    assert refused.returncode == 1
    assert f"port {home.port_base + 121}, wanted by session-1, is taken by process {os.getpid()}" in refused.stderr
    assert home.pids == {}
    home.start()


def test_a_pid_file_that_names_a_stranger_is_removed_and_the_stranger_left_alone(home):
    home.start()
    home.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    try:
        (home.path / "run" / "session-1.pid").write_text(f"{stranger.pid}\n")
        (home.path / "run" / "launcher.pid").write_text(f"{stranger.pid}\n")
        (home.path / "run" / "gateway-9.pid").write_text("not a pid\n")
        assert "Nothing runs" in home.stop().stdout
        assert home.pids == {}
        (home.path / "run" / "launcher.pid").write_text(f"{stranger.pid}\n")
        home.start()
        assert home.pid("launcher") != stranger.pid
        home.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_whoever_is_killed_is_started_again_and_the_others_stay(home):
    home.start()
    before = home.pids
    os.kill(before["session-1"], signal.SIGKILL)
    wait_until(lambda: home.pid("session-1") not in (0, before["session-1"]), "session-1 has a new pid")
    wait_until(lambda: home.script("status.sh", check=False).returncode == 0, "all are ready again")
    after = home.pids
    assert {name for name in before if before[name] != after[name]} == {"session-1"}
    assert "session-1 died (signal KILL); started again." in home.launcher_log() or "session-1 died within 2 s" in home.launcher_log()


def test_whoever_keeps_dying_is_reported_once(home):
    home.start()
    for _ in range(4):
        wait_until(lambda: is_running(home.pid("group-1")) if home.pid("group-1") else False, "group-1 runs")
        victim = home.pid("group-1")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: home.pid("group-1") != victim, "the launcher has noticed")
    wait_until(lambda: home.script("status.sh", check=False).returncode == 0, "all are ready again")
    assert home.launcher_log().count("group-1 died") <= 2


def test_a_wrong_configuration_stops_the_start_with_the_sentence_of_the_service(home):
    home.start()
    home.stop()
    (home.path / "secrets" / "cluster.key").write_text("short\n")
    refused = home.start(check=False)
    assert refused.returncode == 1 and "openssl rand -hex 32" in refused.stderr
    assert home.pids == {}
    # What run.sh does not look for, the launcher hears from the service.
    launched = home.script("launcher.sh", "--bin", str(ROOT / ".build" / "release"), check=False)
    assert launched.returncode == 1
    assert "cannot run with this configuration" in launched.stderr and "openssl rand -hex 32" in launched.stderr
    assert home.pids == {}


def test_a_configuration_that_goes_wrong_later_stops_nobody_else(home):
    home.start()
    before = home.pids
    keys = home.path / "secrets" / "tokens.keys"
    right = keys.read_text()
    keys.write_text("2025-b HS512 a-typo sign\n")
    os.kill(before["gateway-1"], signal.SIGTERM)
    sentence = "gateway-1 cannot run with this configuration"
    wait_until(lambda: sentence in home.launcher_log(), "the launcher tells of it")
    assert f"{keys}: key file, line 1" in home.launcher_log() and "Stopped" not in home.launcher_log()
    # Tried again and again, and said once.
    tried = home.path / "logs" / "gateway-1.log"
    wait_until(lambda: tried.read_text().count("key file, line 1") >= 2, "it is tried again")
    assert home.launcher_log().count(sentence) == 1
    keys.write_text(right)
    wait_until(lambda: home.script("status.sh", check=False).returncode == 0, "all are ready again")
    after = home.pids
    assert {name for name in before if before[name] != after[name]} == {"gateway-1"}
    # A node that was told to go did not die.
    assert "gateway-1 was stopped" in home.launcher_log() and "gateway-1 died" not in home.launcher_log()


def test_a_broken_cluster_file_is_refused_with_its_line(home):
    home.start()
    home.stop()
    with (home.path / "cluster.conf").open("a") as file:
        file.write("colour  blue\n")
    refused = home.script("run.sh", "--no-build", "--detach", check=False)
    assert refused.returncode == 1
    assert "cluster.conf" in refused.stderr and "colour" in refused.stderr


def hear_signals():
    """A terminal's programs hear these. The tests themselves may run under nohup or in the background, where all that they
    start is deaf to them, and no shell can undo that."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_launcher_in_a_terminal_leaves_nobody_behind(home, how):
    launcher = subprocess.Popen(
        [DEPLOY / "run.sh", "--home", home.path, "--no-build", "--port-base", str(home.port_base), *SMALL], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, env=home.environment,
        preexec_fn=hear_signals)
    try:
        wait_until(lambda: (home.path / "run" / "ready").exists(), "it is ready")
        pids = home.pids
        # Ctrl-C and hanging up reach every process of the terminal, TERM only the one that is meant.
        (os.kill if how == signal.SIGTERM else os.killpg)(launcher.pid, how)
        said, _ = launcher.communicate(timeout=PATIENCE)
    finally:
        if launcher.poll() is None:
            launcher.kill()
            launcher.wait()
    assert launcher.returncode == 0, said
    assert said.rstrip().splitlines()[-1].startswith("Stopped ")
    assert "died" not in said and "Killed" not in said and "Terminated" not in said
    assert not [name for name, pid in pids.items() if is_running(pid)]


def test_services_whose_launcher_was_killed_are_stopped_by_stop(home):
    home.start()
    pids = home.pids
    os.kill(pids["launcher"], signal.SIGKILL)
    wait_until(lambda: not is_running(pids["launcher"]), "the launcher is gone")
    assert home.stop().stdout == f"Stopped {len(NODES)} services.\n"
    assert not [name for name, pid in pids.items() if is_running(pid)]


def test_services_whose_launcher_was_killed_are_replaced_by_the_next_start(home):
    home.start()
    old = home.pids
    os.kill(old["launcher"], signal.SIGKILL)
    wait_until(lambda: not is_running(old["launcher"]), "the launcher is gone")
    assert "had left services behind" in home.start().stdout
    assert not [name for name, pid in old.items() if is_running(pid)]
    home.script("status.sh")


def test_a_service_that_ignores_term_is_killed(home):
    home.start()
    pid = home.pid("parser-1")
    os.kill(pid, signal.SIGSTOP)
    assert "killed after 5 s" in home.launcher_log() + home.stop().stdout + home.launcher_log()
    assert not is_running(pid)


def test_stop_and_status_are_kind_where_nothing_is(home):
    assert "Nothing runs" in home.stop().stdout
    status = home.script("status.sh", check=False)
    assert status.returncode == 1 and "deploy/run.sh" in status.stderr


@pytest.mark.parametrize(
    "script",
    ["run.sh", "stop.sh", "status.sh", "launcher.sh", "test.sh", "torture.sh", "certificates.sh", "bench-peers.sh", "trace-syncs.sh", "build-images.sh",
     "compose/make-secrets.sh"])
def test_help_is_the_head_of_the_script_and_a_wrong_option_is_refused(script):
    helped = subprocess.run([DEPLOY / script, "--help"], text=True, capture_output=True, timeout=PATIENCE)
    assert helped.returncode == 0 and f"deploy/{script}" in helped.stdout and "Exit status" in helped.stdout
    refused = subprocess.run([DEPLOY / script, "--colour"], text=True, capture_output=True, timeout=PATIENCE)
    assert refused.returncode == 64 and "--colour" in refused.stderr


# --- torture: its verdict, and what it leaves behind --------------------------------------------------------------------

CLEAN = {
    "scenario": "chat", "sent": 1000, "acked": 1000, "delivered": 1000, "lost": 0, "duplicated": 0, "out_of_order": 0, "foreign": 0,
    "refused": 0, "gaps": 0, "false_receipts": 0, "unanswered": 0, "receipts_missing": 0, "service_restarts": 9, "connections_lost": 9,
    "repeated_sends": 9, "longest_open_ms": 1234.5, "longest_away_ms": 999,
}
# Four groups of eight.
CLEAN_GROUP = CLEAN | {
    "scenario": "group", "settings": {"members": 8, "groups": 4}, "complete": 1000, "delivered": 8000, "receipts": 1000,
    "disagreements": 0, "connected": 32, "joined": 32, "late_sends": 3,
}
REPORTS = {"--judge": CLEAN, "--judge-group": CLEAN_GROUP}


def judged(tmp_path: Path, option: str, **changes) -> subprocess.CompletedProcess:
    report = {key: value for key, value in (REPORTS[option] | changes).items() if value is not None}
    (tmp_path / "report.json").write_text(json.dumps(report, indent=2))
    return subprocess.run([DEPLOY / "torture.sh", option, tmp_path / "report.json"], text=True, capture_output=True, timeout=PATIENCE)


@pytest.mark.parametrize("option", REPORTS)
def test_a_clean_report_of_a_load_is_a_clean_verdict(tmp_path, option):
    verdict = judged(tmp_path, option)
    assert verdict.returncode == 0, verdict.stdout
    assert "Verdict: clean." in verdict.stdout and "BROKEN" not in verdict.stdout


@pytest.mark.parametrize("option, key", [(option, key) for option, clean in REPORTS.items() for key, value in clean.items() if value == 0])
def test_one_message_that_went_wrong_breaks_the_verdict(tmp_path, option, key):
    verdict = judged(tmp_path, option, **{key: 1})
    assert verdict.returncode == 1
    assert verdict.stdout.count("BROKEN") == 1 and "1 of" in verdict.stdout


@pytest.mark.parametrize("option, changes", [
    ("--judge", {"lost": None}), ("--judge", {"acked": 0}), ("--judge", {"delivered": None}),
    ("--judge-group", {"lost": None}), ("--judge-group", {"sent": 0}), ("--judge-group", {"joined": None}),
    ("--judge-group", {"settings": None}),
    ("--judge-group", dict.fromkeys(["sent", "acked", "complete", "delivered", "receipts"], 0)),
])
def test_a_report_that_proves_nothing_breaks_the_verdict(tmp_path, option, changes):
    assert judged(tmp_path, option, **changes).returncode == 1


@pytest.mark.parametrize("key", ["connected", "joined", "acked", "complete", "delivered", "receipts"])
def test_the_report_of_the_groups_must_add_up(tmp_path, key):
    verdict = judged(tmp_path, "--judge-group", **{key: CLEAN_GROUP[key] - 1})
    assert verdict.returncode == 1 and verdict.stdout.count("BROKEN") == 1


@pytest.mark.parametrize("option, report", [("--judge", CLEAN_GROUP), ("--judge-group", CLEAN)])
def test_the_report_of_the_other_load_breaks_the_verdict(tmp_path, option, report):
    verdict = judged(tmp_path, option, **report)
    assert verdict.returncode == 1 and "of another" in verdict.stdout


def test_both_reports_make_one_verdict(tmp_path):
    words = [DEPLOY / "torture.sh"]
    for option, report in REPORTS.items():
        path = tmp_path / f"report{option}.json"
        path.write_text(json.dumps(report))
        words += [option, path]
    both = subprocess.run(words, text=True, capture_output=True, timeout=PATIENCE)
    assert both.returncode == 0 and "\nlost " in both.stdout and "\ngroups: lost " in both.stdout


@pytest.mark.parametrize("option", REPORTS)
def test_no_report_breaks_the_verdict(tmp_path, option):
    missing = subprocess.run([DEPLOY / "torture.sh", option, tmp_path / "none"], text=True, capture_output=True, timeout=PATIENCE)
    assert missing.returncode == 1 and "missing" in missing.stdout


def test_torture_that_is_interrupted_leaves_nobody_and_nothing_behind(home):
    torture = subprocess.Popen(
        [DEPLOY / "torture.sh", "--no-build", "--seconds", "300", "--users", "10", "--rate", "20", "--groups", "2", "--members", "3", "--group-rate", "5", "--home", home.path,
         "--port-base", str(home.port_base)],
        text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, env=home.environment)
    try:
        said = []
        # The seed, and the first faults.
        while sum(" to " in line or "full" in line for line in said) < 3:
            said.append(torture.stdout.readline())
            assert said[-1], "".join(said)
        pids = home.pids
        os.kill(torture.pid, signal.SIGTERM)
        torture.communicate(timeout=PATIENCE)
    finally:
        if torture.poll() is None:
            torture.kill()
            torture.wait()
    assert torture.returncode == 1
    assert not [name for name, pid in pids.items() if is_running(pid)]
    assert not [name for name, pid in home.pids.items() if is_running(pid)]
    assert str(home.path) not in Path("/proc/mounts").read_text().replace("\\040", " ")
    starter = home.path / "on-host"
    if starter.exists():
        spaces = re.search(r"fantail-\d+-", starter.read_text())[0]
        assert not [name for name in os.listdir("/run/netns") if name.startswith(spaces)]


# --- a machine that lacks something: the tools are replaced by small scripts that come first in PATH ---------------------


@pytest.fixture
def bare(home, tmp_path):
    """A folder that is all of PATH: the system's tools but swift, pkg-config, apt-get and sudo. `bare(name, text)` adds one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for source in ("/usr/bin", "/bin"):
        for tool in os.scandir(source):
            if not re.match(r"swift|pkg-config|pkgconf|apt-get|sudo", tool.name) and not (folder / tool.name).exists():
                (folder / tool.name).symlink_to(tool.path)
    home.environment["PATH"] = str(folder)

    def add(name: str, text: str):
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)

    return add


SWIFT = 'case "$1" in --version) echo "Swift version 6.1 (fake)";; *) echo "x.swift:1:1: error: planted"; exit 1;; esac'


def test_without_swift_the_sentence_says_where_to_get_it(home, bare):
    refused = home.script("run.sh", check=False)
    assert refused.returncode == 1
    assert "swift is missing" in refused.stderr and "https://www.swift.org/install" in refused.stderr


def test_an_older_swift_is_refused(home, bare):
    bare("swift", 'echo "Swift version 5.10"')
    refused = home.script("run.sh", check=False)
    assert refused.returncode == 1 and "Swift 6 is needed" in refused.stderr


def test_missing_libraries_are_named_where_there_is_no_apt(home, bare):
    bare("swift", SWIFT)
    bare("pkg-config", "exit 1")
    refused = home.script("run.sh", check=False)
    assert refused.returncode == 1 and "libsqlite3-dev libssl-dev libpq-dev" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs without asking")
def test_root_installs_missing_libraries_and_fetches_the_lists_when_they_are_old(home, bare, tmp_path):
    record = tmp_path / "apt"
    bare("swift", SWIFT)
    bare("pkg-config", f'[[ $2 == sqlite3 ]] || [[ -e {tmp_path}/installed ]]')
    bare("apt-get", f'echo "$*" >>{record}; [[ $1 != update ]] || touch {tmp_path}/updated; [[ -e {tmp_path}/updated ]]')
    built = home.script("run.sh", check=False)
    install = "install -y --no-install-recommends libssl-dev libpq-dev"
    assert record.read_text().splitlines() == [install, "update", install]
    assert "Installing libssl-dev libpq-dev" in built.stdout
    # With the libraries there it goes on to build, and says why that fails.
    assert built.returncode == 1
    assert "error: planted" in built.stderr and "build.log" in built.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
def test_who_may_not_install_is_told_what_to_type(home, bare):
    bare("swift", SWIFT)
    bare("pkg-config", "exit 1")
    bare("apt-get", "exit 1")
    # The function alone: a stranger may not even be able to enter the folder of this checkout.
    library = (DEPLOY / "lib.sh").read_text()
    refused = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", "eval \"$LIBRARY\"; require_libraries /dev/null"],
        text=True, capture_output=True, timeout=PATIENCE, cwd="/", env={"PATH": "/usr/bin:/bin", "LIBRARY": library + "\nhas_library() { false; }\n"})
    assert refused.returncode == 1
    assert "Type: sudo apt-get install -y libsqlite3-dev libssl-dev" in refused.stderr
