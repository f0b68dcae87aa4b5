// fantail send: one message from a script, with an honest exit code.

import ChatClient
import ClientProtocol
import FantailCLI
import Glibc
import Primitives

enum SendCommand {
    static let spec = CommandSpec(
        "send", "Send one message and wait for its ticks", synopsis: "--as USER --to PEER|GROUP [OPTIONS] TEXT…",
        options: [
            OptionSpec("to", "PEER", "who gets it: a user, or a group by its id (g:…)"),
            OptionSpec("device", "D", "your device; default cli"),
            OptionSpec("id", "ID", "the message's name; the same name sends the same message once; default: a new one"),
            OptionSpec("wait", "delivered|read", "wait for this tick too"),
            OptionSpec("timeout", "TIME", "how long to wait for each tick; default 30s"),
        ] + connectionOptions,
        notes: [
            "TEXT - reads the message from standard input.",
            "A message that could not be sent stays in the outbox of the device and leaves with its next command.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let me = try arguments.user("as")
        let peer = try arguments.user("to")
        guard peer != me else { throw .usage("--to and --as are the same; a message needs somebody else") }
        let body = try self.body(arguments)
        let goal = try self.goal(arguments)
        guard let timeout = TimeSpan.seconds(arguments.value("timeout") ?? "30s") else {
            throw .usage("--timeout must be a time like 30s")
        }
        var id = System.newMessageID()
        if let text = arguments.value("id") {
            guard let wanted = MessageID(text) else { throw .usage("--id: a message id is \(Arguments.nameRule)") }
            id = wanted
        }
        let courier = try Courier(arguments, device: DeviceID("cli")!)
        if let same = courier.store.book[peer].messages.last(where: { $0.isOwn && $0.id == id }), same.body != body {
            throw .failure("the id \(id) names another message of yours to \(peer); choose another --id")
        }
        if let waiting = courier.store.memory.outbox.first(where: { $0.id == id }) {
            // An earlier run left it behind; it leaves by itself.
            guard waiting.body == body, waiting.to == peer else {
                throw .failure("another message with the id \(id) waits in the outbox; choose another --id")
            }
            try courier.start()
        } else {
            try courier.start()
            try courier.send(id, to: peer, body)
        }
        let code = try wait(courier, me: me, peer: peer, id: id, goal: goal, timeoutSeconds: timeout)
        try courier.stop()
        return code
    }

    private static func wait(
        _ courier: Courier, me: UserID, peer: UserID, id: MessageID, goal: Tick, timeoutSeconds: Int64
    ) throws(CommandFailure) -> Int32 {
        var deadline = System.now().instant + .seconds(timeoutSeconds)
        var reached = Tick.pending
        var sentAt: Stamp?
        var delivered = Stamp.zero
        var read = Stamp.zero
        var trouble = "no answer came"
        while reached < goal {
            guard System.now().instant < deadline else {
                if sentAt != nil { throw .failure("sent, but not \(goal) within \(timeoutSeconds) s") }
                throw .failure("not sent yet (\(trouble)); it stays in the outbox and leaves with the next command of this device")
            }
            for event in try courier.step(inputs: [], until: deadline).events {
                switch event {
                case .history(.sent(peer, id, let at)): sentAt = at
                case .history(.failed(peer, id, let reason)):
                    throw .failure("not sent: \(reason)\(trouble == "no answer came" ? "" : " (\(trouble))")")
                case .history(.delivered(peer, let at)): delivered = max(delivered, at)
                case .history(.read(peer, let at)): read = max(read, at)
                case .trouble(let sentence): trouble = sentence
                case .denied(let sentence): throw .failure(sentence)
                case .history, .online, .offline, .news: break
                }
            }
            guard let sentAt else { continue }
            let now: Tick = sentAt <= read ? .read : sentAt <= delivered ? .delivered : .sent
            for tick in [Tick.sent, .delivered, .read] where reached < tick && tick <= min(now, goal) {
                System.print("\(me)/\(id) \(tick)")
                deadline = System.now().instant + .seconds(timeoutSeconds)
            }
            reached = max(reached, now)
        }
        return 0
    }

    private static func goal(_ arguments: Arguments) throws(CommandFailure) -> Tick {
        switch arguments.value("wait") {
        case nil, "sent": .sent
        case "delivered": .delivered
        case "read": .read
        default: throw .usage("--wait must be delivered or read")
        }
    }

    private static func body(_ arguments: Arguments) throws(CommandFailure) -> [UInt8] {
        guard !arguments.operands.isEmpty else { throw .usage("the text is missing: fantail send --as USER --to PEER TEXT") }
        var body: [UInt8] = []
        if arguments.operands == ["-"] {
            while body.count <= ClientLimits.bodyBytesMax + 1 {
                guard let chunk = System.read(STDIN_FILENO) else { continue }
                if chunk.isEmpty { break }
                body += chunk
            }
            if body.last == 0x0A { body.removeLast() }
        } else {
            body = Array(arguments.operands.joined(separator: " ").utf8)
        }
        guard !body.isEmpty else { throw .usage("the text is empty") }
        guard body.count <= ClientLimits.bodyBytesMax else {
            throw .failure("the text is too long: a message has at most \(ClientLimits.bodyBytesMax) bytes")
        }
        guard String(validating: body, as: UTF8.self) != nil else { throw .failure("the text is not UTF-8") }
        return body
    }
}
