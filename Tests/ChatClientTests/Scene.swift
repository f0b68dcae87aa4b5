// A client and the clock it lives by; shorthands for what it says and hears.

import ChatClient
import ClientProtocol
import Groups
import Primitives
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!
let cem = UserID("cem")!
let team = UserID("g:team")!

struct Scene {
    var client: ChatClient
    private(set) var milliseconds: Int64 = 0

    init(_ memory: ClientMemory = ClientMemory(cursor: 0, ticks: .zero), windowCount: Int = 16) {
        client = ChatClient(memory: memory, launchedAt: .zero, windowCount: windowCount, dice: SeededGenerator(seed: 7))
    }

    var now: Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    /// A client that has said hello and is welcome.
    static func live(_ memory: ClientMemory = ClientMemory(cursor: 0, ticks: .zero), windowCount: Int = 16) -> Scene {
        var s = Scene(memory, windowCount: windowCount)
        #expect(s.start() == [.connect])
        #expect(s.connected() == [.transmit(.hello(cursor: memory.cursor, ticks: memory.ticks, attempt: memory.attempt + 1))])
        #expect(s.gets(welcome(memory.cursor ?? 0)).first == .tell(.online))
        return s
    }

    mutating func start() -> [ClientAction] {
        client.start(now: now)
        return plain(client.takeActions())
    }

    mutating func connected() -> [ClientAction] {
        client.onConnected(now: now)
        return plain(client.takeActions())
    }

    mutating func disconnected() -> [ClientAction] {
        client.onDisconnected(now: now)
        return plain(client.takeActions())
    }

    /// Frames of one read, and the end of it.
    mutating func gets(_ frames: ServerFrame...) -> [ClientAction] {
        for frame in frames { client.onFrame(frame, now: now) }
        client.flush(now: now)
        return plain(client.takeActions())
    }

    mutating func sends(_ id: String, to: UserID = bob) -> [ClientAction] {
        client.send(id: MessageID(id)!, to: to, body: Array(id.utf8), now: now)
        return plain(client.takeActions())
    }

    mutating func reads(_ peer: UserID = bob, _ at: Int64) -> [ClientAction] {
        client.markRead(with: peer, at: Stamp(microseconds: at), now: now)
        return plain(client.takeActions())
    }

    mutating func wait(_ duration: Int64) -> [ClientAction] {
        let end = milliseconds + duration
        var done: [ClientAction] = []
        while let due = client.deadline(), due <= Instant(nanoseconds: end * 1_000_000) {
            milliseconds = max(milliseconds, (due.nanoseconds + 999_999) / 1_000_000)
            client.onDeadline(now: now)
            done += plain(client.takeActions())
        }
        milliseconds = end
        return done
    }

    /// What happens next, whenever that is.
    mutating func waitForNext() -> [ClientAction] {
        // A deadline may pass without a word: the silence was none.
        for _ in 0..<9 {
            guard let due = client.deadline() else { return [] }
            let done = wait(max(0, (due.nanoseconds + 999_999) / 1_000_000 - milliseconds))
            if !done.isEmpty { return done }
        }
        return []
    }

    /// Whether a frame was repeated by the app is the business of the tests of presence.
    private func plain(_ actions: [ClientAction]) -> [ClientAction] {
        actions.map { action in
            switch action {
            case .transmit(.send(let id, let to, let body, let after, _)):
                .transmit(.send(id: id, to: to, body: body, after: after, isAuto: false))
            case .transmit(.read(let with, let at, _)): .transmit(.read(with: with, at: at, isAuto: false))
            default: action
            }
        }
    }

    mutating func changes(_ ref: String, _ change: GroupChange, of group: UserID? = team) -> [ClientAction] {
        client.change(ref: MessageID(ref)!, group: group, change, now: now)
        return plain(client.takeActions())
    }

    /// Loses the connection, comes back, is welcome.
    mutating func comesBack() -> [ClientAction] {
        _ = disconnected()
        #expect(waitForNext() == [.connect])
        _ = connected()
        return gets(welcome(client.memory.cursor ?? 0))
    }
}

func welcome(_ cursor: UInt64 = 0, ticks: Int64 = 0) -> ServerFrame {
    .welcome(
        user: ana, device: .unnamed, cursor: cursor, head: cursor, ticks: Stamp(microseconds: ticks), time: .zero,
        archive: false)
}

func entry(_ number: UInt64) -> ServerFrame {
    .message(number: number, from: bob, id: MessageID("e-\(number)")!, at: Stamp(microseconds: Int64(number)), body: [])
}

func send(_ id: String, to: UserID = bob, after: String? = nil) -> ClientAction {
    .transmit(.send(id: MessageID(id)!, to: to, body: Array(id.utf8), after: after.map { MessageID($0)! }))
}

func sent(_ id: String, to: UserID = bob) -> ServerFrame { .sent(id: MessageID(id)!, to: to, at: .zero) }

func told(_ id: String, to: UserID = bob) -> ClientAction { .tell(.sent(id: MessageID(id)!, to: to, at: .zero)) }

func error(_ code: ErrorCode, _ ref: String? = nil, retryMs: UInt32? = nil) -> ServerFrame {
    .error(ErrorFrame(code, "", ref: ref.map { MessageID($0)! }, retryMs: retryMs))
}

func ack(_ number: UInt64) -> ClientAction { .transmit(.ack(upTo: number)) }

func read(_ at: Int64, _ peer: UserID = bob) -> ClientAction {
    .transmit(.read(with: peer, at: Stamp(microseconds: at)))
}

/// The wait that an `offline` among the actions speaks of.
func retryMs(_ actions: [ClientAction]) -> Int64? {
    for case .tell(.offline(let milliseconds)) in actions { return milliseconds }
    return nil
}
