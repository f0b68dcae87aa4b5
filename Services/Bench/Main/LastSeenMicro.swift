// What last-seen costs: one act of a person, as it comes in batches, and one person whom it knows.
//
// The core is the real one, and so are the bytes: a batch is read from the payload that a parser sends. The cluster is the default
// layout; its stamps go to a store that answers at once.

import CLinux
import Cluster
import CoreKit
import Glibc
import LastSeenCore
import Messages
import Primitives
import ServiceKit

enum LastSeenMicro {
    /// Acts in one batch: 250 ms of a parser with a thousand acts a second.
    static let batchCount = 256
    /// People known when memory is measured: a full generation of the table.
    static let userCount = 500_000
    /// People among whom acts are spread when time is measured.
    private static let activeCount = 100_000

    struct Result {
        /// Reading the batch from its bytes included.
        var microsecondsPerAct: Double
        /// What the allocator has given out, for each person; names of 12 bytes.
        var bytesPerUser: Double
        var isRight: Bool
    }

    static func run(milliseconds: Int) throws(ClusterProblem) -> Result {
        var stage = try Stage()
        let users = (0..<activeCount).map { user($0) }
        var dice = SeededGenerator(seed: 1)
        let batches = (0..<1_024).map { _ in
            SeenBatch(items: (0..<batchCount).map { _ in .init(user: users[dice.pick(0..<activeCount)], at: .zero) })
        }
        // Everybody is known, and every act is news: the stamps of a batch are those of its turn.
        for start in stride(from: 0, to: activeCount, by: batchCount) {
            stage.act(payload(users[start..<min(start + batchCount, activeCount)], at: stage.now.stamp))
        }
        var acts = 0
        var spent = Interval.seconds(0)
        var turn = 0
        while spent < .milliseconds(Int64(milliseconds)) {
            stage.pass(.milliseconds(2))
            let payloads = batches.map { batch in
                turn += 1
                return payload(batch.items.map(\.user)[...], at: stage.now.stamp + .microseconds(-Int64(1_024 - turn % 1_024)))
            }
            let start = SystemCalls.cpuMicroseconds()
            for payload in payloads { stage.act(payload) }
            spent = .microseconds(spent.microseconds + SystemCalls.cpuMicroseconds() - start)
            acts += payloads.count * batchCount
        }
        let isRight = stage.figure("fantail_last_seen_users") == "\(activeCount)"

        var crowd = try Stage()
        let before = allocated()
        for start in stride(from: 0, to: userCount, by: batchCount) {
            crowd.act(payload((start..<min(start + batchCount, userCount)).map { user($0) }[...], at: crowd.now.stamp))
            if start.isMultiple(of: 64 * batchCount) { crowd.pass(.seconds(6)) }
        }
        crowd.pass(.seconds(6))
        let bytes = Double(allocated() - before) / Double(userCount)
        let isWhole = crowd.figure("fantail_last_seen_users") == "\(userCount)" && crowd.figure("fantail_last_seen_users_unsaved") == "0"
        return Result(
            microsecondsPerAct: Double(spent.nanoseconds) / 1_000 / Double(acts), bytesPerUser: bytes, isRight: isRight && isWhole)
    }

    /// Twelve bytes, like a name.
    private static func user(_ number: Int) -> UserID { UserID("user-\(1_000_000 + number)")! }

    private static func payload(_ users: ArraySlice<UserID>, at: Stamp) -> [UInt8] {
        var writer = ByteWriter()
        Message.activity(SeenBatch(items: users.map { .init(user: $0, at: at) })).encode(into: &writer)
        return writer.bytes
    }

    /// Bytes that the allocator has given out and not got back.
    private static func allocated() -> Int {
        let info = mallinfo2()
        return Int(info.uordblks) + Int(info.hblkhd)
    }
}

/// A shard, its clock, and a store that answers at once.
private struct Stage {
    private var core: LastSeenCore
    private let parser: NodeID
    private(set) var now = Now(instant: .zero, stamp: Stamp(microseconds: 1_767_225_600_000_000))
    private var effects: [Effect] = []

    init() throws(ClusterProblem) {
        let map = try ClusterMap.local(LocalCounts(lastSeens: 1))
        let selfID = map.nodes(of: .lastSeen)[0].id
        core = LastSeenCore(selfID: selfID, cluster: map)
        parser = map.nodes(of: .parser)[0].id
        for peer in map.peers(of: selfID) { core.on(.peerUp(peer.id), now: now, effects: &effects) }
    }

    mutating func act(_ payload: [UInt8]) {
        var reader = ByteReader(payload)
        guard let message = try? Message(method: 96, from: &reader) else { preconditionFailure("a batch was written") }
        core.on(.received(parser, message), now: now, effects: &effects)
    }

    /// Time passes; what the shard wants to be stored is stored.
    mutating func pass(_ interval: Interval) {
        now = Now(instant: now.instant + interval, stamp: now.stamp + interval)
        guard let deadline = core.deadline(), deadline <= now.instant else { return }
        core.on(.deadline, now: now, effects: &effects)
        while !effects.isEmpty {
            let orders = effects
            effects = []
            for case .call(_, let call, _) in orders { core.on(.answered(call, .done), now: now, effects: &effects) }
        }
    }

    func figure(_ name: String) -> String? {
        var page = MetricsPage()
        core.report(into: &page)
        return page.text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.map { String($0.split(separator: " ")[1]) }
    }
}
