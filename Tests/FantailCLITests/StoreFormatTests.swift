import ChatClient
import FantailCLI
import Groups
import Primitives
import Testing

@Suite struct HistoryLineTests {
    static let nasty = Array("tab\t, \"quote\", back\\slash\nnew\rline \u{1B}[31m 你好 \u{7F}\u{0}".utf8)
    static let events: [HistoryEvent] = [
        .received(number: 17, from: bob, id: id("m1"), at: at(1), body: nasty),
        .wrote(to: bob, id: id("m2"), at: at(2), body: []),
        .copied(number: 18, to: bob, id: id("m3"), at: at(3), body: Array("hi".utf8)),
        .sent(to: bob, id: id("m2"), at: at(4)),
        .failed(to: bob, id: id("m4"), reason: "to_self"),
        .expired(number: 19, to: bob, id: id("m2"), at: at(5)),
        .gap(from: 20, to: 25),
        .delivered(with: bob, at: at(6)),
        .read(with: bob, at: at(7)),
        .restarted,
        .posted(number: 21, group: team, from: bob, id: id("m5"), at: at(8), body: nasty),
        .changed(number: 22, group: team, from: bob, ref: id("r1"), at: at(9), .create(title: "tab\t\\line\n", users: [ana, zoe])),
        .changed(number: 23, group: team, from: bob, ref: id("r2"), at: at(9), .describe("")),
        .changed(number: 24, group: team, from: ana, ref: id("r3"), at: at(9), .role(.admin, [bob])),
        .changed(number: 25, group: team, from: ana, ref: id("r4"), at: at(9), .settings(GroupSettings(showsReceipts: true))),
        .changed(number: 26, group: team, from: ana, ref: id("r5"), at: at(9), .delete),
    ]

    @Test(arguments: events) func everyEventReadsBack(event: HistoryEvent) {
        #expect(event.line.last == 0x0A)
        #expect(event.line.dropLast().allSatisfy { $0 >= 0x20 || $0 == 0x09 })
        #expect(HistoryEvent(line: event.line.dropLast()[...]) == event)
    }

    @Test func theFormatIsWhatOlderFilesHave() {
        let line = HistoryEvent.received(number: 17, from: bob, id: id("m1"), at: Stamp(microseconds: 5), body: Array("a\tb\\\n\u{1}".utf8)).line
        #expect(String(decoding: line, as: UTF8.self) == "received\t17\t5\tbob\tm1\ta\\tb\\\\\\n\\x01\n")
    }

    @Test func aCrashLosesTheCutLineAndNothingElse() {
        let log = Self.events.flatMap(\.line)
        var ends = 0
        for length in 0...log.count {
            if length > 0, log[length - 1] == 0x0A { ends += 1 }
            #expect(HistoryEvent.parse(log: log[..<length]) == Array(Self.events[..<ends]))
        }
    }

    @Test(arguments: ["", "hello", "gap\t1", "gap\t1\t2\t3", "gap\t-1\t2", "sent\t5\tbob", "read\t99999999999999999\tbob", "wrote\t5\tbob\tm\tbad \\q", "wrote\t5\tbob\tm\t\\x1", "wrote\t5\tb b\tm\thi", "posted\t1\t5\tg:t\tbob\tm", "changed\t1\t5\tg:t\tbob\tm\t", "changed\t1\t5\tg:t\tbob\tm\t\\x06x", "changed\t1\t5\tbob\tm\t\\x06"])
    func otherLinesAreLeftOut(line: String) { #expect(HistoryEvent(line: Array(line.utf8)[...]) == nil) }
}

@Suite struct MemoryFileTests {
    static let memories = [
        ClientMemory(), ClientMemory(cursor: 0, ticks: .zero),
        ClientMemory(
            cursor: 17, ticks: at(3), attempt: 1_763_936_000_500_003,
            outbox: [
                OutgoingMessage(id: id("m1"), to: bob, body: HistoryLineTests.nasty),
                OutgoingMessage(id: id("m2"), to: zoe, body: Array("x".utf8)),
            ],
            changes: [
                OutgoingChange(ref: id("r1"), group: nil, change: .create(title: "tab\t\nline", users: [bob, zoe])),
                OutgoingChange(ref: id("r2"), group: team, change: .settings(GroupSettings(isAnnouncement: true))),
                OutgoingChange(ref: id("r3"), group: team, change: .leave),
            ]),
    ]

    @Test(arguments: memories) func itReadsBack(memory: ClientMemory) { #expect(MemoryFile.parse(MemoryFile.render(memory)) == memory) }

    @Test func aDamagedFileIsNotGuessedAt() {
        let good = String(decoding: MemoryFile.render(Self.memories[2]), as: UTF8.self)
        for bad in ["", "cursor\t1\n", good + "what\tnow\n", String(good.dropLast()), good.replacing("cursor\t17", with: "cursor\tx"), good.replacing("attempt\t1", with: "attempt\t-1"), good.replacing("memory\t1", with: "memory\t2"), good + good] {
            #expect(MemoryFile.parse(Array(bad.utf8)) == nil)
        }
    }
}

@Suite struct ChatBookTests {
    @Test func ticksAreWatermarks() {
        var book = ChatBook([
            .wrote(to: bob, id: id("m1"), at: at(1), body: [0x61]), .wrote(to: bob, id: id("m2"), at: at(2), body: [0x62]),
        ])
        func ticks() -> [Tick] { book[bob].messages.map { book[bob].tick(of: $0) } }
        #expect(ticks() == [.pending, .pending])
        _ = book.apply(.sent(to: bob, id: id("m1"), at: at(5)))
        #expect(ticks() == [.sent, .pending])
        _ = book.apply(.delivered(with: bob, at: at(6)))
        #expect(ticks() == [.delivered, .pending])
        _ = book.apply(.sent(to: bob, id: id("m2"), at: at(7)))
        #expect(ticks() == [.delivered, .sent])
        _ = book.apply(.read(with: bob, at: at(7)))
        #expect(ticks() == [.read, .read])
    }

