// The archive's pages, and messages that waited for too long.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct HistoryAndExpiryTests {
    private func query(_ s: Scene, limit: Int = 50) -> Message {
        .historyQuery(
            HistoryQuery(origin: s.origin(), reference: MessageID("h1")!, with: ana, before: 40, limit: limit))
    }

    @Test func historyNeedsAnArchive() {
        var s = Scene()
        #expect(complaints(s.gets(query(s))) == [Complaint(1, .unsupported, ref: "h1")])
    }

    @Test func aPageOfHistoryIsReadAndShown() {
        var s = Scene(mode: .archive)
        #expect(
            s.gets(query(s)) == [.call(s.store, .readHistory(ReadHistory(owner: bob, chat: ana, before: 40, limit: 50)))])
        #expect(
            s.answer(.historyPage(HistoryPage(entries: [entry(39), entry(38)], hasMore: true))) == [
                .tell(1, .history(ref: MessageID("h1")!, entries: [message(39), message(38)], more: true))
            ])
    }

    @Test(arguments: [(0, 1), (1, 1), (100, 100), (512, MessageLimits.historyEntryCountMax)])
    func aPageOfHistoryHasItsBounds(_ asked: Int, _ given: Int) {
        var s = Scene(mode: .archive)
        #expect(
            s.gets(query(s, limit: asked)) == [
                .call(s.store, .readHistory(ReadHistory(owner: bob, chat: ana, before: 40, limit: given)))
            ])
    }

    @Test func aRefusedPageOfHistoryIsTold() {
        var s = Scene(mode: .archive)
        _ = s.gets(query(s))
        #expect(complaints(s.refuse(.overloaded, retryMs: 400)) == [Complaint(1, .overloaded, ref: "h1", retryMs: 400)])
    }

    // MARK: Expiry

    private func report(_ s: inout Scene, _ authors: [UserID]) -> [Did] {
        let items = authors.enumerated().map {
            ExpiredReport.Item(number: UInt64($0.offset + 1), author: $0.element, id: MessageID("m-\($0.offset + 1)")!)
        }
        return s.on(
            .requested(
                RemoteCall(node: s.store, socket: SocketID(rawValue: 1), call: 8),
                .expiredReport(ExpiredReport(owner: bob, items: items))))
    }

    private func notice(_ s: Scene, _ author: UserID, _ number: Int) -> Did {
        .call(
            s.store,
            .append(
                Append(
                    owner: author, kind: .expired, author: bob, chat: bob, id: MessageID("m-\(number)")!, after: nil, body: [])))
    }

    @Test func everyAuthorIsToldBeforeTheReportIsAnswered() {
        var s = Scene()
        #expect(report(&s, [ana, cem]) == [notice(s, ana, 1), notice(s, cem, 2)])
        #expect(s.answer(stored(4)) == [])
        #expect(s.answer(stored(9, .duplicate)) == [.answer(8, .done)])
    }

    @Test func anAuthorWhoIsHereSeesTheNoticeSoon() {
        var s = Scene()
        _ = s.gets(s.hello(s.origin(ana, phone, 9), cursor: 0))
        _ = s.answer(opened())
        _ = report(&s, [ana])
        #expect(s.answer(stored(1)) == [s.readHead(ana), .answer(8, .done)])
        _ = s.answer(head(1))
        let entry = InboxEntry(
            number: 1, stamp: stamp(1), kind: .expired, author: bob, chat: bob, id: MessageID("m-1")!, body: [])
        #expect(
            s.answer(page([entry], through: 1, head: 1)) == [
                .tell(9, .expired(number: 1, to: bob, id: MessageID("m-1")!, at: stamp(1)))
            ])
    }

    @Test func aNoticeThatWasNotStoredRefusesTheReport() {
        var s = Scene()
        _ = report(&s, [ana, cem])
        #expect(s.refuse(.storageFull) == [])
        #expect(s.answer(stored(9)) == [.refuse(8, Refusal(.unavailable, retryAfterMs: 1000))])
    }

    @Test func anEmptyReportIsDone() {
        var s = Scene()
        #expect(report(&s, []) == [.answer(8, .done)])
    }

    @Test func requestsOfOthersAreRefused() {
        var s = Scene()
        #expect(
            s.on(.requested(RemoteCall(node: s.parser, socket: SocketID(rawValue: 1), call: 3), .poke(Poke(owner: bob)))) == [
                .refuse(3, Refusal(.unsupported))
            ])
        #expect(s.gets(.done) == [])
    }
}
