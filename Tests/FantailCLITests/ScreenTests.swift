import ClientProtocol
import FantailCLI
import Groups
import Primitives
import Testing

@Suite struct ChatScreenTests {
    func screen(_ rows: Int = 12, _ columns: Int = 40) -> ChatScreen {
        var screen = ChatScreen(me: ana, peer: bob, clock: utc)
        (screen.rows, screen.columns, screen.line) = (rows, columns, .online)
        return screen
    }

    func text(_ picture: ChatScreen.Picture) -> String {
        picture.rows.map { row in
            var text = row.text
            while text.last == " " { text.removeLast() }
            return text
        }.joined(separator: "\n")
    }

    let talk = ChatBook([
        .received(number: 1, from: bob, id: id("m1"), at: at(0), body: Array("hello there".utf8)),
        .wrote(to: bob, id: id("m2"), at: at(50), body: Array("hi bob, how is the weather over there today?".utf8)),
        .sent(to: bob, id: id("m2"), at: at(60)),
        .read(with: bob, at: at(60)),
        .wrote(to: bob, id: id("m3"), at: at(70), body: Array("?".utf8)),
    ])

    @Test func aTalkIsDrawn() {
        let picture = screen().picture(of: talk[bob], editor: typed(.text("typing")))
        #expect(
            text(picture) == """
                 ana → bob                  ● connected
                ────────────────────────────────────────



                          Mon 23 November 2026
                 │ hello there  20:31
                            hi bob, how is the weather
                            over there today?  20:32 ✓✓
                                             ?  20:32 ·
                ────────────────────────────────────────
                › typing
                """)
        #expect(picture.rows.count == 12)
    }

    @Test func readTicksAreBlueAndWithoutColoursAWord() {
        var screen = screen()
        let blue = screen.picture(of: talk[bob], editor: LineEditor()).rows.flatMap(\.spans)
        #expect(blue.filter { $0.style == .blue } == [Span(" ✓✓", .blue)])
        screen.hasColour = false
        #expect(text(screen.picture(of: talk[bob], editor: LineEditor())).contains("20:32 ✓✓ read"))
    }

    @Test func theHeaderTellsTheConnection() {
        var screen = screen(6, 60)
        screen.line = .offline(retrySeconds: 2)
        #expect(screen.picture(of: Chat(), editor: LineEditor()).rows[0].text.hasSuffix("○ offline, retrying in 2 s "))
        #expect(text(screen.picture(of: Chat(), editor: LineEditor())).contains("Say hello to bob."))
    }

    @Test func behindTheNameStandsWhenThePeerIsOrWasHere() {
        func head(_ change: (inout ChatScreen) -> Void) -> String {
            var screen = screen(6, 70)
            screen.now = at(0)
            change(&screen)
            return text(screen.picture(of: Chat(), editor: LineEditor())).split(separator: "\n")[0].trimmingSuffix(" ● connected")
        }
        func seen(_ at: Stamp?, isOnline: Bool = false) -> PresenceLine { PresenceLine(user: bob, isOnline: isOnline, lastSeen: at) }
        let day = Interval.seconds(86_400)
        #expect(head { $0.presence = seen(at(0), isOnline: true) } == " ana → bob  online")
        #expect(head { $0.presence = seen(at(0)) } == " ana → bob  last seen 20:31")
        #expect(head { ($0.presence, $0.now) = (seen(at(0)), at(0) + day) } == " ana → bob  last seen yesterday 20:31")
        #expect(head { ($0.presence, $0.now) = (seen(at(0)), at(0) + day * 3) } == " ana → bob  last seen Mon 23 November 2026 20:31")
        #expect(head { $0.presence = seen(nil) } == " ana → bob")
        #expect(head { ($0.presence, $0.typists) = (seen(at(0), isOnline: true), [bob]) } == " ana → bob  typing…")
        #expect(head { ($0.peer, $0.typists) = (team, [bob, zoe]) } == " ana → g:team  bob and zoe are typing…")
    }

    @Test func aNarrowWindowDropsWhatIsBehindTheNameFirst() {
        var screen = screen(6, 26)
        screen.presence = PresenceLine(user: bob, isOnline: false, lastSeen: at(0))
        let row = screen.picture(of: Chat(), editor: LineEditor()).rows[0].text
        #expect(row.hasPrefix(" ana → bob") && row.hasSuffix("● connected ") && DisplayWidth.columns(row) == 26)
    }

    @Test func noticesStandBelowTheChat() {
        var screen = screen()
        screen.notices = ["one", "two", "three", LineMode.notice(from: zoe, me: ana)]
        let rows = screen.picture(of: talk[bob], editor: LineEditor()).rows.map(\.text)
        #expect(rows.count == 12)
        #expect(rows[6...9] == [" two", " three", " (zoe wrote to you: fantail chat --as", " ana --with zoe)"])
    }

    @Test func aGroupIsDrawnWithNamesEventsAndCounts() {
        let talk = ChatBook([
            .changed(number: 1, group: team, from: ana, ref: id("r1"), at: at(0), .create(title: "Team", users: [bob])),
            .posted(number: 2, group: team, from: bob, id: id("m1"), at: at(1), body: Array("hello".utf8)),
            .wrote(to: team, id: id("m2"), at: at(2), body: Array("one".utf8)),
            .sent(to: team, id: id("m2"), at: at(2)),
            .delivered(with: team, at: at(2)),
            .wrote(to: team, id: id("m3"), at: at(3), body: Array("two".utf8)),
            .sent(to: team, id: id("m3"), at: at(3)),
            .changed(number: 3, group: team, from: ana, ref: id("r2"), at: at(4), .add([zoe])),
        ])
        var screen = ChatScreen(me: ana, peer: team, clock: utc)
        (screen.rows, screen.columns, screen.line, screen.title) = (11, 48, .online, talk[team].title)
        screen.counts = [at(2): .init(delivered: 5, read: 2, of: 5), at(3): .init(delivered: 3, read: 1, of: 5)]
        let picture = screen.picture(of: talk[team], editor: LineEditor())
        #expect(
            text(picture) == """
                 ana → Team                         ● connected
                ────────────────────────────────────────────────

                              Mon 23 November 2026
                   ana made the group “Team” with bob  20:31
                 │ bob: hello  20:31
                                         one  20:31 ✓✓ read 2/5
                                               two  20:31 ✓ 3/5
                              ana added zoe  20:31
                ────────────────────────────────────────────────
                ›
                """)
        #expect(picture.rows.flatMap(\.spans).contains(Span("bob: ", .bold)))
        #expect(picture.rows.flatMap(\.spans).filter { $0.text.contains("added") }.map(\.style) == [.dim])
    }

    @Test func everyWindowIsFilledExactlyWhateverItsSize() {
        for rows in [1, 4, 5, 7, 10, 30] {
            for columns in [1, 20, 33, 80, 200] {
                var screen = screen(rows, columns)
                screen.notices = ["a notice that is longer than a narrow window is wide", "b"]
                let picture = screen.picture(of: talk[bob], editor: typed(.text(String(repeating: "long ", count: 60))))
                let (height, width) = (max(rows, ChatScreen.rowsMin), max(columns, ChatScreen.columnsMin))
                #expect(rows < 5 || picture.rows.count == height, "\(rows) by \(columns)")
                #expect(picture.rows.allSatisfy { $0.columns <= width }, "\(rows) by \(columns)")
                #expect((picture.rows.last?.columns ?? 0) + DisplayWidth.columns(picture.behindCursor) < width)
            }
        }
    }

    @Test func scrollingStopsAtTheFirstMessage() {
        var book = ChatBook()
        for number in 1...50 {
            _ = book.apply(.received(number: UInt64(number), from: bob, id: id("m\(number)"), at: at(Int64(number)), body: Array("line \(number)".utf8)))
        }
        var screen = screen()
        screen.scroll = 1_000
        screen.scroll = screen.scrollMax(of: book[bob])
        let rows = screen.picture(of: book[bob], editor: LineEditor()).rows.map(\.text)
        #expect(screen.scroll == 51 - 8)
        #expect(rows[2].contains("Mon 23 November 2026") && rows[3].contains("line 1  "))
        #expect(rows[10].contains("more below"))
    }

    @Test func nothingOfAStrangerReachesTheTerminal() {
        let evil = ChatBook([.received(number: 1, from: bob, id: id("m1"), at: at(0), body: Array("\u{1B}]52;c;cm0gLXJm\u{07}\u{9B}2J\n\u{1B}c".utf8))])
        var painter = ScreenPainter(hasColour: true)
        let picture = screen().picture(of: evil[bob], editor: LineEditor())
        #expect(picture.rows.allSatisfy { row in row.text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } })
        #expect(!painter.paint(picture).contains("\u{1B}]"))
    }
}