    @Test func noTickGoesBackAndNothingIsShownTwice() {
        let message = HistoryEvent.received(number: 3, from: bob, id: id("m1"), at: at(1), body: [0x61])
        var book = ChatBook([message, .delivered(with: bob, at: at(9)), .read(with: bob, at: at(9))])
        let before = book
        #expect(book.apply(message) == false)
        #expect(book.apply(.delivered(with: bob, at: at(8))) == false)
        #expect(book.apply(.read(with: bob, at: at(9))) == false)
        #expect(book.apply(.sent(to: bob, id: id("unknown"), at: at(9))) == false)
        #expect(book == before)
        #expect(book.highestNumber == 3)
    }

    @Test func chatsAreKeptApart() {
        let book = ChatBook([
            .received(number: 1, from: bob, id: id("m1"), at: at(1), body: [0x61]),
            .received(number: 2, from: zoe, id: id("m1"), at: at(2), body: [0x62]),
            .read(with: zoe, at: at(3)),
        ])
        #expect(book[bob].messages.map(\.body) == [[0x61]])
        #expect(book[zoe].messages.map(\.body) == [[0x62]])
        #expect(book[bob].readUpTo == .zero)
        #expect(book[zoe].newestReceived == at(2))
    }

    @Test func aServerThatBeginsAnewBeginsNumbersAnew() {
        var book = ChatBook([.gap(from: 1, to: 9), .restarted])
        #expect(book.highestNumber == nil)
        #expect(book.apply(.received(number: 1, from: bob, id: id("m1"), at: at(1), body: [])) == true)
    }

    @Test func ownWordsThatComeBackChangeNothing() {
        var book = ChatBook([.wrote(to: bob, id: id("m1"), at: at(1), body: [0x61])])
        #expect(book.isEcho(.copied(number: 1, to: bob, id: id("m1"), at: at(9), body: [0x61])))
        #expect(!book.isEcho(.copied(number: 1, to: zoe, id: id("m1"), at: at(9), body: [0x61])))
        #expect(book.apply(.copied(number: 1, to: bob, id: id("m1"), at: at(9), body: [0x61])) == true)
        #expect(book[bob].messages.map(\.isSent) == [true])
        #expect(book.apply(.sent(to: bob, id: id("m1"), at: at(5))) == true)
        #expect(book.apply(.copied(number: 2, to: bob, id: id("m1"), at: at(9), body: [0x61])) == true)
        #expect(book.apply(.failed(to: bob, id: id("m1"), reason: "id_conflict")) == true)
        #expect(book.apply(.delivered(with: bob, at: at(5))) == true)
        #expect(book[bob].messages.map { book[bob].tick(of: $0) } == [.delivered])
        #expect(book[bob].messages.map(\.trouble) == [nil])
        #expect(book.highestNumber == 2)
    }

    @Test func aGroupIsAChatOfMany() {
        var book = ChatBook([
            .changed(number: 1, group: team, from: ana, ref: id("r1"), at: at(1), .create(title: "Team", users: [bob, zoe])),
            .wrote(to: team, id: id("m1"), at: at(2), body: [0x61]),
            .sent(to: team, id: id("m1"), at: at(3)),
            .posted(number: 2, group: team, from: bob, id: id("m1"), at: at(4), body: [0x62]),
        ])
        #expect(book[team].title == "Team")
        #expect(book[team].messages.map(\.author) == [ana, nil, bob])
        #expect(book[team].messages.map(\.isOwn) == [false, true, false])
        #expect(book[team].newestReceived == at(4))
        // Our own words come back, as to every member.
        let echo = HistoryEvent.copied(number: 3, to: team, id: id("m1"), at: at(3), body: [0x61])
        #expect(book.isEcho(echo))
        #expect(book.apply(echo) == true)
        #expect(book[team].messages.count == 3)
        #expect(book.apply(.delivered(with: team, at: at(3))) == true)
        #expect(book[team].messages.map { book[team].tick(of: $0) }[1] == .delivered)
        let renamed = HistoryEvent.changed(number: 4, group: team, from: bob, ref: id("r2"), at: at(5), .rename("Crew"))
        #expect(book.apply(renamed) == true)
        #expect(book.apply(renamed) == false)
        #expect(book[team].title == "Crew" && book.highestNumber == 4)
    }

    @Test func ownMessagesThatFailSayWhy() {
        let book = ChatBook([
            .wrote(to: bob, id: id("m1"), at: at(1), body: []), .failed(to: bob, id: id("m1"), reason: "body_too_long"),
            .wrote(to: bob, id: id("m2"), at: at(1), body: []), .expired(number: 1, to: bob, id: id("m2"), at: at(2)),
        ])
        #expect(book[bob].messages.map(\.trouble) == ["not sent: body_too_long", "expired: nobody fetched it"])
    }
}
