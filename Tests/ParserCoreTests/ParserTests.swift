// The parser's transcripts: bytes of a stranger in, a typed message or a refusal out.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import ParserCore
import Primitives
import RPC
import Testing

private let ana = UserID("ana")!
private let bob = UserID("bob")!
private let map = try! ClusterMap.local()

private enum Did: Equatable {
    case send(NodeID, Message)
    case tell(ServerFrame)
    case refuse(Refusal)
    case log(String)
}

private struct Scene {
    var core = ParserCore(selfID: map.nodes(of: .parser)[0].id, cluster: map)
    let gateway = map.nodes(of: .gateway)[0].id
    var origin: Origin

    init(encoding: ClientEncoding = .json, isAttached: Bool = true, allUp: Bool = true) {
        origin = Origin(
            gateway: gateway, connection: ConnectionID(rawValue: 1), user: ana, device: DeviceID("phone")!,
            encoding: encoding, isAttached: isAttached, hasSiblings: false)
        if allUp { for node in map.peers(of: map.nodes(of: .parser)[0].id) { #expect(on(.peerUp(node.id)) == []) } }
    }

    mutating func on(_ event: Event) -> [Did] {
        var effects: [Effect] = []
        core.on(event, now: Now(instant: .zero, stamp: Stamp(microseconds: 77)), effects: &effects)
        return effects.compactMap { effect in
            switch effect {
            case .send(_, .clientOutput(let output)):
                .tell(try! ServerFrame.decode(output.bytes, as: origin.encoding)!)
            case .send(let node, let message): .send(node, message)
            case .refuse(_, let refusal): .refuse(refusal)
            case .log(let record): .log(record.event)
            default: nil
            }
        }
    }

    mutating func says(_ text: String) -> [Did] { says(Array(text.utf8)) }

    mutating func says(_ bytes: [UInt8]) -> [Did] {
        on(.received(gateway, .clientInput(ClientInput(origin: origin, bytes: bytes))))
    }

    mutating func says(_ frame: ClientFrame) -> [Did] {
        var bytes: [UInt8] = []
        frame.encode(as: origin.encoding, into: &bytes)
        return says(bytes)
    }
}

/// The code and reference of the one error that was answered.
private func complaint(_ done: [Did]) -> String? {
    guard done.count == 1, case .tell(.error(let error)) = done[0] else { return nil }
    return [error.code.name, error.ref?.text, error.retryMs.map { "\($0)" }].compactMap { $0 }.joined(separator: " ")
}

private func shard(_ user: UserID) -> NodeID { map.ring(of: .session).owner(ofKey: user.text.utf8) }

@Suite struct ParserTests {
    private let id = MessageID("m-1")!

    @Test(arguments: ClientEncoding.allCases)
    func helloGoesToTheShardOfWhoSaysIt(_ encoding: ClientEncoding) {
        var s = Scene(encoding: encoding, isAttached: false)
        let attach = Attach(origin: s.origin, cursor: 41, revision: Stamp(microseconds: 5), isResume: false, attempt: 7)
        #expect(s.says(.hello(cursor: 41, ticks: Stamp(microseconds: 5), attempt: 7)) == [.send(shard(ana), .attach(attach))])
    }

    @Test(arguments: ClientEncoding.allCases)
    func aMessageGoesToTheShardOfItsAddressee(_ encoding: ClientEncoding) {
        var s = Scene(encoding: encoding)
        let deliver = Deliver(origin: s.origin, to: bob, id: id, after: MessageID("m-0")!, body: Array("hi".utf8))
        #expect(
            s.says(.send(id: id, to: bob, body: Array("hi".utf8), after: MessageID("m-0")!)) == [
                .send(shard(bob), .deliver(deliver))
            ])
    }

    @Test func whatConcernsTheUserGoesToTheUsersShard() {
        var s = Scene()
        #expect(
            s.says(#"{"type":"ack","n":7}"#) == [.send(shard(ana), .acknowledge(Acknowledge(origin: s.origin, number: 7)))])
        #expect(
            s.says(#"{"type":"read","with":"bob","at":9}"#) == [
                .send(shard(ana), .markRead(MarkRead(origin: s.origin, with: bob, stamp: Stamp(microseconds: 9))))
            ])
        let query = HistoryQuery(origin: s.origin, reference: id, with: bob, before: 40, limit: 20)
        #expect(
            s.says(#"{"type":"history","ref":"m-1","with":"bob","before":40,"limit":20}"#) == [
                .send(shard(ana), .historyQuery(query))
            ])
    }

