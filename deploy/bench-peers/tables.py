"""What deploy/bench-peers.sh measured, as tables, and what became of the goals.

    tables.py disk FOLDER                measures fdatasync there, and writes it as JSON
    tables.py run PART SERVER FILE       says in a sentence what one run was; exit status 1 when it proves nothing
    tables.py all LIST [markdown]        the tables and the goals; LIST has a line `part setting server file` for each run

Figures are medians over rounds, ratios are ratios of medians. A file holds what the load tools wrote: `bench --json` of
Fantail (docs/bench.md), `peerload` of the others, whose offline runs are two lines, one of the store and one of the drain.
"""

import json
import os
import statistics
import sys
import tempfile
import time

DISK_SYNCS, DISK_BYTES = 500, 300
DISK = "fdatasync"
#: By part: the table's columns behind setting and server, how they are written, and which of them is the cost.
COLUMNS = {
    "chat": [("CPU us per exchange", "cpu", ",.0f"), ("a second", "rate", ",.0f"), ("receipt p50 ms", "p50", ".1f"), ("p99 ms", "p99", ".1f")],
    "open": [("CPU us per exchange", "cpu", ",.0f"), ("a second", "rate", ",.0f"), ("delivered p50 ms", "delivered_p50", ".2f"),
             ("p99 ms", "delivered_p99", ".2f"), ("receipt p50 ms", "p50", ".2f"), ("p99 ms", "p99", ".2f")],
    "syncs": [("messages per sync", "messages_per_sync", ".1f"), ("a second", "rate", ",.0f"), ("receipt p50 ms", "p50", ".1f"), ("p99 ms", "p99", ".1f")],
    "group": [("CPU us per delivery", "cpu", ".1f"), ("a second", "rate", ",.0f"), ("last member p50 ms", "p50", ".1f"), ("p99 ms", "p99", ".1f")],
    "offline": [("stored a second", "stored", ",.0f"), ("drained a second", "drained", ",.0f"), ("CPU us per stored", "cpu", ".1f"),
                ("CPU us per drained", "drain_cpu", ".1f"), ("lost", "lost", ",.0f")],
    "idle": [("gateway bytes", "gateway_bytes", ",.0f"), ("session bytes", "session_bytes", ",.0f"), ("CPU us of coming", "cpu", ".0f"),
             ("connections a second, a core of a gateway", "rate", ",.0f"), ("silent, % of a core", "silent", ".2f")],
}
#: What the sentence about one run tells first.
NOUN = {"chat": "exchange", "open": "exchange", "syncs": "exchange", "group": "delivery", "offline": "stored message", "idle": "connection"}


# --- figures ----------------------------------------------------------------------------------------------------------


def documents(path: str) -> list:
    """The JSON values in a file, one behind the other."""
    text, at, found = open(path).read(), 0, []
    decoder = json.JSONDecoder()
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def figures(part: str, server: str, path: str) -> dict:
    """The figures of one run, milliseconds and microseconds as the columns have them.

    Raises ValueError when messages are missing."""
    runs = documents(path)
    if server == DISK:  # In the columns that it is held against.
        return {f"delivered_{share}": runs[0][share] for share in ("p50", "p99")}
    if server.startswith("fantail"):
        return of_fantail(part, runs[0])
    for run in runs:
        if run.get("fatal") or run["errors"]:
            raise ValueError(run.get("fatal") or f'{run["errors"]} errors')
    return of_peer(part, runs)


def of_fantail(part: str, run: dict) -> dict:
    # What is lost is what the offline runs are there to tell.
    if not run["kept"] and not (part == "offline" and run["lost"]):
        raise ValueError("the verdict is broken")
    latency = lambda leg, share: run["latency_us"][leg][share] / 1000
    if part == "offline":
        return {"stored": run["stored_per_second"], "drained": run["drained_per_second"], "cpu": run["cpu_us_per_stored"]["all"],
                "drain_cpu": run["cpu_us_per_drained"]["all"], "lost": run["lost"]}
    if part == "idle":
        return {"gateway_bytes": run["bytes_per_connection_gateway"], "session_bytes": run["bytes_per_connection_session"],
                "cpu": run["cpu_us_per_connect"], "rate": run["connects_per_gateway_core"], "silent": run["cpu_percent"]}
    if part == "group":
        return {"cpu": run["cpu_us_per_delivery"]["all"], "rate": run["deliveries_per_second"], "p50": latency("everybody", "p50"),
                "p99": latency("everybody", "p99")}
    found = {"cpu": run["cpu_us_per_exchange"]["all"], "rate": run["exchanges_per_second"], "p50": latency("receipt", "p50"),
             "p99": latency("receipt", "p99"), "delivered_p50": latency("delivered", "p50"), "delivered_p99": latency("delivered", "p99")}
    return found | ({"messages_per_sync": 1 / run["fsyncs_per_message"]} if part == "syncs" else {})


