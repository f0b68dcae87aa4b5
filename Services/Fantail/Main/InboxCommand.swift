// fantail inbox: prints what waits for a device, and acknowledges it.

import ClientProtocol
import FantailCLI
import Glibc
import Primitives

enum InboxCommand {
    static let spec = CommandSpec(
        "inbox", "Print what waits for a user, and acknowledge it", synopsis: "--as USER [OPTIONS]",
        options: [
            OptionSpec("device", "D", "your device; default main"),
            OptionSpec("follow", nil, "stay and print what comes"),
        ] + connectionOptions,
        notes: ["A line break in a message is printed as ⏎. What was printed counts as delivered, not as read."])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        try arguments.noOperands()
        let me = try arguments.user("as")
        let follows = arguments.has("follow")
        let courier = try Courier(arguments, device: .unnamed)
        try courier.start()
        let deadline = System.now().instant + .seconds(30)
        var trouble = "no answer came"
        var count = 0
        while true {
            let isDone = courier.head.map { $0 <= courier.client.memory.cursor ?? 0 } ?? false
            if isDone, !follows, !courier.client.hasWork { break }
            if !follows, System.now().instant >= deadline { throw .failure("could not read the inbox: \(trouble)") }
            for event in try courier.step(inputs: [], until: follows ? nil : deadline).events {
                switch event {
                case .history(let history):
                    for line in lines(history, me) {
                        System.print(line)
                        count += 1
                    }
                case .trouble(let sentence):
                    if follows, sentence != trouble { System.complain(sentence) }
                    trouble = sentence
                case .denied(let sentence): throw .failure(sentence)
                case .online, .offline, .news: break
                }
            }
        }
        if count == 0 { System.write("nothing waits for \(me)\n", to: STDERR_FILENO) }
        try courier.stop()
        return 0
    }

    private static func lines(_ event: HistoryEvent, _ me: UserID) -> [String] {
        switch event {
        case .received(_, let from, _, _, let body): ["\(from): \(Printable.line(body))"]
        case .copied(_, let to, _, _, let body): ["\(me) → \(to): \(Printable.line(body))"]
        case .expired(_, let to, let id, _): ["(\(id) to \(to) expired: nobody fetched it)"]
        case .gap(let from, let to): ["(\(to - from + 1) messages were dropped before this device had them)"]
        case .posted(_, let group, let from, _, _, let body): ["\(from) → \(group): \(Printable.line(body))"]
        case .changed(_, let group, let from, _, _, let change): ["(\(group): \(GroupSentence.text(change, by: from)))"]
        case .restarted: ["(the server was set up anew; the inbox begins again)"]
        case .wrote, .sent, .failed, .delivered, .read: []
        }
    }
}
