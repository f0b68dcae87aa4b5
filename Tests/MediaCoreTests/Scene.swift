// A stage for transcripts of the media service: facts in, orders out; the test plays the store and the client.

import ClientProtocol
import Cluster
import CoreKit
import Media
import MediaCore
import Messages
import Primitives
import RPC

let map = try! ClusterMap.local(LocalCounts(medias: 1))
let start = Stamp(microseconds: 1_767_225_600_000_000)
let socket = SocketID(rawValue: 1)
let uploadID = String(repeating: "a", count: 24)
let hash = String(repeating: "0", count: 64)
let reference = MediaReference(id: String(repeating: "b", count: 24), secret: String(repeating: "c", count: 32))!
let picture = MediaFile(name: "fish.png", mime: "image/png", size: 10, hash: hash, isOpaque: false)!

struct Scene {
    /// A stand-in for HMAC: as good as one for transcripts.
    var core = MediaCore(base: "http://\(map.nodes(of: .media)[0].client!)") { message in
        let word = StableHash.hash(message, k0: 1, k1: 2)
        return (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
    let parser = map.nodes(of: .parser)[0].id
    var clock = Interval.seconds(0)
    /// Who asks.
    var user = UserID("ana")!
    /// Tickets of orders that nobody has answered.
    private(set) var orders: [MediaOrder] = []

    var now: Now { Now(instant: Instant(nanoseconds: clock.nanoseconds), stamp: start + clock) }

    mutating func on(_ event: Event) -> [Effect] {
        var effects: [Effect] = []
        core.on(event, now: now, effects: &effects)
        for case .disk(.order(let order)) in effects where order.work != .sweep { orders.append(order) }
        return effects
    }

    mutating func wait(_ seconds: Int64) -> [Effect] {
        clock = Interval(nanoseconds: clock.nanoseconds + Interval.seconds(seconds).nanoseconds)
        return on(.deadline)
    }

    /// The store carries out what it was asked first.
    mutating func answer(_ result: MediaOutcome.Result) -> [Effect] {
        on(.disk(.done(MediaOutcome(orders.removeFirst().ticket, result))))
    }

    mutating func ask(_ wish: MediaRequest.Wish) -> [Effect] {
        on(.received(parser, .mediaRequest(MediaRequest(origin: origin, reference: MessageID("r")!, wish: wish))))
    }

    var origin: Origin {
        Origin(
            gateway: map.nodes(of: .gateway)[0].id, connection: ConnectionID(rawValue: 7), user: user,
            device: DeviceID("main")!, encoding: .json, isAttached: true, hasSiblings: false)
    }

    /// Path and query of a link, as the answer to the question has it.
    mutating func link(_ wish: MediaRequest.Wish, _ result: MediaOutcome.Result) -> String {
        _ = ask(wish)
        for case .send(_, .clientOutput(let output)) in answer(result) {
            switch try? ServerFrame.decode(output.bytes, as: .json) {
            case .mediaUpload(_, let url, _), .mediaLink(_, let url, _): return String(url.split(separator: "/", maxSplits: 2).last!)
            default: continue
            }
        }
        return ""
    }

    mutating func connects() -> [Effect] { on(.clientAccepted(socket)) }
    mutating func says(_ text: String) -> [Effect] { on(.clientReceived(socket, Array(text.utf8)[...])) }
}

/// The status of the answer among these, nil when there is none.
func status(_ effects: [Effect]) -> Int? {
    for case .writeClient(_, let bytes) in effects {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        if let status = Int(words[1]), status != 100 { return status }
    }
    return nil
}

/// The code of the error frame among these.
func complaint(_ effects: [Effect]) -> ErrorCode? {
    for case .send(_, .clientOutput(let output)) in effects {
        if case .error(let error) = try? ServerFrame.decode(output.bytes, as: .json) { return error.code }
    }
    return nil
}
