// Two engines, one truth: random batches on both, equal answers all the way. The dice are seeded; a failure names the seed
// and the batch.

import Messages
import Primitives
import Privacy
import SQLiteStore
import Simulation
import Storage
import Testing

@Suite("Both engines")
struct StoreDifferential {
    @Test("give equal answers to random batches", arguments: 1...4 as ClosedRange<UInt64>, [false, true])
    func equalAnswers(seed: UInt64, isArchive: Bool) throws {
        try compare(.sqlite, seed: seed, isArchive: isArchive)
        // A thousand commits and round trips: one seed of each sort is what a minute holds.
        if seed == 1, Setup.engines.contains(.postgres) { try compare(.postgres, seed: seed, isArchive: isArchive) }
    }

    private func compare(_ engine: Setup.Engine, seed: UInt64, isArchive: Bool) throws {
        let memory = try Bench(Setup(engine: .memory, isArchive: isArchive))
        let other = try Bench(Setup(engine: engine, isArchive: isArchive))
        // PostgreSQL walks through owners by name, and a step of it may not be where one of the others is: it takes whole rounds.
        var dice = RequestDice(seed: seed, now: memory.now, sweepsWholeRounds: engine == .postgres)
        for batch in 1...1_000 {
            let requests = dice.batch()
            memory.now = dice.now
            other.now = dice.now
            let expected = try memory.ask(requests).map(Self.inOrder)
            let answers = try other.ask(requests).map(Self.inOrder)
            for (index, request) in requests.enumerated() where answers[index] != expected[index] {
                Issue.record("\(engine), seed \(seed), batch \(batch): \(request) gave \(answers[index]), not \(expected[index])")
                return
            }
            dice.learn(from: expected, to: requests)
            if dice.isTimeToReopen() { try other.reopen() }
        }
        // The dice have met every kind of answer, or the test is worth nothing.
        #expect(dice.outcomes.isSuperset(of: RequestDice.outcomesWanted(isArchive: isArchive)), "\(dice.outcomes)")
    }
}

extension StoreDifferential {
    /// Reports by the names of their owners.
    fileprivate static func inOrder(_ answer: StoreAnswer) -> StoreAnswer {
        guard case .swept(var swept) = answer else { return answer }
        swept.expired.sort { ($0.owner, $0.items.first?.number ?? 0) < ($1.owner, $1.items.first?.number ?? 0) }
        return .swept(swept)
    }
}

/// Draws requests that meet: few people, few ids, a clock that jumps.
struct RequestDice {
    private var dice: SeededGenerator
    private(set) var now: Stamp
    private(set) var outcomes: Set<String> = []
    private var position = Sweep.Position.start
    private var expired: [ExpiredReport] = []
    private var newest = 0
    private var groups = GroupDice()

    private static let people = ["ana", "ben", "cleo", "dora", "eve", "finn"].map { UserID($0)! }

    private let sweepsWholeRounds: Bool

    init(seed: UInt64, now: Stamp, sweepsWholeRounds: Bool) {
        self.sweepsWholeRounds = sweepsWholeRounds
        dice = SeededGenerator(seed: seed)
        self.now = now
    }

    static func outcomesWanted(isArchive: Bool) -> Set<String> {
        let always: Set<String> = [
            "stored", "duplicate", "conflict", "predecessorMissing", "opened", "cursorAhead", "tooManyDevices",
            "full page", "watermarks", "blocked", "changed", "same", "seen", "erased", "revoked",
        ]
        let modes: Set<String> = isArchive ? ["history"] : GroupDice.outcomesWantedTemporary.union(["expired", "purged"])
        return always.union(modes).union(GroupDice.outcomesWanted)
    }

    mutating func batch() -> [StoreRequest] {
        switch dice.pick(0..<100) {
        case 0, 99: now = now + day * Int64(dice.pick(10..<33))
        case 1...4: now = now + hour * Int64(dice.pick(1..<30))
        case 5: now = now + .seconds(-Int64(dice.pick(0..<1000)))
        case 6...50: now = now + .microseconds(Int64(dice.pick(0..<1_000_000)))
        default: break
        }
        return (0..<dice.pick(1..<24)).map { _ in request() }
    }

    mutating func isTimeToReopen() -> Bool { dice.oneIn(40) }

    /// Follows sweeps and reports as the service does, and keeps count of what was met.
    mutating func learn(from answers: [StoreAnswer], to requests: [StoreRequest]) {
        for (answer, request) in zip(answers, requests) {
            groups.learn(answer, to: request, outcomes: &outcomes)
            switch answer {
            case .appended(let answer): outcomes.insert("\(answer.outcome)")
            case .deviceOpened(let answer): outcomes.insert("\(answer.outcome)")
            case .inboxPage(let page) where page.through < page.head: outcomes.insert("full page")
            case .watermarkPage(let page) where !page.watermarks.isEmpty: outcomes.insert("watermarks")
            case .settingsStored(let stored): outcomes.insert("\(stored.outcome)")
            case .presencePage(let page) where page.items.contains { $0.lastSeen != nil }: outcomes.insert("seen")
            case .inboxErased(let erased) where erased.hasMore: outcomes.insert("erased")
            case .historyPage(let page) where !page.entries.isEmpty: outcomes.insert("history")
            case .swept(let swept):
                position = swept.next
                expired = swept.expired
                if !swept.expired.isEmpty { outcomes.insert("expired") }
                if swept.purgedCount > 0 { outcomes.insert("purged") }
            default: break
            }
        }
    }

