// fantail chat: a conversation in the terminal.
//
// Two faces of one thing: a window when both ends are a terminal, plain lines when not. Both run the same courier, so a
// script sees exactly what a person sees.

import ChatClient
import ClientProtocol
import FantailCLI
import Glibc
import Primitives

enum ChatCommand {
    static let spec = CommandSpec(
        "chat", "Talk to somebody in the terminal", synopsis: "--as USER --with PEER|GROUP [OPTIONS]",
        options: [
            OptionSpec("with", "PEER", "whom to talk to: a user, or a group by its id (g:…)"),
            OptionSpec("device", "D", "your device; default main"),
            OptionSpec("plain", nil, "lines instead of a window, as when piped"),
        ] + connectionOptions,
        notes: [
            "Ticks: · pending, ✓ sent, ✓✓ delivered, ✓✓ in blue read (with NO_COLOR: the word read).",
            "In a group they speak of all other members; 3/5 behind ✓ says how many have it so far.",
            "Behind the peer's name: online, last seen, typing; fantail settings says who may see yours.",
            "Keys: Enter sends, Alt-Enter breaks the line, Up and Down recall, Page Up and Page Down scroll,",
            "^U ^K ^W erase, ^L redraws, ^C or ^D leaves.",
            "/file PATH sends a file, with the words in the lines below; /save [N] [PATH] gets the newest one, or the Nth.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        try arguments.noOperands()
        let me = try arguments.user("as")
        let peer = try arguments.user("with")
        guard me != peer else { throw .usage("--as and --with are the same; a chat needs somebody else") }
        let isWindow =
            !arguments.has("plain") && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
            && System.environment("TERM") != "dumb"
        let courier = try Courier(arguments, device: .unnamed)
        if isWindow {
            let terminal = try Terminal()
            do throws(CommandFailure) {
                var window = ChatWindow(me: me, peer: peer, trust: courier.trust)
                try window.run(courier, terminal)
                try courier.stop()
            } catch {
                terminal.leave()
                throw error
            }
            terminal.leave()
            let waiting = courier.store.memory.outbox.count
            if waiting > 0 { System.print("\(waiting) message(s) wait in the outbox and leave when you come back.") }
            return 0
        }
        return try PlainChat.run(courier, me: me, peer: peer)
    }
}

/// The chat as lines.
enum PlainChat {
    /// How long the end of input waits for the outbox, seconds.
    private static let drainSeconds: Int64 = 30

    static func run(_ courier: Courier, me: UserID, peer: UserID) throws(CommandFailure) -> Int32 {
        var mode = LineMode(me: me, peer: peer)
        for message in courier.store.memory.outbox where message.to == peer { mode.wrote(message.id) }
        var files = ChatFiles(courier.trust)
        var pending: [UInt8] = []
        var drainUntil: Instant?
        var marked: Stamp?
        var trouble = ""
        // A pipe is no person; what it sends is counted, and nobody looks at this app.
        try courier.setInFront(isatty(STDIN_FILENO) == 1)
        try courier.watch(peer)
        try courier.start()
        while true {
            if let drainUntil {
                if !courier.client.hasWork, !files.isBusy { break }
                if System.now().instant >= drainUntil { break }
            }
            let inputs = (drainUntil == nil ? [STDIN_FILENO] : []) + [files.descriptor]
            let wakeAt = [drainUntil, courier.client.isLive ? files.deadline : nil].compactMap { $0 }.min()
            let (events, ready) = try courier.step(inputs: inputs, until: wakeAt)
            for event in events {
                try obey(files.on(event), peer, courier, &mode)
                switch event {
                case .history(let history):
                    for line in mode.lines(for: history) { System.print(line) }
                case .online: trouble = ""
                case .offline: break
                case .news(.late(let group, let at, let count)):
                    for line in mode.lines(late: group, at: at, count: count) { System.print(line) }
                case .news(.presence(_, let lines)):
                    for line in mode.lines(for: lines, clock: System.clock(), now: System.now().stamp) { System.print(line) }
                case .news(.typing(let from, let group, let isOn)):
                    for line in mode.lines(typing: from, in: group, isOn: isOn) { System.print(line) }
                case .news: break
                case .trouble(let sentence):
                    if sentence != trouble { System.complain(sentence) }
                    trouble = sentence
                case .denied(let sentence): throw .failure(sentence)
                }
            }
            try obey(files.step(courier), peer, courier, &mode)
            if let newest = courier.store.book[peer].newestReceived, newest > marked ?? .zero {
                marked = newest
                try courier.markRead(with: peer, at: newest)
            }
            guard ready.contains(STDIN_FILENO), let bytes = System.read(STDIN_FILENO) else { continue }
            pending += bytes
            while let end = pending.firstIndex(of: 0x0A) {
                try send(Array(pending[..<end]), to: peer, courier, &mode, &files)
                pending.removeFirst(end + 1)
            }
            if bytes.isEmpty {
                try send(pending, to: peer, courier, &mode, &files)
                pending = []
                drainUntil = System.now().instant + .seconds(drainSeconds)
            }
        }
        let left = courier.store.memory.outbox.count
        try courier.stop()
        guard left == 0 else {
            throw .failure("\(left) message(s) not sent yet\(trouble.isEmpty ? "" : " (\(trouble))"); they stay in the outbox")
        }
        return 0
    }

    private static func send(
        _ line: [UInt8], to peer: UserID, _ courier: Courier, _ mode: inout LineMode, _ files: inout ChatFiles
    ) throws(CommandFailure) {
        guard line.contains(where: { $0 != 0x20 && $0 != 0x0D }) else { return }
        guard line.count <= ClientLimits.bodyBytesMax, let text = String(validating: line, as: UTF8.self) else {
            return System.complain("this line is too long or not UTF-8; it was not sent")
        }
        if let order = FileOrder(text) { return System.print("  " + files.take(order, in: courier.store.book[peer])) }
        try post(Array(FileOrder.words(of: text).utf8), to: peer, courier, &mode)
    }

    private static func obey(
        _ happened: [ChatFiles.Happening], _ peer: UserID, _ courier: Courier, _ mode: inout LineMode
    ) throws(CommandFailure) {
        for happening in happened {
            switch happening {
            case .notice(let sentence): System.print("  " + sentence)
            case .message(let body): try post(body, to: peer, courier, &mode)
            }
        }
    }

    private static func post(_ body: [UInt8], to peer: UserID, _ courier: Courier, _ mode: inout LineMode) throws(CommandFailure) {
        let id = System.newMessageID()
        mode.wrote(id)
        try courier.send(id, to: peer, body)
    }
}
