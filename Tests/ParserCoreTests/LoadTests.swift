// The edge: what the parser lets in when those behind or before it are behind.

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
private func shard(_ user: UserID) -> NodeID { map.ring(of: .session).owner(ofKey: user.text.utf8) }

private struct Scene {
    var core = ParserCore(selfID: map.nodes(of: .parser)[0].id, cluster: map)
    let gateway = map.nodes(of: .gateway)[0].id

    init() {
        var effects: [Effect] = []
        for node in map.peers(of: map.nodes(of: .parser)[0].id) {
            core.on(.peerUp(node.id), now: Now(instant: .zero, stamp: .zero), effects: &effects)
        }
    }

    /// What became of a frame of ana's: a message's number, or an error with its reference and whether it says when to come back.
    mutating func says(_ text: String) -> [String] {
        let origin = Origin(
            gateway: gateway, connection: ConnectionID(rawValue: 1), user: ana, device: DeviceID("phone")!, encoding: .json,
            isAttached: true, hasSiblings: false)
        var effects: [Effect] = []
        core.on(
            .received(gateway, .clientInput(ClientInput(origin: origin, bytes: Array(text.utf8)))),
            now: Now(instant: .zero, stamp: Stamp(microseconds: 77)), effects: &effects)
        return effects.compactMap { effect in
            switch effect {
            case .send(_, .clientOutput(let output)):
                guard case .error(let error)? = try! ServerFrame.decode(output.bytes, as: .json) else { return "frame" }
                let isInRange = error.retryMs.map { LoadLimits.retryMs.contains($0) } ?? false
                return "\(error.code.name) \(error.ref?.text ?? "-")\(isInRange ? " come back" : "")"
            case .send(_, let message): return "\(message.method)"
            default: return nil
            }
        }
    }
}

private let nobody = Load(.full, admitPermille: 0)
private let send = #"{"type":"send","id":"m-1","to":"bob","body":""}"#

@Suite struct LoadTests {
    @Test func aFullShardHasItsMessagesRefusedHere() {
        var s = Scene()
        #expect(s.says(send) == ["16"])
        s.core.load.onHeard(nobody, from: shard(bob))
        #expect(s.says(send) == ["overloaded m-1 come back"])
        // Whoever lives elsewhere is written to as ever.
        let far = (0..<100).lazy.map { UserID("u\($0)")! }.first { shard($0) != shard(bob) }!
        #expect(s.says(#"{"type":"send","id":"m-2","to":"\#(far)","body":""}"#) == ["16"])
        s.core.load.forget(shard(bob))
        #expect(s.says(send) == ["16"])
    }

    @Test func aFullGatewaySendsNothingNew() {
        var s = Scene()
        s.core.load.onHeard(nobody, from: s.gateway)
        #expect(s.says(send) == ["overloaded m-1 come back"])
    }

    @Test func whatPeopleAskForIsRefusedLikeAMessage() {
        var s = Scene()
        for node in map.nodes { s.core.load.onHeard(nobody, from: node.id) }
        #expect(s.says(#"{"type":"history","ref":"h-1"}"#) == ["overloaded h-1 come back"])
        #expect(s.says(#"{"type":"send","id":"m-1","to":"g:x","body":""}"#) == ["overloaded m-1 come back"])
        #expect(s.says(#"{"type":"group.info","ref":"r-1","group":"g:x"}"#) == ["overloaded r-1 come back"])
        #expect(s.says(#"{"type":"group.list","ref":"r-2"}"#) == ["overloaded r-2 come back"])
    }

    @Test func typingIsGivenUpFirstThenLastSeenThenSomeMessages() {
        let typing = #"{"type":"typing","to":"bob","on":true}"#
        let active = #"{"type":"active","on":true}"#
        let ask = #"{"type":"presence","ref":"p-1","users":["bob"]}"#
        var done: [String] = []
        for level in LoadLevel.allCases {
            var s = Scene()
            // Anybody at all who is behind: nobody on the way of these.
            s.core.load.onHeard(Load(level, admitPermille: level == .full ? 0 : 1_000), from: map.nodes(of: .group)[0].id)
            done.append((s.says(typing) + s.says(active) + s.says(ask) + s.says(send)).joined(separator: ", "))
        }
        #expect(
            done == [
                "30, 97, 99, 16", "97, 99, 16", "overloaded p-1 come back, 16", "overloaded p-1 come back, 16",
                "overloaded p-1 come back, 16",
            ])
    }

    @Test func settingsAreRefusedLikeAMessageAndNotBefore() {
        var s = Scene()
        let block = #"{"type":"block","ref":"b-1","user":"bob","on":true}"#
        for node in map.nodes { s.core.load.onHeard(Load(.behind), from: node.id) }
        #expect(s.says(block) == ["100"])
        for node in map.nodes { s.core.load.onHeard(nobody, from: node.id) }
        #expect(s.says(block) == ["overloaded b-1 come back"])
    }

    @Test func receiptsAreNeverRefused() {
        var s = Scene()
        for node in map.nodes { s.core.load.onHeard(nobody, from: node.id) }
        #expect(s.says(#"{"type":"ack","n":7}"#) == ["17"])
        #expect(s.says(#"{"type":"read","with":"bob","at":9}"#) == ["18"])
        #expect(s.core.load.counts[.receipts, .admitted] == 2)
        // And whoever asks whether the way is open is told.
        #expect(s.says(#"{"type":"ping"}"#) == ["frame"])
    }

    @Test func belowFullEveryMessageIsTaken() {
        var s = Scene()
        s.core.load.onHeard(Load(.behind), from: shard(bob))
        #expect(s.says(send) == ["16"])
        #expect(s.core.load.counts[.messages, .admitted] == 1)
        #expect(s.core.load.counts[.messages, .refused] == 0)
    }
}
