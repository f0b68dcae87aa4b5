// The contract of engines, part 3: reading inboxes, histories and receipts.

import Messages
import Primitives
import Storage
import Testing

@Suite("Reading an inbox")
struct StoreContractInboxPages {
    @Test("An unknown inbox is empty and complete", arguments: Setup.all)
    func unknownInbox(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.read(after: 7) == InboxPage(entries: [], through: 7, head: 0))
        #expect(try bench.head() == InboxHead(head: 0, headStamp: .zero, revision: .zero))
    }

    @Test("Entries come whole and in order", arguments: Setup.all)
    func wholeEntries(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.append("m1", body: [1, 0, 255])
        bench.wait(.seconds(1))
        try bench.append("c1", from: ana, kind: .copy, chat: cleo, body: [2])
        let start = bench.now + .seconds(-1)
        #expect(
            try bench.read()
                == InboxPage(
                    entries: [
                        InboxEntry(
                            number: 1, stamp: start, kind: .message, author: ben, chat: ben, id: id("m1"), body: [1, 0, 255]),
                        InboxEntry(
                            number: 2, stamp: bench.now, kind: .copy, author: ana, chat: cleo, id: id("c1"), body: [2]),
                    ], through: 2, head: 2))
    }

    @Test("A page ends at its limit and says up to where it is complete", arguments: Setup.all)
    func limit(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...5)
        let page = try bench.read(after: 1, limit: 2)
        #expect(page.entries.map(\.number) == [2, 3])
        #expect(page.through == 3)
        #expect(page.head == 5)
        #expect(try bench.read(after: 3, limit: 2).through == 5)
        #expect(try bench.read(after: 5) == InboxPage(entries: [], through: 5, head: 5))
        #expect(try bench.read(after: 9) == InboxPage(entries: [], through: 9, head: 5))
        #expect(try bench.read(after: .max).through == .max)
    }

    @Test("No page has more entries than the bound, whatever was asked for", arguments: Setup.all)
    func entryBound(setup: Setup) throws {
        let bench = try Bench(setup)
        let requests = (1...MessageLimits.pageEntryCountMax + 1).map {
            StoreRequest.append(
                Append(owner: ana, kind: .message, author: ben, chat: ben, id: id("m\($0)"), after: nil, body: [1]))
        }
        _ = try bench.ask(requests)
        let page = try bench.read(limit: .max)
        #expect(page.entries.count == MessageLimits.pageEntryCountMax)
        #expect(page.through == UInt64(MessageLimits.pageEntryCountMax))
        #expect(try bench.read(limit: 0).entries.count == 1)
    }

    @Test("A page ends before its bodies grow too large, but holds one entry of any size", arguments: Setup.all)
    func byteBound(setup: Setup) throws {
        let bench = try Bench(setup)
        let half = MessageLimits.pageBodyBytesMax / 2
        try bench.append("m1", body: Array(repeating: 1, count: MessageLimits.bodyBytesMax))
        try bench.append("m2", body: Array(repeating: 2, count: half))
        try bench.append("m3", body: Array(repeating: 3, count: half))
        try bench.append("m4", body: [4])
        #expect(try bench.read().entries.map(\.number) == [1])
        #expect(try bench.read(after: 1).entries.map(\.number) == [2, 3])
        #expect(try bench.read(after: 1).through == 3)
        #expect(try bench.read(after: 3).entries.map(\.number) == [4])
    }

    @Test("Headers come without bodies and without the bound on bytes", arguments: Setup.all)
    func headers(setup: Setup) throws {
        let bench = try Bench(setup)
        for number in 1...3 {
            try bench.append("m\(number)", body: Array(repeating: 1, count: MessageLimits.bodyBytesMax))
        }
        let page = try bench.read(headersOnly: true)
        #expect(page.entries.map(\.number) == [1, 2, 3])
        #expect(page.entries.map(\.body) == [[], [], []])
        #expect(page.entries.map(\.id) == [id("m1"), id("m2"), id("m3")])
    }

    @Test("Dropped entries are passed over, with headers too", arguments: Setup.temporary, [false, true])
    func droppedEntries(setup: Setup, headersOnly: Bool) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...5)
        try bench.dropExpired([2, 5])
        let page = try bench.read(headersOnly: headersOnly)
        #expect(page.entries.map(\.number) == [1, 3, 4])
        #expect(page.through == 5)
        #expect(try bench.read(limit: 3, headersOnly: headersOnly).through == 5)
        #expect(try bench.read(limit: 2, headersOnly: headersOnly).through == 3)
    }
}

@Suite("Reading a history")
struct StoreContractHistory {
    @Test("A temporary store has no history", arguments: Setup.temporary)
    func temporaryHasNone(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        #expect(try bench.history() == HistoryPage(entries: [], hasMore: false))
        #expect(try bench.history(with: ben) == HistoryPage(entries: [], hasMore: false))
    }

