// Requests come in and answers go out: keys, framing, and what the cluster's silence means.

import APICore
import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct DoorTests {
    private let message = #"{"to":"bob","id":"m1","body":"hi"}"#

    @Test func aMessageTakesTheWayOfAClientsAndIsAnsweredOnceItIsSent() {
        var s = Scene()
        let effects = s.ask("POST", "/v1/messages", message)
        guard case .deliver(let deliver)? = effects.sent.first?.1 else { return #expect(Bool(false), "\(effects)") }
        #expect(effects.sent.first?.0 == s.node(.session))
        #expect(effects.answer == "")
        #expect(deliver.origin.user == UserID("system") && deliver.origin.isAttached && !deliver.origin.hasSiblings)
        #expect(deliver.to == bob && deliver.id == MessageID("m1") && deliver.body == Array("hi".utf8))
        let answer = s.tell(deliver.origin.connection, .sent(id: deliver.id, to: bob, at: start)).answer
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n"))
        #expect(answer.hasSuffix(#"{"id":"m1","from":"system","to":"bob","at":1767225600000000}"# + "\n"))
        // Nobody waits for a second one.
        #expect(s.tell(deliver.origin.connection, .sent(id: deliver.id, to: bob, at: start)) == [])
    }

    @Test func whoeverIsSpokenForGetsACopy() {
        var s = Scene()
        let effects = s.ask("POST", "/v1/messages", #"{"from":"ana","to":"bob","id":"m1","body":"hi"}"#)
        guard case .deliver(let deliver)? = effects.sent.first?.1 else { return #expect(Bool(false), "\(effects)") }
        #expect(deliver.origin.user == ana && deliver.origin.hasSiblings)
    }

    @Test func cutAnywhereTheAnswersAreTheSame() {
        let bytes = Scene.request("POST", "/v1/messages", #"{"to":"g:x","id":"m1"}"#) + Scene.request("GET", "/v1/nowhere")
            + Scene.request("GET", "/v1/openapi.json")
        var whole = Scene()
        let expected = whole.on(.clientReceived(socket, bytes[...])).answer
        #expect(expected.contains("missing_field") && expected.contains("no_such_path") && expected.hasSuffix("{}\n"))
        for cut in bytes.indices {
            var s = Scene()
            let answer = s.on(.clientReceived(socket, bytes[..<cut])).answer + s.on(.clientReceived(socket, bytes[cut...])).answer
            #expect(answer == expected, "cut at \(cut)")
        }
    }

    @Test func withoutAKeyNothingIsAsked() {
        var s = Scene()
        for key in ["", "x", String(repeating: "o", count: 39), secret + "k"] {
            let effects = s.ask("POST", "/v1/messages", message, key: key)
            #expect(effects.statuses == ["401"] && effects.sent.isEmpty, "\(key)")
        }
        #expect(s.ask("POST", "/v1/messages", message, key: String(repeating: "o", count: 40)).sent.count == 1)
    }

    @Test func requestsThatCameEarlyWaitForTheAnswer() {
        var s = Scene()
        let effects = s.on(.clientReceived(socket, (Scene.request("POST", "/v1/messages", message) + Scene.request("GET", "/v1/x"))[...]))
        guard case .deliver(let deliver)? = effects.sent.first?.1 else { return #expect(Bool(false), "\(effects)") }
        #expect(effects.answer == "")
        #expect(s.tell(deliver.origin.connection, .sent(id: deliver.id, to: bob, at: start)).statuses == ["200", "404"])
    }

    @Test func silenceIsAnsweredAndALateAnswerFindsNobody() {
        var s = Scene()
        let effects = s.ask("POST", "/v1/messages", message)
        guard case .deliver(let deliver)? = effects.sent.first?.1 else { return #expect(Bool(false), "\(effects)") }
        let answer = s.wait(.seconds(10))
        #expect(answer.statuses == ["503"] && answer.answer.contains("Retry-After: 1\r\n"))
        #expect(s.tell(deliver.origin.connection, .sent(id: deliver.id, to: bob, at: start)) == [])
    }

    @Test func whoeverHasGoneIsForgotten() {
        var s = Scene()
        _ = s.ask("POST", "/v1/messages", message)
        #expect(s.on(.clientClosed(socket)) == [])
        #expect(s.wait(.seconds(60)) == [])
    }

    @Test(arguments: [
        (ErrorCode.idConflict, "409"), (.notMember, "403"), (.noSuchGroup, "404"), (.overloaded, "503"), (.bodyTooLong, "413"),
        (.rateLimited, "429"), (.badField, "400"),
    ])
    func errorsOfTheClusterHaveTheirStatus(code: ErrorCode, status: String) {
        var s = Scene()
        guard case .deliver(let deliver)? = s.ask("POST", "/v1/messages", message).sent.first?.1 else { return #expect(Bool(false)) }
        let effects = s.tell(deliver.origin.connection, .error(ErrorFrame(code, "why", ref: deliver.id, retryMs: 1_500)))
        #expect(effects.statuses == [status] && effects.answer.contains(#""reason":"\#(code.name)""#))
        #expect(effects.answer.contains("Retry-After: 2\r\n") == (status == "503" || status == "429"))
    }

    @Test func aBodyThatIsTooLongIsReadToItsEndAndRefused() {
        var s = Scene()
        let long = String(repeating: "x", count: MessageLimits.clientFrameBytesMax + 1)
        #expect(s.ask("POST", "/v1/messages", long).statuses == ["413"])
        #expect(s.ask("GET", "/v1/openapi.json").statuses == ["200"])
        let endless = Scene.request("POST", "/v1/messages", headers: "Content-Length: 5000000000\r\n")
        #expect(s.on(.clientReceived(socket, endless[...])).answer.hasSuffix("(closed)"))
    }

    @Test func aKeyThatAsksTooMuchWaits() {
        var s = Scene(rate: 3)
        #expect((0..<4).flatMap { _ in s.ask("GET", "/v1/openapi.json").statuses } == ["200", "200", "200", "429"])
        _ = s.wait(.seconds(1))
        #expect(s.ask("GET", "/v1/openapi.json").statuses == ["200"])
    }

    @Test func anAnswerToHeadHasNoBody() {
        var s = Scene()
        let answer = s.ask("HEAD", "/v1/cluster").answer
        #expect(answer.hasPrefix("HTTP/1.1 405 ") && answer.hasSuffix("\r\n\r\n"))
        #expect(s.ask("GET", "/v1/openapi.json").answer.hasSuffix("{}\n"))
    }

    @Test func whoSaysNothingIsLetGo() {
        var s = Scene()
        #expect(s.wait(.seconds(30)) == [.closeClient(socket)])
        var slow = Scene()
        _ = slow.on(.clientReceived(socket, Scene.request("POST", "/v1/messages", headers: "Content-Length: 10\r\n")[...]))
        let effects = slow.wait(.seconds(30))
        #expect(effects.statuses == ["408"] && effects.answer.hasSuffix("(closed)"))
    }

    @Test func ticksAreReadWithoutAnythingBeingWritten() {
        var s = Scene()
        let effects = s.ask("GET", "/v1/receipts?from=ana&to=bob&at=300")
        var calls: [(CallID, StoreWatermark)] = []
        for case .call(let node, let call, .storeWatermark(let request)) in effects {
            #expect(node == s.node(.persistence) && request.upTo == .zero && request.owner == ana && request.peer == bob)
            calls.append((call, request))
        }
        #expect(calls.map(\.1.kind) == [.delivered, .read])
        func stored(_ index: Int, _ upTo: Int64) -> Event {
            let mark = Watermark(peer: bob, kind: calls[index].1.kind, upTo: Stamp(microseconds: upTo), revision: .zero)
            return .answered(calls[index].0, .watermarkStored(WatermarkStored(watermark: mark, previous: .zero)))
        }
        #expect(s.on(stored(1, 0)) == [])
        let answer = s.on(stored(0, 300)).answer
        #expect(answer.hasSuffix(#"{"from":"ana","to":"bob","delivered_up_to":300,"read_up_to":0,"at":300,"delivered":true,"read":false}"# + "\n"))
    }

    @Test func tokensAreNotRevokedAheadOfTime() {
        var s = Scene()
        #expect(s.ask("POST", "/v1/users/ana/revocation", #"{"before":1767225600000001}"#).statuses == ["409"])
        let effects = s.ask("POST", "/v1/users/ana/revocation", "{}")
        guard case .settingsQuery(let query)? = effects.sent.first?.1 else { return #expect(Bool(false), "\(effects)") }
        #expect(query.change == .revokeTokens(before: start) && query.origin.user == ana)
    }

    @Test func keyFilesAreReadWholeOrNotAtAll() {
        for text in ["", "# nothing\n", "a short\n", "a \(secret) more\n", "a \(secret)\na \(secret)x\n", "a \(secret)\nb \(secret)\n"] {
            #expect(throws: APIKeyFileError.self, "\(text)") { try APIKeys(parsing: Array(text.utf8)) }
        }
        #expect(throws: Never.self) { try APIKeys(parsing: Array("a \(secret) # the first\r\nb \(secret)b\n".utf8)) }
    }
}