def of_peer(part: str, runs: list) -> dict:
    run = runs[0]
    if part == "offline":
        store, drain = runs
        if drain["delivered"] != drain["expected"] or store["accepted"] < drain["expected"]:
            raise ValueError(f'{store["accepted"]} accepted, {drain["delivered"]} of {drain["expected"]} delivered')
        return {"stored": store["per_s"], "drained": drain["per_s"], "cpu": store["cpu_us_per_msg"], "drain_cpu": drain["cpu_us_per_msg"],
                "lost": drain["lost"]}
    if part == "group":
        if run["deliveries"] != run["msgs"] * run["members"]:
            raise ValueError(f'{run["deliveries"]} deliveries of {run["msgs"]} messages')
        return {"cpu": run["cpu_us_per_deliv"], "rate": run["deliv_per_s"], "p50": run["all"]["p50"], "p99": run["all"]["p99"]}
    return {"cpu": run["cpu_us_per_exch"], "rate": run["per_s"], "p50": run["receipt"]["p50"], "p99": run["receipt"]["p99"],
            "delivered_p50": run["deliver"]["p50"], "delivered_p99": run["deliver"]["p99"]}


def disk(folder: str) -> dict:
    """How long a sync of a few appended bytes takes there, milliseconds."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for index in range(DISK_SYNCS):
            os.pwrite(file.fileno(), b"x" * DISK_BYTES, index * DISK_BYTES)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return {"p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}


class Medians:
    """By part, setting and server: the median of each figure, in the order in which they were measured."""

    def __init__(self, path: str):
        rounds = {}
        for line in open(path):
            part, setting, server, file = line.rstrip("\n").split("\t")
            rounds.setdefault((part, setting, server), []).append(figures(part, server, file))
        self.all = {key: {name: statistics.median(run[name] for run in runs) for name in runs[0]} for key, runs in rounds.items()}

    def get(self, part: str, setting: str, server: str, name: str):
        """None when that was not measured."""
        return self.all.get((part, setting, server), {}).get(name)

    def ratio(self, part: str, setting: str, peer: str, name: str = "cpu", server: str = "fantail"):
        own, other = self.get(part, setting, server, name), self.get(part, setting, peer, name)
        return own / other if own is not None and other else None


# --- the goals --------------------------------------------------------------------------------------------------------


class Goal:
    """One line: a figure and its bounds; a figure that is None was not measured."""

    def __init__(self, name: str, figure, most=None, least=None, stretch=None, digits: int = 2, why: str = ""):
        self.name, self.figure, self.most, self.least, self.stretch, self.digits, self.why = name, figure, most, least, stretch, digits, why

    def kept(self, most, least) -> str:
        if self.figure is None:
            return "not measured"
        if most is None and least is None:
            return "for information"
        is_kept = (most is None or self.figure <= most) and (least is None or self.figure >= least)
        return "kept" if is_kept else "missed"

    @property
    def row(self) -> list:
        written = lambda number: f"{number:,.{self.digits}f}"
        bound = f"at most {written(self.most)}" if self.most is not None else f"at least {written(self.least)}" if self.least is not None else "-"
        stretch = "-" if self.stretch is None else f"{written(self.stretch)}: {self.kept(self.stretch, None)}"
        return [self.name, "-" if self.figure is None else written(self.figure), bound + self.why, self.kept(self.most, self.least), stretch]


def goals(medians: Medians) -> list:
    found = []
    for window in 1, 16:
        setting = f"window-{window}"
        found += [
            Goal(f"exchange, window {window}: CPU by ejabberd's", medians.ratio("chat", setting, "ejabberd"), most=0.5, stretch=0.3),
            Goal(f"exchange, window {window}: CPU by ejabberd-acks'", medians.ratio("chat", setting, "ejabberd-acks")),
            Goal(f"exchange, window {window}: CPU by mosquitto's", medians.ratio("chat", setting, "mosquitto"), most=1, stretch=0.6),
            Goal(f"exchange, window {window}: CPU in JSON by binary", medians.ratio("chat", setting, "fantail", server="fantail-json"), most=1.3),
        ]
    for rate in 1000, 2000, 5000:
        setting = f"rate-{rate}"
        sync = medians.get("open", setting, DISK, "delivered_p50")
        most, why = (None, "") if sync is None else (sync + 0.5, f" (fdatasync {sync:.2f} + 0.50)")
        delivered = medians.get("open", setting, "fantail", "delivered_p50")
        found += [
            Goal(f"open loop, {rate:,} a second: send to delivered, p50 ms", None if sync is None else delivered, most=most, why=why),
            Goal(f"open loop, {rate:,} a second: send to delivered, p99 ms", medians.get("open", setting, "fantail", "delivered_p99"), most=5),
        ]
    found += [
        Goal("open loop, 1,000 a second: CPU by ejabberd's", medians.ratio("open", "rate-1000", "ejabberd"), most=0.6),
        Goal("open loop, 1,000 a second: CPU by ejabberd-acks'", medians.ratio("open", "rate-1000", "ejabberd-acks")),
        Goal("open loop, 1,000 a second: CPU by mosquitto's", medians.ratio("open", "rate-1000", "mosquitto"), stretch=1),
        Goal("64 authors, window 1: messages per sync", medians.get("syncs", "authors-64-window-1", "fantail", "messages_per_sync"), least=30, digits=1),
    ]
    for window in 1, 16:
        small, large = (f"members-{members}-window-{window}" for members in (100, 1024))
        of_small, of_large = (medians.get("group", setting, "fantail", "cpu") for setting in (small, large))
        found += [
            Goal(f"group of 100, window {window}: CPU by mosquitto's", medians.ratio("group", small, "mosquitto"), most=0.6, stretch=0.4),
            Goal(f"group of 1,024, window {window}: CPU by that of 100", of_large / of_small if of_small and of_large else None, most=1),
        ]
    for name, title in ("stored", "store"), ("drained", "drain"):
        for peer in "ejabberd-acks", "mosquitto":
            found.append(Goal(f"offline: {title} rate by that of {peer}", medians.ratio("offline", "messages-100000", peer, name), least=1))
    idle = lambda name: medians.get("idle", "connections-15000", "fantail", name)
    found += [
        Goal("15,000 silent: bytes of each in the gateway", idle("gateway_bytes"), most=1.5 * 1024, digits=0),
        Goal("15,000 silent: bytes of each in the session service", idle("session_bytes"), most=512, digits=0),
        Goal("15,000 silent, pinged every 30 s: % of a core", idle("silent"), most=2),
        Goal("connections a second that a core of a gateway is for", idle("rate"), least=5_000, digits=0),
    ]
    found.append(
        Goal("offline: lost when every process is killed behind the last sent", medians.get("offline", "kill-100000", "fantail", "lost"), most=0, digits=0))
    return found


# --- tables -----------------------------------------------------------------------------------------------------------


def rows_of(part: str, medians: Medians) -> list:
    found = []
    for (of, setting, server), values in medians.all.items():
        if of != part:
            continue
        cells = [f"{values[name]:{form}}" if name in values else "-" for _, name, form in COLUMNS[part]]
        if part in ("chat", "open", "group"):
            ratios = [medians.ratio(part, setting, peer, server=server) for peer in ("ejabberd", "mosquitto")]
            cells[1:1] = ["-" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
        found.append([setting.replace("-", " "), server, *cells])
    return found


def titles_of(part: str) -> list:
    titles = [title for title, _, _ in COLUMNS[part]]
    if part in ("chat", "open", "group"):
        titles[1:1] = ["of ejabberd", "of mosquitto"]
    return ["setting", "server", *titles]


def show(titles: list, rows: list, is_markdown: bool, left: int):
    """`left`: so many columns are words, and stand at the left."""
    if is_markdown:
        print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
        for row in rows:
            print("| " + " | ".join(row) + " |")
    else:
        widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
        for row in [titles, *rows]:
            print("  ".join(cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print()


def show_all(path: str, is_markdown: bool):
    medians = Medians(path)
    for part in COLUMNS:
        if rows := rows_of(part, medians):
            show(titles_of(part), rows, is_markdown, 2)
    show(["goal", "figure", "bound", "verdict", "stretch"], [goal.row for goal in goals(medians)], is_markdown, 1)


def main(words: list):
    if words[:1] == ["disk"] and len(words) == 2:
        print(json.dumps(disk(words[1])))
    elif words[:1] == ["run"] and len(words) == 4:
        _, part, server, path = words
        try:
            run = figures(part, server, path)
            rate = run["stored"] if part == "offline" else run.get("rate")
            print(f'p50 {run["delivered_p50"]:.3f} ms' if server == DISK else f'{run["cpu"]:.1f} us per {NOUN[part]}, {rate:,.0f} a second')
        except (ValueError, LookupError, TypeError, ZeroDivisionError) as error:
            sys.exit(f"it proves nothing: {error!r}")
    elif words[:1] == ["all"] and len(words) in (2, 3):
        show_all(words[1], len(words) == 3)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