    private mutating func person() -> UserID { Self.people[dice.pick(0..<Self.people.count)] }

    /// Finn has no device: what he gets expires.
    private func withDevice(_ owner: UserID) -> UserID { owner == Self.people[5] ? Self.people[0] : owner }

    private mutating func number() -> UInt64 {
        dice.oneIn(50) ? .max : UInt64(dice.pick(0..<newest / 4 + 8))
    }

    private mutating func messageID() -> MessageID {
        newest += 1
        let back = dice.oneIn(4) ? dice.pick(0..<20) : 0
        return id("m\(max(1, newest - back))")
    }

    /// Follows from the id, so that a repeat is mostly a repeat; rarely not.
    private static func body(_ id: MessageID, _ dice: inout SeededGenerator) -> [UInt8] {
        let text = Array(id.text.utf8)
        if dice.oneIn(8) { return [UInt8(dice.pick(0..<256))] }
        switch text.reduce(0, { $0 &+ $1 }) % 16 {
        case 0: return []
        case 1: return Array(repeating: text.last!, count: 5_000)
        case 2: return Array(repeating: text.last!, count: 40_000)
        default: return text
        }
    }

    /// Blocks are soon ended, so that most messages arrive.
    private mutating func settingsChange() -> SettingsChange {
        switch dice.pick(0..<8) {
        case 0: [.question, .erase(before: now), .revokeTokens(before: now + .seconds(60))][dice.pick(0..<3)]
        case 1: .block(person())
        case 2...5: .unblock(person())
        default:
            .set(
                lastSeen: dice.oneIn(2) ? nil : .nobody, exceptions: dice.oneIn(2) ? nil : [person(), person()],
                readReceipts: dice.oneIn(2) ? nil : !dice.oneIn(3))
        }
    }

    private mutating func request() -> StoreRequest {
        if dice.oneIn(2) { return groups.request(&dice, people: Self.people, body: Self.body) }
        let owner = person()
        switch dice.pick(0..<24) {
        case 0...7:
            let id = messageID()
            let author = dice.oneIn(4) ? person() : owner == Self.people[0] ? Self.people[1] : Self.people[0]
            let kind = InboxEntry.Kind.allCases[dice.oneIn(4) ? dice.pick(0..<3) : 0]
            let after: MessageID? = dice.oneIn(6) ? messageID() : nil
            return .append(
                Append(
                    owner: owner, kind: kind, author: author, chat: kind == .message ? author : person(), id: id,
                    after: after, body: Self.body(id, &dice)))
        case 8...9:
            let claim: UInt64? = dice.oneIn(2) ? number() : nil
            return .openDevice(OpenDevice(owner: withDevice(owner), device: device(dice.pick(1..<11)), cursor: claim, issuedAt: dice.oneIn(2) ? nil : now))
        case 10...12:
            return .storeCursor(StoreCursor(owner: withDevice(owner), device: device(dice.pick(1..<11)), number: number()))
        case 13:
            return .readInbox(
                ReadInbox(owner: owner, after: number(), limit: dice.pick(1..<40), headersOnly: dice.oneIn(2)))
        case 14:
            return .storeWatermark(
                StoreWatermark(
                    owner: owner, peer: person(), kind: dice.oneIn(2) ? .read : .delivered,
                    upTo: Stamp(microseconds: Int64(dice.pick(0..<newest + 1)))))
        case 15:
            let after = Stamp(microseconds: now.microseconds - Int64(dice.pick(0..<1_000_000_000)))
            return .readWatermarks(ReadWatermarks(owner: owner, after: after))
        case 16 where dice.oneIn(3): return .readDevices(ReadDevices(owner: owner))
        case 16: return .readHead(ReadHead(owner: owner))
        case 17:
            let chat: UserID? = dice.oneIn(3) ? person() : dice.oneIn(2) ? GroupDice.groups[0] : nil
            let before: UInt64? = dice.oneIn(2) ? number() : nil
            return .readHistory(ReadHistory(owner: owner, chat: chat, before: before, limit: dice.pick(1..<20)))
        case 19: return .changeSettings(ChangeSettings(owner: owner, change: settingsChange()))
        case 20: return .readPresence(ReadPresence(users: Self.people))
        case 21:
            let back = Stamp(microseconds: now.microseconds - Int64(dice.pick(0..<10_000_000)))
            return .storeLastSeen(SeenBatch(items: [.init(user: owner, at: back), .init(user: person(), at: now)]))
        // Seldom: an inbox whose texts are gone has nothing left to compare.
        case 22 where dice.oneIn(5): return .eraseInbox(EraseInbox(owner: owner, after: number(), limit: dice.pick(1..<20)))
        case 18:
            let limit = dice.pick(1..<60)
            return .sweep(sweepsWholeRounds ? Sweep(position: .start, limit: 1_000_000) : Sweep(position: position, limit: limit))
        default:
            guard let report = expired.first else { return .probe }
            return .dropExpired(DropExpired(owner: report.owner, numbers: report.items.map(\.number)))
        }
    }
}