    @Test func aPingIsAnsweredHere() {
        var s = Scene(isAttached: false)
        #expect(s.says(#"{"type":"ping","ref":"m-1"}"#) == [.tell(.pong(ref: id, time: Stamp(microseconds: 77)))])
    }

    @Test func helloComesFirstAndOnce() {
        var s = Scene(isAttached: false)
        #expect(complaint(s.says(#"{"type":"send","id":"m-1","to":"bob","body":""}"#)) == "hello_missing m-1")
        #expect(complaint(s.says(#"{"type":"ack","n":1}"#)) == "hello_missing")
        #expect(complaint(s.says(#"{"type":"read","with":"bob","at":1}"#)) == "hello_missing")
        #expect(complaint(s.says(#"{"type":"history","ref":"m-1"}"#)) == "hello_missing m-1")
        #expect(complaint(s.says(#"{"type":"typing","to":"bob","on":true}"#)) == "hello_missing")
        s.origin.isAttached = true
        #expect(complaint(s.says(#"{"type":"hello"}"#)) == "hello_repeated")
    }

    @Test func nobodyWritesToOneself() {
        var s = Scene()
        #expect(complaint(s.says(#"{"type":"send","id":"m-1","to":"ana","body":""}"#)) == "to_self m-1")
        #expect(complaint(s.says(#"{"type":"read","with":"ana","at":1}"#)) == "to_self")
    }

    @Test func bytesThatAreNoFrameAreRefusedWithTheirReference() {
        var s = Scene()
        #expect(complaint(s.says("")) == "malformed")
        #expect(complaint(s.says("{")) == "malformed")
        #expect(complaint(s.says(#"{"type":"send","id":"m-1","to":"bob"}"#)) == "missing_field m-1")
        #expect(complaint(s.says(#"{"type":"send","id":"m-1","to":"b b","body":""}"#)) == "bad_field m-1")
        #expect(complaint(s.says(#"{"type":"dance"}"#)) == "unknown_type")
        let long = String(repeating: "x", count: ClientLimits.bodyBytesMax + 1)
        #expect(complaint(s.says(#"{"type":"send","id":"m-1","to":"bob","body":""# + long + #""}"#)) == "body_too_long m-1")
        // The connection is none the worse for it.
        #expect(s.says(#"{"type":"ack","n":7}"#).count == 1)
    }

    @Test func aLostShardIsPassedBy() {
        var s = Scene()
        #expect(s.on(.peerDown(shard(ana))) == [])
        let ring = map.ring(of: .session)
        let heir = ring.firstLive(ring.slot(of: ana.text.utf8)) { $0 != shard(ana) }!
        #expect(s.says(#"{"type":"ack","n":7}"#) == [.send(heir, .acknowledge(Acknowledge(origin: s.origin, number: 7)))])
        #expect(s.on(.peerUp(shard(ana))) == [])
        #expect(s.says(#"{"type":"ack","n":7}"#) == [.send(shard(ana), .acknowledge(Acknowledge(origin: s.origin, number: 7)))])
    }

    @Test func withoutAShardTheClientIsToldToWait() {
        var s = Scene(allUp: false)
        #expect(s.core.unreadiness == "no session service is connected")
        #expect(complaint(s.says(#"{"type":"send","id":"m-1","to":"bob","body":""}"#)) == "unavailable m-1 1000")
        s.origin.isAttached = false
        #expect(complaint(s.says(#"{"type":"hello"}"#)) == "unavailable 1000")
        #expect(s.on(.peerUp(shard(bob))) == [])
        #expect(s.core.unreadiness == nil)
    }

    @Test(arguments: ClientEncoding.allCases)
    func typingGoesToWhoIsWrittenTo(_ encoding: ClientEncoding) {
        var s = Scene(encoding: encoding)
        let toBob = Typing(origin: s.origin, to: bob, isOn: true)
        #expect(s.says(.typing(to: bob, isOn: true)) == [.send(shard(bob), .typing(toBob))])
        let team = UserID("g:team")!
        let toTeam = Typing(origin: s.origin, to: team, isOn: false)
        let group = map.ring(of: .group).owner(ofKey: team.text.utf8)
        #expect(s.says(.typing(to: team, isOn: false)) == [.send(group, .typing(toTeam))])
    }