    @Test("The newest comes first, page after page", arguments: Setup.archive)
    func newestFirst(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...5)
        let page = try bench.history(limit: 2)
        #expect(page.entries.map(\.number) == [5, 4])
        #expect(page.entries[0].body == Array("text of m5".utf8))
        #expect(page.hasMore)
        let last = try bench.history(before: 4, limit: 3)
        #expect(last.entries.map(\.number) == [3, 2, 1])
        #expect(!last.hasMore)
        #expect(try bench.history(before: 1) == HistoryPage(entries: [], hasMore: false))
        #expect(try bench.history(before: 0) == HistoryPage(entries: [], hasMore: false))
        #expect(try bench.history(before: .max).entries.count == 5)
        #expect(try bench.history(of: cleo) == HistoryPage(entries: [], hasMore: false))
    }

    @Test("One chat has both sides of the conversation and nothing else", arguments: Setup.archive)
    func oneChat(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.append("m1", from: ben)
        try bench.append("m2", from: cleo)
        try bench.append("m3", from: ana, kind: .copy, chat: ben)
        try bench.append("m4", to: cleo, from: ben)
        #expect(try bench.history(with: ben).entries.map(\.id) == [id("m3"), id("m1")])
        #expect(try bench.history(with: cleo).entries.map(\.id) == [id("m2")])
        #expect(try bench.history(with: ben, before: 3).entries.map(\.id) == [id("m1")])
        #expect(try bench.history(with: ben, limit: 1).hasMore)
        #expect(try bench.history(with: UserID("nobody")!).entries.isEmpty)
    }

    @Test("A page of history has the bound on bytes", arguments: Setup.archive)
    func byteBound(setup: Setup) throws {
        let bench = try Bench(setup)
        let body = Array(repeating: UInt8(1), count: MessageLimits.bodyBytesMax)
        for number in 1...3 { try bench.append("m\(number)", body: body) }
        let page = try bench.history(with: ben)
        #expect(page.entries.map(\.number) == [3])
        #expect(page.hasMore)
    }
}

@Suite("Receipt watermarks")
struct StoreContractWatermarks {
    @Test("A watermark rises and gets a new revision", arguments: Setup.all)
    func rises(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.raise(.delivered, to: 10)
        #expect(
            first == Watermark(peer: ana, kind: .delivered, upTo: Stamp(microseconds: 10), revision: bench.now))
        let second = try bench.raise(.delivered, to: 11)
        #expect(second.upTo == Stamp(microseconds: 11))
        #expect(second.revision == bench.now + .microseconds(1))
        #expect(try bench.watermarks().watermarks == [second])
        #expect(try bench.head(of: ben).revision == second.revision)
    }

    @Test("A watermark never falls; what stands comes back under its old revision", arguments: Setup.all)
    func neverFalls(setup: Setup) throws {
        let bench = try Bench(setup)
        let stored = try bench.raise(.read, to: 10)
        bench.wait(.seconds(1))
        #expect(try bench.raise(.read, to: 10) == stored)
        #expect(try bench.raise(.read, to: 9) == stored)
        #expect(try bench.watermarks().watermarks == [stored])
    }

    @Test("Raising to nothing stores nothing", arguments: Setup.all)
    func zero(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.raise(.read, to: 0) == Watermark(peer: ana, kind: .read, upTo: .zero, revision: .zero))
        #expect(try bench.watermarks().watermarks.isEmpty)
    }

    @Test("The answer names the author's newest revision from before", arguments: Setup.all)
    func previousRevision(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.store(.delivered, to: 10)
        #expect(first.previous == .zero)
        let second = try bench.store(.read, by: cleo, to: 10)
        #expect(second.previous == first.watermark.revision)
        try bench.reopen()
        #expect(try bench.store(.delivered, to: 11).previous == second.watermark.revision)
        let last = try bench.head(of: ben).revision
        #expect(try bench.store(.delivered, to: 5).previous == last)
        #expect(try bench.store(.read, by: UserID("nobody")!, to: 0).previous == last)
    }

    @Test("Revisions rise strictly per author even when the clock jumps back", arguments: Setup.all)
    func revisionsRise(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.raise(.delivered, to: 10)
        bench.now = .zero
        #expect(try bench.raise(.read, by: cleo, to: 10).revision == first.revision + .microseconds(1))
        #expect(try bench.raise(.read, of: cleo, to: 10).revision == Stamp(microseconds: 1))
    }

    @Test("What changed after a revision comes in the order of change", arguments: Setup.all)
    func changes(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.raise(.delivered, to: 1)
        let second = try bench.raise(.delivered, by: cleo, to: 1)
        let third = try bench.raise(.read, to: 1)
        #expect(try bench.watermarks().watermarks == [first, second, third])
        #expect(try bench.watermarks(after: first.revision).watermarks == [second, third])
        let raised = try bench.raise(.delivered, to: 2)
        #expect(try bench.watermarks().watermarks == [second, third, raised])
        #expect(try bench.watermarks(after: raised.revision) == WatermarkPage(watermarks: [], hasMore: false))
        #expect(try bench.watermarks(of: ana).watermarks.isEmpty)
    }

    @Test("More watermarks than one message holds come in pages", arguments: Setup.all)
    func pages(setup: Setup) throws {
        let bench = try Bench(setup)
        let count = MessageLimits.watermarkCountMax + 1
        let requests = (1...count).map {
            StoreRequest.storeWatermark(
                StoreWatermark(owner: ben, peer: UserID("peer\($0)")!, kind: .read, upTo: Stamp(microseconds: 1)))
        }
        _ = try bench.ask(requests)
        let page = try bench.watermarks()
        #expect(page.watermarks.count == count - 1)
        #expect(page.hasMore)
        let rest = try bench.watermarks(after: page.watermarks.last!.revision)
        #expect(rest.watermarks.map(\.peer) == [UserID("peer\(count)")!])
        #expect(!rest.hasMore)
    }
}