@Suite struct ScreenPainterTests {
    @Test func onlyChangedRowsAreSent() {
        var painter = ScreenPainter(hasColour: true)
        var picture = ChatScreen.Picture(
            rows: [Row(Span("one")), Row(Span("two", .blue)), Row(Span("› "), Span("inp"))], behindCursor: "ut")
        let first = painter.paint(picture)
        #expect(first.contains("\u{1B}[1;1H\u{1B}[2Kone") && first.contains("\u{1B}[2;1H\u{1B}[2K\u{1B}[94mtwo\u{1B}[0m"))
        picture.rows[1] = Row(Span("TWO"))
        let second = painter.paint(picture)
        #expect(!second.contains("one") && second.contains("\u{1B}[2;1H\u{1B}[2KTWO"))
        #expect(second.contains("\u{1B}[3;1H\u{1B}[2K› inp\u{1B}7ut\u{1B}8"))
        painter.forget()
        #expect(painter.paint(picture).contains("one"))
    }

    @Test func withoutColoursOnlyWeightIsLeft() {
        #expect(Row(Span("a", .red), Span("b", .bold)).rendered(colour: false) == "a\u{1B}[1mb\u{1B}[0m")
        #expect(Row(Span("a", .red), Span("b", .bold)).rendered(colour: true, styled: false) == "ab")
    }
}

