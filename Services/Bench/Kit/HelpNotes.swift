// What the figures mean, below the options of each scenario.

public enum HelpNotes {
    static let verdict = [
        "",
        "Verdict: lost, duplicated, out of order, foreign, refused and so on must be 0, and all clients must have come.",
        exitCodes,
    ]

    private static let exitCodes = "Exit codes: 0 every line is kept, 1 one is broken or something is in the way, 64 typed wrongly."

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

    public static let group =
        [
            "Every member of a group gets every message, its author included; a user is in one group. The groups are made, and",
            "every member has seen that, before anything is measured. A message leaves its group's window when its author has",
            "sent and every member has shown it; then one of the group's authors writes the next.",
            "first to last member: how far apart the members got a message, one value for each message.",
            "CPU us/delivery: user and system time of a service's processes in the measured interval, by entries that members",
            "were shown in it.",
            "",
            "Verdict: also one order. A message has the same group number at all members, and they are shown them rising.",
        ] + verdict

    public static let newyear =
        [
            "Peak: a closed loop, as in bench chat. Storm: --factor times that in an open loop; an author with 16 messages without",
            "sent waits with the next one, and clients that are refused come back when they were told. Typing, presence, acks and read",
            "marks go beside it. Then nobody writes any more, and the services are watched until nothing waits.",
            "Queue wait: what the services measure themselves, the longest of all of them, looked at every 200 ms.",
            "",
            "Verdict: also, no service refused a message while it did what is worth less (typing, last seen) at one level; goodput of",
            "at least 90 % of the peak; nothing waits over 20 ms any more within 5 s after the storm.",
        ] + verdict

    public static let idle = [
        "Memory: what the processes grew by between the first connection and the end, pages that no other process shares,",
        "for each connection. It includes what a process touches once, so a thousand connections and more are fair.",
        "CPU: heartbeats only; the server pings a silent connection every 30 s.",
        "",
        "Verdict: everybody came, nobody was lost, and memory a connection is at most --bytes-max.",
        exitCodes,
    ]

    public static let storm =
        [
            "Everybody's connection is cut in one instant, and the clients come back by their own rules: the first attempt",
            "after 125 to 375 ms, later ones after twice as long each. cut to welcome: until a client was live again.",
            "CPU us/reconnect: from the cut until everybody was back, the little traffic beside it included.",
            "--kill: their gateway dies instead, and is started again; they try another one first.",
            "",
            "Verdict: also everybody back and everything delivered within --back-within, and no service's memory more than twice that",
            "before.",
        ] + verdict

    public static let offline =
        [
            "The users connect once and leave; senders then write to them, and a message counts as stored when its author has",
            "sent. CPU us/stored and fsyncs are of this part. Then all users connect and fetch what waits: messages a second",
            "from the first attempt to connect until the last message is delivered, CPU us/drained likewise.",
            "--kill: in between every process of the cluster dies; fetching then begins with their start, and nothing may be lost.",
        ] + verdict

    public static let media = [
        "Files of random bytes are uploaded once, by as many users as the quota needs, and then read again and again by links that",
        "are asked for once. CPU: of all media processes, user and system; the chat's part, a link for each file, is not in it.",
        "The peer is measured behind us in the same way, with the same files; it may keep connections, if it says so.",
        "",
        "Verdict: every upload got its 201, every download had all bytes, and the first of each file the right hash.",
        exitCodes,
    ]

    public static let scale =
        [
            "A point of a curve is a run as in bench chat, with a cluster of its own that is made for it and stopped behind it. The same pairs",
            "write everywhere; along users others connect and are silent, along sessions there are more session nodes, along entries the store's",
            "file has entries of 50,000 other users. All points of a curve are measured in turn, --rounds times, and medians count.",
            "by cheapest: CPU us/exchange of all services, by that of the curve's cheapest point.",
            "Everything takes some minutes (two with --rounds 1 --seconds 3), and $TMPDIR (default /tmp) must have 2 GB.",
            "",
            "Verdict: also, along each axis, the dearest point costs at most --ratio-max times the cheapest.",
        ] + verdict

    public static let ring = [
        "Members are alike. Of two seeds the worst counts, and of members that leave, one after the other, four. moved/ideal: slots with",
        "another owner after one joined or left, by its fair share. one away: a member is down and the table stays; the most loaded of the",
        "others, by the mean of all, and how many stand in for the one.",
        exitCodes,
    ]

    public static let micro = [
        "Each operation is repeated alone, in one thread, with everything in the cache: the floor of what it costs in a service.",
        "Store: SQLite in $TMPDIR (default /tmp), one transaction and one sync a batch, divided by its appends. It measures the",
        "disk of that folder: a memory disk has no sync to speak of.",
        "Last seen: the service's core; an act includes reading its batch. Memory is what the allocator has given out.",
        "",
        "Verdict: every operation gave the right result.",
        exitCodes,
    ]
}
