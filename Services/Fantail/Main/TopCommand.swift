// fantail top: the cluster at work, a look a second.

import Cluster
import FantailCLI
import Glibc
import Monitor
import Primitives

enum TopCommand {
    static let spec = CommandSpec(
        "top", "Watch all nodes at work", synopsis: "[OPTIONS]",
        options: [
            OptionSpec("every", "TIME", "between two looks; default 1s"),
            OptionSpec("looks", "N", "leave after so many; default: stay. Without a terminal: 1"),
        ],
        notes: [
            "WAIT p99: how long work waited for its turn since the last look. PEERS: links that are up, of all that should be.",
            "Keys: q or ^C leaves. Without a terminal it prints what a look found, and 1 is the exit code when a node is not ready.",
        ])

    /// The longest answer is waited for so long, milliseconds: a look comes late rather than not at all.
    private static let answerMs: Int64 = 300
    private static let looksMax = 1_000_000

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        try arguments.noOperands()
        guard let every = TimeSpan.seconds(arguments.value("every") ?? "1s"), every > 0 else { throw .usage("--every must be a time like 2s") }
        let isWindow = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && System.environment("TERM") != "dumb"
        var looks = isWindow ? looksMax : 1
        if let text = arguments.value("looks") {
            guard let number = Int(text), (1...looksMax).contains(number) else { throw .usage("--looks must be a number from 1 to \(looksMax)") }
            looks = number
        }
        let map = try Places(arguments).cluster()
        var watch = Watch(map: map, everySeconds: every)
        guard isWindow else { return watch.print(looks) }
        let terminal = try Terminal()
        watch.show(looks, terminal)
        terminal.leave()
        return 0
    }

    private struct Watch {
        let map: ClusterMap
        let everySeconds: Int64
        private var looks: [NodeLook]
        private var lookedAt: Instant?
        private var seconds = 0.0

        init(map: ClusterMap, everySeconds: Int64) {
            self.map = map
            self.everySeconds = everySeconds
            looks = map.nodes.map { _ in NodeLook(now: nil, before: nil) }
        }

        private mutating func look() {
            let answers = AdminPoll.get("/metrics", from: map.nodes.map(\.admin), timeoutMs: TopCommand.answerMs)
            let now = System.now().instant
            seconds = lookedAt.map { Double((now - $0).nanoseconds) / 1e9 } ?? 0
            lookedAt = now
            for (index, answer) in answers.enumerated() {
                var page: MetricsSnapshot?
                if case .success(let found) = answer, found.status == 200 { page = MetricsSnapshot(found.body) }
                looks[index] = NodeLook(now: page, before: looks[index].now)
            }
        }

        private var isReady: Bool { looks.allSatisfy { $0.now?["fantail_ready"] == 1 } }

        /// Lines. The first look has nothing to compare with, so a second one follows it.
        mutating func print(_ count: Int) -> Int32 {
            look()
            for _ in 0..<count {
                var nobody: [pollfd] = []
                System.wait(&nobody, until: lookedAt! + .seconds(everySeconds))
                look()
                System.print(TopReport.rows(map, looks, seconds: seconds))
            }
            return isReady ? 0 : 1
        }

        mutating func show(_ count: Int, _ terminal: Terminal) {
            var painter = ScreenPainter(hasColour: System.hasColour)
            for _ in 0..<count {
                look()
                let until = lookedAt! + .seconds(everySeconds)
                repeat {
                    let (rows, _) = Terminal.size()
                    let all = TopReport.rows(map, looks, seconds: seconds)
                    let hint = Row(Span("q leaves", .dim))
                    let room = max(1, rows - 2)
                    let shown = Array(all.prefix(room)) + [Row](repeating: Row(), count: max(0, room - all.count))
                    System.write(painter.paint(ChatScreen.Picture(rows: shown + [Row(), hint], behindCursor: "")))
                    var inputs = [STDIN_FILENO, terminal.signals].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                    System.wait(&inputs, until: until)
                    if inputs[1].revents != 0 {
                        if terminal.takeSignals().contains(where: { $0 != SIGWINCH }) { return }
                        painter.forget()
                    }
                    if inputs[0].revents != 0 {
                        let bytes = System.read(STDIN_FILENO) ?? [0]
                        // The end of input, q, ^C and ^D.
                        if bytes.isEmpty || bytes.contains(where: { [0x71, 0x03, 0x04].contains($0) }) { return }
                    }
                } while System.now().instant < until
            }
        }
    }
}
