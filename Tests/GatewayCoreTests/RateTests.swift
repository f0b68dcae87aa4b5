// One client that asks for too much: dropped frames, refused connections, and answers that say so.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import Testing
import WebSocket

private func map(frames: Int = 0, kib: Int = 0, connects: Int = 0) -> ClusterMap {
    try! ClusterMap.local(limitRules: LimitRules(framesPerSecond: frames, kibPerSecond: kib, connectsPerSecond: connects))
}

/// The codes and waits of errors that a client was told.
private func errors(_ done: [Did]) -> [String] {
    done.flatMap { did -> [String] in
        guard case .frames(_, let events) = did else { return [] }
        return events.compactMap { event in
            guard case .text(let bytes) = event, case .error(let error)? = try? ServerFrame.decode(bytes, as: .json) else { return nil }
            return "\(error.code.name) \(error.retryMs ?? 0)"
        }
    }
}

@Suite struct RateTests {
    @Test func framesBeyondTheRateAreDroppedAndToldOnce() {
        var s = Scene(map(frames: 10))
        s.opens(1)
        // Two seconds' worth are saved up.
        for _ in 0..<20 { #expect(passed(s.sends(1, "x")).count == 1) }
        #expect(errors(s.sends(1, "x")) == ["rate_limited 1000"])
        // A flood is not answered by a flood.
        for _ in 0..<50 { #expect(s.sends(1, "x") == []) }
        _ = s.wait(250)
        // Meanwhile two and a half came back.
        #expect(passed(s.sends(1, "x")).count == 1)
        #expect(passed(s.sends(1, "x")).count == 1)
        #expect(errors(s.sends(1, "x")) == ["rate_limited 1000"])
    }

    @Test func bytesCountToo() {
        var s = Scene(map(kib: 400))
        s.opens(1)
        let large = String(repeating: "x", count: 390_000)
        #expect(passed(s.sends(1, large)).count == 1)
        #expect(passed(s.sends(1, large)).count == 1)
        #expect(errors(s.sends(1, large)) == ["rate_limited 1000"])
        // What is small still fits.
        #expect(passed(s.sends(1, "x")).count == 1)
    }

    @Test func theConnectionsOfAUserShareARateAndOthersHaveTheirOwn() {
        var s = Scene(map(frames: 1))
        s.opens(1)
        s.opens(2)
        s.opens(3, bob)
        #expect(passed(s.sends(1, "x")).count == 1)
        #expect(passed(s.sends(2, "x")).count == 1)
        #expect(passed(s.sends(2, "x")).isEmpty)
        #expect(passed(s.sends(3, "x")).count == 1)
        // Her place is given back with her last connection.
        _ = s.ends(1)
        _ = s.ends(2)
        s.opens(4)
        #expect(passed(s.sends(4, "x")).count == 1)
    }

    @Test func pingsAndClosesAreNotFrames() {
        var s = Scene(map(frames: 1))
        s.opens(1)
        for _ in 0..<3 { _ = s.sends(1, "x") }
        var ping: [UInt8] = []
        FrameEncoder.appendPing(mask: 0x0102_0304, to: &ping)
        #expect(s.sends(1, ping) == [.frames(1, [.pong([])])])
    }

    @Test func anAddressThatConnectsTooOftenIsToldWhenToComeBack() {
        var s = Scene(map(connects: 2))
        let here = ClientAddress(rawValue: 1)
        func comes(_ socket: UInt64, from address: ClientAddress?) -> [Did] {
            let request = s.request(s.token())
            return s.on(.clientAccepted(SocketID(rawValue: socket), from: address), .clientReceived(SocketID(rawValue: socket), request[...]))
        }
        for socket in 1...10 as ClosedRange<UInt64> { #expect(comes(socket, from: here) == [.http(socket, 101)]) }
        #expect(comes(11, from: here) == [.http(11, 429, "too_many_connections"), .end(11)])
        #expect(comes(12, from: ClientAddress(rawValue: 2)) == [.http(12, 101)])
        #expect(comes(13, from: nil) == [.http(13, 101)])
        _ = s.wait(500)
        #expect(comes(14, from: here) == [.http(14, 101)])
        #expect(comes(15, from: here) == [.http(15, 429, "too_many_connections"), .end(15)])
    }

    @Test func theTableOfAddressesIsBounded() {
        var s = Scene(map(connects: 1))
        // Each takes a place; when all are taken the rest share one bucket of five.
        for number in 0..<4_096 as Range<UInt64> {
            _ = s.on(.clientAccepted(SocketID(rawValue: number + 1), from: ClientAddress(rawValue: UInt32(number))))
        }
        var limited = 0
        for number in 5_000..<5_020 as Range<UInt64> {
            let bytes = s.request(s.token())
            let done = s.on(
                .clientAccepted(SocketID(rawValue: number), from: ClientAddress(rawValue: UInt32(number))),
                .clientReceived(SocketID(rawValue: number), bytes[...]))
            if done.contains(.http(number, 429, "too_many_connections")) { limited += 1 }
        }
        #expect(limited == 15)
    }

    @Test func limitsThatAreOffLimitNothing() {
        var s = Scene(map())
        s.opens(1)
        for _ in 0..<500 { #expect(passed(s.sends(1, "x")).count == 1) }
    }
}

@Suite struct FullTests {
    private let nobody = Load(.full, admitPermille: 0)

    @Test func whoCouldSendNothingIsNotLetIn() {
        var s = Scene()
        s.core.load.onHeard(nobody, from: s.home(ana))
        #expect(s.comes(1, s.request(s.token())) == [.http(1, 503, "overloaded"), .end(1)])
        // A user of another shard is.
        let other = s.sessions.first { $0 != s.home(ana) }!
        s.opens(2, s.user(at: other))
        s.core.load.forget(s.home(ana))
        s.opens(3)
    }

    @Test func aFullParserKeepsEverybodyOut() {
        var s = Scene()
        s.core.load.onHeard(nobody, from: s.parsers[0])
        #expect(s.comes(1, s.request(s.token())) == [.http(1, 503, "overloaded"), .end(1)])
    }

    @Test func whoIsInStaysIn() {
        var s = Scene()
        s.isSeated(1)
        s.core.load.onHeard(nobody, from: s.home(ana))
        #expect(passed(s.sends(1, "x")).count == 1)
        #expect(s.wait(5_000) == [])
    }
}
