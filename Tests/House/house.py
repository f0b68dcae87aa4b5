#!/usr/bin/env python3
"""The rules of the house, as a test: what a reviewer would otherwise have to watch by hand.

    house.py               checks this checkout
    house.py --self-test   plants one violation of each rule in a copy and demands that exactly this rule finds it

Each rule is a function that yields its findings: where, what, and the remedy. It sees the checkout as a `Tree`, so that a
planted copy is checked in the same way. The last line is `N passed, M failed`, counted in rules. Needs Python 3.9, nothing else.

Exit status: 0 all hold; 1 one does not.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Folders of Shared whose code is pure, and the floor on which system calls live. Every folder is in one of the two.
PURE_SHARED = """Primitives Privacy Ring Cluster Groups Media Messages Monitor StatusPage Storage RPC CoreKit WebSocket ClientProtocol Tokens ChatClient""".split()
SYSTEM_FLOOR = """CIdleCiphers CLinux COpenSSL CPostgres CSQLite Crypto ServiceKit TLS""".split()
#: Of each service these folders are pure; the others meet the machine.
PURE_IN_SERVICES = ("Core", "Kit", "Page")

#: What may lie at the top, beside dot-files.
TOP_LEVEL = """Package.swift Services Shared Tests deploy docs README.md LICENSE CHANGELOG.md CONTRIBUTING.md""".split()

#: Folders of Tests that are no target of their own, and what runs them.
OTHER_TESTS = {
    "Simulation": "the executable simulate",
    "Fuzz": "deploy/test.sh --only fuzz",
    "EndToEnd": "deploy/test.sh --only e2e",
    "Page": "deploy/test.sh --only page",
    "Deploy": "deploy/test.sh --only scripts",
    "Planted": "deploy/test.sh --only planted",
    "House": "deploy/test.sh --only house",
}

#: A repository is cloned again and again; what is larger belongs elsewhere, or is made by a script.
FILE_BYTES_MAX = 1024 * 1024

TEXT_SUFFIXES = {".swift", ".sh", ".py", ".md", ".h", ".modulemap", ".html", ".js", ".css", ".svg", ".webmanifest", ".conf", ".txt", ".yml", ".yaml", ""}


@functools.cache
def matches(pattern: str, text: str) -> list:
    """Lines of a file that match, and their numbers. Remembered, for the self-test looks at each file again and again."""
    return [(number, match) for number, line in enumerate(text.splitlines(), 1) if (match := re.search(pattern, line))]


class Tree:
    """The files of a checkout: what git knows or would add; in a copy without git, everything."""

    def __init__(self, root: Path):
        self.root = root
        if (root / ".git").exists():
            listing = subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True, stdout=subprocess.PIPE
            ).stdout.decode()
            names = sorted(set(name for name in listing.split("\0") if name and (root / name).is_file()))
        else:
            names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        self.names = names

    def matching(self, pattern: str) -> list:
        return [name for name in self.names if re.search(pattern, name)]

    def lines(self, name: str) -> list:
        return (self.root / name).read_text(errors="replace").splitlines()

    def text(self, name: str) -> str:
        return (self.root / name).read_text(errors="replace") if name in self.names else ""

    def search(self, pattern: str, names: list):
        """Yields "file:line" and the match."""
        for name in names:
            for number, match in matches(pattern, (self.root / name).read_text(errors="replace")):
                yield f"{name}:{number}", match

    @property
    def pure(self) -> list:
        return self.matching(rf"^(Shared/({'|'.join(PURE_SHARED)})|Services/[^/]+/({'|'.join(PURE_IN_SERVICES)}))/.*\.swift$")

    @property
    def texts(self) -> list:
        return [name for name in self.names if Path(name).suffix in TEXT_SUFFIXES and name != "LICENSE"]


# --- the rules: a name that reads as a sentence, and findings ---------------------------------------------------------


def pure_code_imports_nothing_of_the_system(tree):
    modules = "Glibc|Musl|Foundation|FoundationEssentials|Dispatch|CIdleCiphers|CLinux|COpenSSL|CPostgres|CSQLite|ServiceKit|Crypto|TLS|Synchronization"
    for where, match in tree.search(rf"^\s*(?:@\w+\s+)*(?:public\s+)?import\s+(?:\w+\s+)?({modules})\b", tree.pure):
        yield f"{where} imports {match[1]}: pure code gets what it needs as an argument; move the call to Shared/ServiceKit"


def pure_code_reads_no_clock_and_rolls_no_dice(tree):
    hidden = r"SystemRandomNumberGenerator|ContinuousClock|SuspendingClock|\.random\(in:[^()]*\)|\.shuffled\(\)|\.randomElement\(\)"
    for where, match in tree.search(rf"^(?!\s*//).*?({hidden})", tree.pure):
        yield f"{where} uses {match[1]}: take `now` or a seeded generator as an argument, or no seed replays any more"


def every_shared_folder_is_pure_or_on_the_system_floor(tree):
    for folder in sorted({name.split("/")[1] for name in tree.matching(r"^Shared/")}):
        if folder not in PURE_SHARED + SYSTEM_FLOOR:
            yield f"Shared/{folder} is neither: add it to PURE_SHARED (or SYSTEM_FLOOR) in Tests/House/house.py"


def the_package_stands_alone(tree):
    for where, _ in tree.search(r"\.package\s*\(", ["Package.swift"]):
        yield f"{where} depends on a package: write it, or take a system library through a module map"
    for where, _ in tree.search(r"unsafeFlags", ["Package.swift"]):
        yield f"{where} uses unsafeFlags: find the setting that SwiftPM knows"
    if "Package.resolved" in tree.names:
        yield "Package.resolved is here, so there is a dependency: remove both"


def the_package_is_in_swift_6_mode(tree):
    text = tree.text("Package.swift")
    version = re.match(r"// swift-tools-version:\s*(\d+)", text)
    if not version or int(version[1]) < 6:
        yield "Package.swift: begin with // swift-tools-version: 6.0"
    if not re.search(r"swiftLanguageModes:\s*\[\.v6\]", text):
        yield "Package.swift: set swiftLanguageModes: [.v6]"
    for where, _ in tree.search(r"\.swiftLanguageMode\(\.v[45]|swiftLanguageVersions", ["Package.swift"]):
        yield f"{where} goes back to an older mode: make the code right instead"


def the_top_level_shows_the_architecture_only(tree):
    for entry in sorted({name.split("/")[0] for name in tree.names}):
        if entry not in TOP_LEVEL and not entry.startswith("."):
            yield f"{entry} lies at the top: move it into one of {', '.join(TOP_LEVEL[1:6])}"


def every_test_is_run_by_somebody(tree):
    declared = set(re.findall(r'tests\(of: "(\w+)"', tree.text("Package.swift")))
    folders = {name.split("/")[1] for name in tree.matching(r"^Tests/[^/]+/")}
    for folder in sorted(folders - set(OTHER_TESTS)):
        if folder.removesuffix("Tests") not in declared or not folder.endswith("Tests"):
            yield f'Tests/{folder} is run by nobody: add tests(of: "{folder.removesuffix("Tests")}") to Package.swift'
    for module in sorted(declared):
        if not any("@Test" in tree.text(name) for name in tree.matching(rf"^Tests/{module}Tests/.*\.swift$")):
            yield f"Tests/{module}Tests has no test: write one, or remove it from Package.swift"
    for name in tree.matching(r"^Tests/[^/]+$"):
        yield f"{name} belongs to no test: move it into a folder"


def every_limit_says_why(tree):
    constant = re.compile(r"\s*(?:public |package )?static let (\w+)(?!.*= \w+Limits\()")
    for name in tree.matching(r"Limits\.swift$"):
        lines = tree.lines(name)
        for number, line in enumerate(lines):
            if match := constant.match(line):
                # Constants without a blank line between them share the comment above the first.
                first = number
                while first > 0 and constant.match(lines[first - 1]):
                    first -= 1
                if not lines[first - 1].strip().startswith("///"):
                    yield f"{name}:{number + 1} {match[1]} has no doc comment: say its unit, its reason and what breaks if it doubles"


def every_source_opens_with_its_idea(tree):
    for name in tree.matching(r"^(Services|Shared)/.*\.swift$"):
        lines = tree.lines(name)
        if not lines or not lines[0].startswith("//"):
            yield f"{name} begins with code: begin with a comment that tells the idea of the file"


def promises_to_the_compiler_are_kept_out(tree):
    promise = r"@unchecked Sendable|nonisolated\(unsafe\)|\btry!|\bfatalError\("
    for where, match in tree.search(rf"^(?!\s*//).*?({promise})", tree.matching(r"^(Services|Shared)/.*\.swift$")):
        yield f"{where} has {match[1]}: let the compiler check it, or use precondition with one condition a line"


def no_word_of_unfinished_work(tree):
    words = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"))
    for where, match in tree.search(rf"\b({words})\b", tree.texts):
        yield f"{where} says {match[1]}: do it, or write into the documents what is not there yet"


def no_path_of_somebody_s_machine(tree):
    # The character before rules out "docs/home/" and "https://example.org/home/".
    for where, match in tree.search(r"(?<![\w.$}/])/(?:home|Users|root|work)/\w+", tree.texts):
        yield f"{where} names {match[0]}: take the path from an argument, or relative to the file"


def no_file_is_large(tree):
    for name in tree.names:
        if (size := (tree.root / name).stat().st_size) > FILE_BYTES_MAX:
            yield f"{name} has {size} bytes, allowed are {FILE_BYTES_MAX}: make it by a script, or keep it elsewhere"


def scripts_are_strict_and_executable(tree):
    for name in tree.matching(r"^(deploy|\.ci)/.*(\.sh|/run)$|^\.ci/run$"):
        text = tree.text(name)
        # Parts that scripts read say so in their first line; there is nothing to run in them.
        if text.startswith("# shellcheck shell=bash\n"):
            if os.access(tree.root / name, os.X_OK):
                yield f"{name} is read by scripts and run by nobody: chmod -x {name}"
            continue
        if not text.startswith("#!/usr/bin/env bash\n"):
            yield f"{name}: begin with #!/usr/bin/env bash"
        if not re.search(r"^set -euo pipefail$", text, re.M):
            yield f"{name}: set -euo pipefail"
        if not os.access(tree.root / name, os.X_OK):
            yield f"{name}: chmod +x {name}"


def nobody_kills_by_name(tree):
    for where, match in tree.search(r"^(?!\s*(?:#|//|\"\"\")).*\b(pkill|killall)\s", tree.matching(r"\.(sh|py|swift)$|^\.ci/run$")):
        if not where.startswith("Tests/House/"):
            yield f"{where} uses {match[1]}: signal the process by its pid"


def no_test_waits_deaf_to_its_end(tree):
    for where, _ in tree.search(r"asyncio\.wait_for\(", tree.matching(r"^Tests/.*\.py$")):
        yield f"{where} calls asyncio.wait_for, which loses a cancellation that comes with the result in Python 3.11: use within() of cluster.py"


def every_test_that_the_threat_model_names_exists(tree):
    names = tree.matching(r"^Tests/.*\.(py|swift)$")
    known = {match[1] for _, match in tree.search(r"(?:def|func) (\w+)\(", names)}
    known |= {match[1] for _, match in tree.search(r"FuzzTarget\(\"([\w-]+)\"", names)}
    page = "docs/security.md"
    if page not in tree.names:
        yield f"{page} is missing: what stops whom, and the tests that show it"
        return
    for number, line in enumerate(tree.lines(page), 1):
        cell = line.rstrip("| ").rpartition("|")[2] if line.startswith("|") else ""
        for name in re.findall(r"`([A-Za-z][\w-]+)`", cell):
            if name not in known and not name.endswith(".key"):
                yield f"{page}:{number} names {name}, which is no test: name the one that shows it"


RULES = [
    pure_code_imports_nothing_of_the_system,
    pure_code_reads_no_clock_and_rolls_no_dice,
    every_shared_folder_is_pure_or_on_the_system_floor,
    the_package_stands_alone,
    the_package_is_in_swift_6_mode,
    the_top_level_shows_the_architecture_only,
    every_test_is_run_by_somebody,
    every_limit_says_why,
    every_source_opens_with_its_idea,
    promises_to_the_compiler_are_kept_out,
    no_word_of_unfinished_work,
    no_path_of_somebody_s_machine,
    no_file_is_large,
    scripts_are_strict_and_executable,
    nobody_kills_by_name,
    no_test_waits_deaf_to_its_end,
    every_test_that_the_threat_model_names_exists,
]


def sentence(rule) -> str:
    return rule.__name__.replace("_s_", "'s ").replace("_", " ")


def check(root: Path) -> dict:
    """The findings of each rule."""
    tree = Tree(root)
    return {rule: list(rule(tree)) for rule in RULES}


# --- the self-test: a violation of each rule ---------------------------------------------------------------------------


def append(name: str, text: str):
    return lambda root: written(root / name, ((root / name).read_text() if (root / name).exists() else "") + text)


def replace(name: str, old: str, new: str):
    def plant(root: Path):
        text = (root / name).read_text()
        assert old in text, f"{name} has no {old!r}; adapt the self-test"
        return written(root / name, text.replace(old, new, 1))

    return plant


def written(path: Path, text: str):
    """Writes, and returns what takes it back."""
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.unlink if before is None else lambda: path.write_bytes(before)


PLANTS = [
    (pure_code_imports_nothing_of_the_system, append("Shared/Ring/Planted.swift", "// An idea.\nimport Glibc\n")),
    (pure_code_imports_nothing_of_the_system, append("Services/Session/Core/Planted.swift", "// An idea.\n@preconcurrency import Foundation\n")),
    (pure_code_imports_nothing_of_the_system, append("Shared/RPC/Planted.swift", "// An idea.\nimport struct Foundation.Date\n")),
    (pure_code_reads_no_clock_and_rolls_no_dice, append("Shared/RPC/Planted.swift", "// An idea.\nlet n = Int.random(in: 0..<9)\n")),
    (every_shared_folder_is_pure_or_on_the_system_floor, append("Shared/Utils/Planted.swift", "// An idea.\n")),
    (the_package_stands_alone, append("Package.swift", '// .package(url: "https://example.org/x")\n')),
    (the_package_stands_alone, append("Package.swift", "// unsafeFlags\n")),
    (the_package_is_in_swift_6_mode, replace("Package.swift", "[.v6]", "[.v5]")),
    (the_top_level_shows_the_architecture_only, append("scripts/planted.md", "Hello.\n")),
    (every_test_is_run_by_somebody, append("Tests/LonelyTests/Planted.swift", "// An idea.\n@Test func f() {}\n")),
    (every_test_is_run_by_somebody, append("Package.swift", '// tests(of: "Nothing")\n')),
    (every_limit_says_why, append("Shared/Ring/PlantedLimits.swift", "// An idea.\nenum L {\n    static let xCountMax = 1\n}\n")),
    (every_source_opens_with_its_idea, append("Shared/Ring/Planted.swift", "struct Planted {}\n")),
    (promises_to_the_compiler_are_kept_out, append("Shared/Crypto/Planted.swift", "// An idea.\nlet x = try! f()\n")),
    (no_word_of_unfinished_work, append("docs/planted.md", "TO" + "DO: write this\n")),
    (no_path_of_somebody_s_machine, append("docs/planted.md", "see /" + "home/ana/notes\n")),
    (no_file_is_large, append("docs/planted.svg", "x" * (FILE_BYTES_MAX + 1))),
    (scripts_are_strict_and_executable, append("deploy/planted.sh", "echo hello\n")),
    (nobody_kills_by_name, append("Tests/EndToEnd/planted.sh", "pkill -f gateway\n")),
    (no_test_waits_deaf_to_its_end, append("Tests/EndToEnd/planted.py", '"""An idea."""\nawait asyncio.wait_' + "for(x, 1)\n")),
    (every_test_that_the_threat_model_names_exists, append("docs/security.md", "| a threat | a remedy | `test_that_nobody_wrote` |\n")),
]


def self_test() -> bool:
    """Demands of each planted violation that its rule finds it and that no other rule minds."""
    untested = [sentence(rule) for rule in RULES if rule not in {rule for rule, _ in PLANTS}]
    complaints = [f'no violation is planted for "{name}": add one to PLANTS' for name in untested]
    before = check(ROOT)
    with tempfile.TemporaryDirectory(prefix="fantail-house-") as folder:
        clean = Path(folder)
        for name in Tree(ROOT).names:
            (clean / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clean / name)
        for number, (rule, plant) in enumerate(PLANTS):
            take_back = plant(clean)
            after = check(clean)
            take_back()
            if len(after[rule]) <= len(before[rule]):
                complaints.append(f'violation {number} of "{sentence(rule)}" was not found')
            for other in RULES:
                if other is not rule and len(after[other]) > len(before[other]):
                    complaints.append(f'violation {number} of "{sentence(rule)}" also upset: {after[other][-1]}')
    for complaint in complaints:
        print(f"self-test: {complaint}")
    return not complaints


def main(words: list) -> int:
    if words not in ([], ["--self-test"]):
        print(__doc__)
        return 0 if words[:1] == ["--help"] else 64
    if words:
        holds = self_test()
        print(f"{len(PLANTS)} planted violations\n{int(holds)} passed, {int(not holds)} failed")
        return int(not holds)
    findings = check(ROOT)
    for rule, found in findings.items():
        if found:
            print(f"{sentence(rule)}:")
            for line in found:
                print(f"  {line}")
    failed = sum(1 for found in findings.values() if found)
    print(f"{len(RULES) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
