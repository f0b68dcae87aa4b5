// Webhooks: a batch is durable before it is answered, told until it is taken, and a dead letter in the end.

import APICore
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct HookTests {
    private let event = HookEvent(.offline, user: bob, author: ana, chat: ana, id: MessageID("m1"), at: start, body: Array("hi\"".utf8))

    private func opened(_ more: String = "tries=3 retry-ms=1000", rows: [HookRow] = []) -> (Scene, [HookOrder]) {
        var s = Scene(webhooks: "http://127.0.0.1:9/hook \(more)")
        let load = s.on(.deadline).orders
        #expect(load.map(\.work) == [.load])
        _ = s.on(.disk(.hook(HookOutcome(load[0].ticket, .loaded(rows, deadCount: 0)))))
        return (s, load)
    }

    private func call(_ s: Scene) -> RemoteCall { RemoteCall(node: s.node(.session), socket: SocketID(rawValue: 3), call: 9) }

    @Test func aBatchIsAnsweredOnceItIsInTheTable() {
        var (s, _) = opened()
        let add = s.on(.requested(call(s), .hookBatch(HookBatch(events: [event]))))
        guard case .add(let news)? = add.orders.first?.work else { return #expect(Bool(false), "\(add)") }
        #expect(add.count == 1 && news.count == 1)
        let text = String(decoding: news[0].body, as: UTF8.self)
        #expect(text.contains(#""type":"message.offline""#) && text.contains(#""body":"hi\"""#) && text.contains(#""cut":false"#))
        let row = HookRow(number: 5, tryCount: 0, due: start)
        #expect(s.on(.disk(.hook(HookOutcome(add.orders[0].ticket, .added([row])))))  == [.answer(call(s), .done)])
        let read = s.on(.deadline).orders
        #expect(read.map(\.work) == [.read(5)])
        let post = s.on(.disk(.hook(HookOutcome(read[0].ticket, .body([1]))))).orders
        #expect(post.map(\.work) == [.post(lane: 1, 5, [1])])
        #expect(s.on(.disk(.hook(HookOutcome(post[0].ticket, .posted)))).orders.map(\.work) == [.settle(5, .done)])
    }

    @Test func aTableThatRefusesIsNoYes() {
        var (s, _) = opened()
        let add = s.on(.requested(call(s), .hookBatch(HookBatch(events: [event])))).orders
        let effects = s.on(.disk(.hook(HookOutcome(add[0].ticket, .broken("full")))))
        #expect(effects == [.refuse(call(s), Refusal(.storageFull, retryAfterMs: 1_000))])
    }

    @Test func theSameNewsHasTheSameKey() {
        var (s, _) = opened()
        func keys() -> [String] {
            let orders = s.on(.requested(call(s), .hookBatch(HookBatch(events: [event])))).orders
            guard case .add(let news)? = orders.first?.work else { return [] }
            return news.map(\.key)
        }
        let first = keys()
        #expect(first.count == 1 && first == keys())
    }

    @Test func aNoIsTriedAgainLaterAndLaterAndThenDies() {
        var (s, _) = opened(rows: [HookRow(number: 5, tryCount: 0, due: start)])
        var pauses: [Int64] = []
        var fates: [HookFate] = []
        for _ in 0..<3 {
            var read = s.on(.deadline).orders
            var waited: Int64 = 0
            while read.isEmpty, waited < 20_000 {
                read = s.wait(.milliseconds(100)).orders
                waited += 100
            }
            pauses.append(waited)
            let post = s.on(.disk(.hook(HookOutcome(read[0].ticket, .body([1]))))).orders
            for order in s.on(.disk(.hook(HookOutcome(post[0].ticket, .failed("status 500"))))).orders {
                if case .settle(5, let fate) = order.work { fates.append(fate) }
            }
        }
        // Half to one and a half of a second, then of two.
        #expect(pauses[0] == 0 && (500...1_600).contains(pauses[1]) && (1_000...3_100).contains(pauses[2]), "\(pauses)")
        #expect(fates.count == 3 && fates.last == .dead(error: "status 500"))
        #expect(s.wait(.seconds(7_200)).orders.isEmpty)
    }

    @Test func whatTheTableDidNotTakeIsToldToItAgain() {
        var (s, _) = opened("tries=1 retry-ms=1000", rows: [HookRow(number: 5, tryCount: 0, due: start)])
        let read = s.on(.deadline).orders
        let post = s.on(.disk(.hook(HookOutcome(read[0].ticket, .body([1]))))).orders
        let dead = s.on(.disk(.hook(HookOutcome(post[0].ticket, .failed("status 500"))))).orders
        #expect(dead.map(\.work) == [.settle(5, .dead(error: "status 500"))])
        #expect(s.on(.disk(.hook(HookOutcome(dead[0].ticket, .broken("full"))))).orders.isEmpty)
        let again = s.wait(.seconds(1)).orders
        #expect(again.map(\.work) == [.settle(5, .dead(error: "status 500"))])
        _ = s.on(.disk(.hook(HookOutcome(again[0].ticket, .settled(deadCount: 1)))))
        #expect(s.wait(.seconds(10)).orders.isEmpty)
    }

    @Test func aTableThatCannotBeReadCostsNoTry() {
        var (s, _) = opened("tries=1 retry-ms=1000", rows: [HookRow(number: 5, tryCount: 0, due: start)])
        var read = s.on(.deadline).orders
        for _ in 0..<3 {
            #expect(read.map(\.work) == [.read(5)])
            #expect(s.on(.disk(.hook(HookOutcome(read[0].ticket, .broken("i/o"))))).orders.isEmpty)
            read = s.wait(.seconds(1)).orders
        }
        #expect(read.map(\.work) == [.read(5)])
    }

    @Test func asManyArePostedAtOnceAsThereAreThreads() {
        var (s, _) = opened(rows: (1...5).map { HookRow(number: $0, tryCount: 0, due: start) })
        let read = s.on(.deadline).orders
        #expect(read.map(\.work) == [.read(1), .read(2)])
        let post = s.on(.disk(.hook(HookOutcome(read[0].ticket, .body([1]))))).orders
        #expect(s.on(.disk(.hook(HookOutcome(post[0].ticket, .posted)))).orders.map(\.work) == [.settle(1, .done), .read(3)])
    }

    @Test func aClusterWithoutWebhooksTakesNone() {
        var s = Scene()
        #expect(s.on(.requested(call(s), .hookBatch(HookBatch(events: [event])))) == [.refuse(call(s), Refusal(.unsupported))])
        #expect(s.ask("GET", "/v1/webhooks/dead").statuses == ["404"])
    }
}
