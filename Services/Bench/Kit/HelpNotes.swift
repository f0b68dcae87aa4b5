// What the figures mean, below the options of each scenario.

public enum HelpNotes {
    static let verdict = [
        "",
        "Verdict: lost, duplicated, out of order, foreign, refused and so on must be 0, and all clients must have come.",
        "Exit codes: 0 every line is kept, 1 one is broken or something is in the way, 64 typed wrongly.",
    ]

    public static let chat =
        [
            "One exchange: an author's message is stored (sent), delivered, acknowledged by the addressee's device, and",
            "the author has the delivered receipt. Even users write, each to the odd one behind it.",
            "Closed loop: an author writes the next message when a receipt comes; the cluster sets the pace, and the",
            "latency is that of a full cluster. Open loop (--rate): messages are due evenly, and a latency counts from",
            "the time at which its message was due, also when the cluster or bench was late.",
            "CPU us/exchange: user and system time of a service's processes in the measured interval, by exchanges whose",
            "receipt came in it. Memory: pages that no other process shares, at the end, with everybody connected.",
        ] + verdict
}
