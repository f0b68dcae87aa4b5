// The contract of engines, part 1: appending.

import Messages
import Primitives
import Storage
import Testing

@Suite("Appending to an inbox")
struct StoreContractAppend {
    @Test("Numbers are dense from 1 in each inbox", arguments: Setup.all)
    func numbersAreDense(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.append("m1").number == 1)
        #expect(try bench.append("m2", from: cleo).number == 2)
        #expect(try bench.append("m1", to: cleo).number == 1)
        #expect(try bench.append("m3").number == 3)
        #expect(try bench.head().head == 3)
    }

    @Test("Stamps are the clock's and rise strictly even when it stands or jumps back", arguments: Setup.all)
    func stampsRise(setup: Setup) throws {
        let bench = try Bench(setup)
        let start = bench.now
        #expect(try bench.append("m1").stamp == start)
        #expect(try bench.append("m2").stamp == start + .microseconds(1))
        bench.now = start + .seconds(-100)
        #expect(try bench.append("m3").stamp == start + .microseconds(2))
        #expect(try bench.append("m1", to: cleo).stamp == bench.now)
        bench.now = start + .seconds(1)
        #expect(try bench.append("m4").stamp == bench.now)
        #expect(try bench.head().headStamp == bench.now)
    }

    @Test("A copy is shown with the stamp of its message; the inbox goes on with its own", arguments: Setup.all)
    func copiesBearTheirMessagesStamp(setup: Setup) throws {
        let bench = try Bench(setup)
        let told = bench.now + .seconds(-7)
        try bench.append("m1")
        let copy = try bench.append("c1", from: ana, kind: .copy, chat: cleo, messageStamp: told)
        #expect(copy.stamp == bench.now + .microseconds(1))
        #expect(try bench.append("m2").stamp == bench.now + .microseconds(2))
        try bench.reopen()
        #expect(try bench.read().entries.map(\.stamp)[1] == told)
    }

    @Test("A repeat gets the number and stamp of the first time", arguments: Setup.all)
    func repeatIsRecognised(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.append("m1")
        try bench.append("m2")
        bench.wait(.seconds(5))
        #expect(
            try bench.append("m1") == Appended(outcome: .duplicate, number: first.number, stamp: first.stamp))
        #expect(try bench.head().head == 2)
    }

    @Test("An empty text is a message and can be repeated", arguments: Setup.all)
    func emptyText(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.append("m1", body: []).outcome == .stored)
        #expect(try bench.append("m1", body: []).outcome == .duplicate)
        let page = try bench.read()
        #expect(page.entries.map(\.id) == [id("m1")])
        #expect(page.entries.map(\.body) == [[]])
    }

    @Test("Other text, or another chat, under a known id is a conflict", arguments: Setup.all)
    func conflict(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.append("m1")
        let refused = Appended(outcome: .conflict, number: 0, stamp: .zero)
        #expect(try bench.append("m1", body: [1]) == refused)
        #expect(try bench.append("m1", body: []) == refused)
        #expect(try bench.append("m1", chat: cleo) == refused)
        #expect(try bench.append("m1").outcome == .duplicate)
        #expect(try bench.head().head == 1)
    }

    @Test("The same id under another author, kind or owner is another message", arguments: Setup.all)
    func idsBelongToAuthors(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.append("m1").number == 1)
        #expect(try bench.append("m1", from: cleo).number == 2)
        #expect(try bench.append("m1", kind: .copy).number == 3)
        #expect(try bench.append("m1", kind: .expired).number == 4)
        #expect(try bench.append("m1", to: cleo).number == 1)
    }

    @Test("Copies and notices of expiry are idempotent like messages", arguments: Setup.all, [InboxEntry.Kind.copy, .expired])
    func otherKinds(setup: Setup, kind: InboxEntry.Kind) throws {
        let bench = try Bench(setup)
        let body = kind == .expired ? [] : Array("hello".utf8)
        #expect(try bench.append("m1", from: ana, kind: kind, chat: ben, body: body).outcome == .stored)
        #expect(try bench.append("m1", from: ana, kind: kind, chat: ben, body: body).outcome == .duplicate)
        #expect(try bench.append("m1", from: ana, kind: kind, chat: cleo, body: body).outcome == .conflict)
        let entry = try #require(try bench.read().entries.first)
        #expect(entry.kind == kind)
        #expect(entry.author == ana)
        #expect(entry.chat == ben)
        #expect(entry.body == body)
    }

    @Test("A message waits for its predecessor from the same author in the same kind", arguments: Setup.all)
    func predecessor(setup: Setup) throws {
        let bench = try Bench(setup)
        let refused = Appended(outcome: .predecessorMissing, number: 0, stamp: .zero)
        #expect(try bench.append("m2", after: "m1") == refused)
        try bench.append("m1", from: cleo)
        try bench.append("m1", kind: .copy)
        try bench.append("m1", to: cleo)
        #expect(try bench.append("m2", after: "m1") == refused)
        #expect(try bench.append("m2", after: "m2") == refused)
        try bench.append("m1")
        #expect(try bench.append("m2", after: "m1").outcome == .stored)
    }

    @Test("A predecessor whose text is gone is still a predecessor", arguments: Setup.temporary)
    func predecessorWithoutText(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.open(phone)
        try bench.append("m1")
        try bench.acknowledge(1, on: phone)
        #expect(try bench.read().entries.isEmpty)
        #expect(try bench.append("m2", after: "m1").outcome == .stored)
    }

    @Test("A repeat is recognised after its text and its predecessor are gone", arguments: Setup.temporary)
    func repeatWithoutText(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.open(phone)
        try bench.append("m1")
        bench.wait(hour * 20)
        let second = try bench.append("m2", after: "m1")
        try bench.append("m3")
        try bench.acknowledge(3, on: phone)
        bench.wait(hour * 6)
        #expect(try bench.sweep().purgedCount == 1)
        #expect(try bench.append("m2", after: "m1") == Appended(outcome: .duplicate, number: 2, stamp: second.stamp))
        #expect(try bench.append("m2", body: [1]).outcome == .conflict)
    }

    @Test("A batch sees what its earlier requests did and answers in order", arguments: Setup.all)
    func batchRunsInOrder(setup: Setup) throws {
        let bench = try Bench(setup)
        let append = Append(
            owner: ana, kind: .message, author: ben, chat: ben, id: id("m1"), after: nil, body: [7])
        let answers = try bench.ask([
            .append(append), .append(append), .readHead(ReadHead(owner: ana)),
            .readInbox(ReadInbox(owner: ana, after: 0, limit: 10, headersOnly: false)), .probe,
        ])
        let entry = InboxEntry(
            number: 1, stamp: bench.now, kind: .message, author: ben, chat: ben, id: id("m1"), body: [7])
        #expect(
            answers == [
                .appended(Appended(outcome: .stored, number: 1, stamp: bench.now)),
                .appended(Appended(outcome: .duplicate, number: 1, stamp: bench.now)),
                .inboxHead(InboxHead(head: 1, headStamp: bench.now, revision: .zero)),
                .inboxPage(InboxPage(entries: [entry], through: 1, head: 1)),
                .done,
            ])
        #expect(try bench.ask([]) == [])
    }

    @Test("What was stored is there after the engine was opened again", arguments: Setup.all)
    func reopening(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.append("m1")
        try bench.open(phone)
        let watermark = try bench.raise(.read, to: 5)
        try bench.reopen()
        #expect(try bench.append("m1").outcome == .duplicate)
        bench.now = .zero
        #expect(try bench.append("m2").number == 2)
        #expect(try bench.open(phone).deviceCount == 1)
        #expect(try bench.watermarks().watermarks == [watermark])
        #expect(try bench.raise(.read, to: 6).revision == watermark.revision + .microseconds(1))
    }
}