    @Test func whoeverTypesIsActiveAndWhoeverStopsIsNot() {
        var s = Scene()
        _ = s.says(.typing(to: bob, isOn: false))
        let stopped = s.core.deadline()
        #expect(stopped == nil)
        _ = s.says(.typing(to: bob, isOn: true))
        let typing = s.core.deadline()
        #expect(typing != nil)
    }

    @Test func nobodyTypesToOneself() {
        var s = Scene()
        #expect(complaint(s.says(#"{"type":"typing","to":"ana","on":true}"#)) == "to_self")
    }

    @Test func typingWithoutAShardIsDropped() {
        var s = Scene(allUp: false)
        #expect(s.says(.typing(to: bob, isOn: true)) == [])
        #expect(s.says(.typing(to: UserID("g:team")!, isOn: true)) == [])
    }

    @Test func requestsForOtherServicesFindThem() {
        var s = Scene()
        func request(_ name: String) -> Message { .featureRequest(FeatureRequest(origin: s.origin, feature: name, reference: id)) }
        let group = map.ring(of: .group).owner(ofKey: ana.text.utf8)
        let lastSeen = map.ring(of: .lastSeen).owner(ofKey: ana.text.utf8)
        #expect(s.says(#"{"type":"group.create","ref":"m-1"}"#) == [.send(group, request("group.create"))])
        #expect(s.says(#"{"type":"presence.beam","ref":"m-1"}"#) == [.send(lastSeen, request("presence.beam"))])
        #expect(complaint(s.says(#"{"type":"media.beam","ref":"m-1"}"#)) == "unsupported m-1")
    }

    @Test func requestsForServicesThatAreAwayAreUnsupported() {
        var s = Scene(allUp: false)
        #expect(complaint(s.says(#"{"type":"group.create","ref":"m-1"}"#)) == "unsupported m-1")
        #expect(complaint(s.says(#"{"type":"presence.dance"}"#)) == "unsupported")
    }

    @Test func aGatewayCannotSpeakForAnother() {
        var s = Scene()
        let other = map.nodes(of: .gateway)[1].id
        let input = ClientInput(origin: s.origin, bytes: Array(#"{"type":"ack","n":7}"#.utf8))
        #expect(s.on(.received(other, .clientInput(input))) == [.log("foreign_origin")])
        #expect(s.on(.received(other, .done)) == [.log("unexpected_message")])
        #expect(
            s.on(.requested(RemoteCall(node: other, socket: SocketID(rawValue: 1), call: 1), .done)) == [
                .refuse(Refusal(.unsupported))
            ])
    }

    @Test func clientsAndServicesAgreeOnBounds() {
        #expect(ClientLimits.bodyBytesMax == MessageLimits.bodyBytesMax)
        #expect(ClientLimits.clientFrameBytesMax == MessageLimits.clientFrameBytesMax)
        #expect(ClientLimits.serverFrameBytesMax == MessageLimits.clientOutputBytesMax)
        #expect(ClientLimits.historyEntryCountMax == MessageLimits.historyEntryCountMax)
        #expect(ClientLimits.historyEntryCountDefault <= ClientLimits.historyEntryCountMax)
        #expect(ClientLimits.featureBytesMax == MessageLimits.featureBytesMax)
        #expect(ClientLimits.numberMax == UInt64(Stamp.max.microseconds))
        // Whatever passes one bound must fit the frame around it, with room for names.
        #expect(MessageLimits.historyEntryCountMax <= MessageLimits.pageEntryCountMax)
        #expect(MessageLimits.pageBodyBytesMax >= MessageLimits.bodyBytesMax)
        #expect(MessageLimits.clientFrameBytesMax + 1024 <= MessageLimits.payloadBytesMax)
        #expect(MessageLimits.clientOutputBytesMax + 1024 <= MessageLimits.payloadBytesMax)
        #expect(MessageLimits.pageBodyBytesMax + 512 * MessageLimits.pageEntryCountMax <= MessageLimits.payloadBytesMax)
    }
}