@Suite struct LineModeTests {
    @Test func aTalkAsLines() {
        var mode = LineMode(me: ana, peer: bob)
        mode.wrote(id("m1"))
        mode.wrote(id("m2"))
        #expect(mode.lines(for: .received(number: 1, from: bob, id: id("x"), at: at(0), body: Array("a\nb\u{1B}".utf8))) == ["bob: a ⏎ b�"])
        #expect(mode.lines(for: .received(number: 2, from: zoe, id: id("y"), at: at(0), body: [0x61])) == ["(zoe wrote to you: fantail chat --as ana --with zoe)"])
        #expect(mode.lines(for: .sent(to: bob, id: id("m1"), at: at(1))) == ["  ✓ sent m1"])
        #expect(mode.lines(for: .delivered(with: bob, at: at(1))) == ["  ✓✓ delivered m1"])
        #expect(mode.lines(for: .delivered(with: bob, at: at(1))) == [])
        #expect(mode.lines(for: .read(with: zoe, at: at(9))) == [])
        #expect(mode.lines(for: .sent(to: bob, id: id("m2"), at: at(2))) == ["  ✓ sent m2"])
        #expect(mode.lines(for: .read(with: bob, at: at(2))) == ["  ✓✓ read m1", "  ✓✓ delivered m2", "  ✓✓ read m2"])
        #expect(mode.lines(for: .copied(number: 3, to: bob, id: id("z"), at: at(3), body: [0x62])) == ["ana: b"])
    }

    @Test func aReceiptThatOvertakesItsSentIsNotLost() {
        var mode = LineMode(me: ana, peer: bob)
        mode.wrote(id("m1"))
        #expect(mode.lines(for: .delivered(with: bob, at: at(5))) == [])
        #expect(mode.lines(for: .sent(to: bob, id: id("m1"), at: at(5))) == ["  ✓ sent m1", "  ✓✓ delivered m1"])
    }

    @Test func aGroupTellsWhoWroteAndWhatHappened() {
        var mode = LineMode(me: ana, peer: team)
        mode.wrote(id("m1"))
        #expect(mode.lines(for: .posted(number: 1, group: team, from: bob, id: id("x"), at: at(0), body: Array("hi\n  ✓".utf8))) == ["bob: hi ⏎   ✓"])
        #expect(mode.lines(for: .changed(number: 2, group: team, from: bob, ref: id("r"), at: at(0), .add([zoe]))) == ["  bob added zoe"])
        #expect(mode.lines(for: .sent(to: team, id: id("m1"), at: at(1))) == ["  ✓ sent m1"])
        #expect(mode.lines(late: team, at: at(1), count: 3) == ["  … 3 could not be reached yet with m1; tries go on"])
        #expect(mode.lines(late: team, at: at(2), count: 3) == [])
        #expect(mode.lines(for: .delivered(with: team, at: at(1))) == ["  ✓✓ delivered m1"])
        #expect(mode.lines(for: .copied(number: 3, to: team, id: id("z"), at: at(3), body: [0x62])) == ["ana: b"])
    }

    @Test func otherGroupsAreANoteAndTheirEventsNone() {
        var mode = LineMode(me: ana, peer: bob)
        #expect(mode.lines(for: .posted(number: 1, group: team, from: bob, id: id("x"), at: at(0), body: [0x61])) == ["(bob wrote to a group: fantail chat --as ana --with g:team)"])
        #expect(mode.lines(for: .changed(number: 2, group: team, from: bob, ref: id("r"), at: at(0), .add([zoe]))) == [])
        #expect(mode.lines(for: .changed(number: 3, group: team, from: bob, ref: id("r"), at: at(0), .add([ana]))) == ["(bob added you to a group: fantail chat --as ana --with g:team)"])
        #expect(mode.lines(for: .changed(number: 4, group: team, from: ana, ref: id("r"), at: at(0), .create(title: "T", users: [bob]))) == [])
        #expect(mode.lines(for: .changed(number: 5, group: team, from: bob, ref: id("r"), at: at(0), .remove([ana]))) == [])
    }

    @Test func refusalsAndLossesAreTold() {
        var mode = LineMode(me: ana, peer: bob)
        mode.wrote(id("m1"))
        #expect(mode.lines(for: .failed(to: bob, id: id("m1"), reason: "to_self")) == ["  ✗ not sent m1: to_self"])
        #expect(mode.lines(for: .gap(from: 3, to: 5)) == ["  … 3 messages were dropped before this device had them"])
    }
}

extension StringProtocol {
    /// Without that end and the blanks before it.
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        var text = hasSuffix(suffix) ? String(dropLast(suffix.count)) : String(self)
        while text.last == " " { text.removeLast() }
        return text
    }
}
