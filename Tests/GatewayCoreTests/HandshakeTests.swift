// From the first byte to the WebSocket: who gets in, who does not, and that nobody else hears of those who did not.

import CoreKit
import GatewayCore
import Messages
import Primitives
import RPC
import Testing
import Tokens
import WebSocket

@Suite struct HandshakeTests {
    @Test func anUpgradeArrivesWhole() {
        var s = Scene()
        #expect(s.comes(1, s.request(s.token())) == [.http(1, 101)])
        #expect(passed(s.sends(1, "{}")).map(\.bytes) == ["{}"])
    }

    @Test func anUpgradeArrivesByteByByte() {
        var s = Scene()
        var done = s.on(.clientAccepted(SocketID(rawValue: 1)))
        for byte in s.request(s.token()) + frame("{}") { done += s.sends(1, [byte]) }
        #expect(done.first == .http(1, 101))
        #expect(passed(done).map(\.bytes) == ["{}"])
        #expect(done.count == 2)
    }

    @Test func aFrameBehindTheRequestIsNotLost() {
        var s = Scene()
        let done = s.comes(1, s.request(s.token()) + frame("{}"))
        #expect(done.first == .http(1, 101))
        #expect(passed(done).map(\.bytes) == ["{}"])
    }

    @Test func theAcceptKeyIsThatOfTheStandard() {
        let s = Scene()
        var core = s.core
        var effects: [Effect] = []
        core.on(.clientAccepted(SocketID(rawValue: 1)), now: s.now, effects: &effects)
        core.on(.clientReceived(SocketID(rawValue: 1), s.request(s.token())[...]), now: s.now, effects: &effects)
        guard case .writeClient(_, let bytes) = effects.first else { return #expect(Bool(false), "no answer") }
        #expect(String(decoding: bytes, as: UTF8.self).contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
    }

    @Test func aConnectionWithoutATokenIsRefused() {
        var s = Scene()
        #expect(s.comes(1, s.request(nil) + frame("{}")) == [.http(1, 401, "token_missing"), .end(1)])
    }

    @Test func aForgedTokenReachesNobody() {
        var s = Scene()
        #expect(s.comes(1, s.request(s.token(key: strangeKey)) + frame("{}")) == [.http(1, 401, "token_bad_signature"), .end(1)])
        // What comes behind is not even read.
        #expect(s.sends(1, "{}") == [])
        #expect(s.ends(1) == [])
    }

    @Test func anExpiredTokenIsRefused() {
        var s = Scene()
        let request = s.request(s.token(seconds: 10))
        _ = s.wait(10_000)
        #expect(s.comes(1, request) == [.http(1, 401, "token_expired"), .end(1)])
    }

    @Test func otherRequestsGetTheirStatus() {
        var s = Scene()
        #expect(s.comes(1, s.request(s.token(), path: "/v2/ws")) == [.http(1, 404, "no_such_path"), .end(1)])
        #expect(s.comes(2, Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)) == [.http(2, 200), .end(2)])
        #expect(s.comes(3, Array("GET /x HTTP/1.1\r\nHost: h\r\n\r\n".utf8)) == [.http(3, 404, "no_such_path"), .end(3)])
        #expect(s.comes(4, Array("POST /v1/ws HTTP/1.1\r\nHost: h\r\n\r\n".utf8)) == [.http(4, 405, "only_get"), .end(4)])
        let nonsense = s.comes(5, Array("\u{16}\u{3}\u{1} hello\r\n\r\n".utf8))
        #expect(nonsense.count == 2 && nonsense.last == .end(5))
    }

    @Test func withoutAListOnlyPagesOfTheSameHostMayConnect() {
        var s = Scene()
        #expect(s.comes(1, s.request(s.token(), origin: "http://gw.example.org:8080")) == [.http(1, 101)])
        #expect(s.comes(2, s.request(s.token(), origin: "https://evil.example")) == [.http(2, 403, "origin_not_allowed"), .end(2)])
    }

    @Test func withAListOnlyItsPagesMayConnect() {
        var s = Scene(Scene.origins)
        #expect(s.comes(1, s.request(s.token(), origin: "https://chat.example.org")) == [.http(1, 101)])
        #expect(
            s.comes(2, s.request(s.token(), origin: "http://gw.example.org:8080")) == [.http(2, 403, "origin_not_allowed"), .end(2)])
        #expect(s.comes(3, s.request(s.token())) == [.http(3, 101)])
    }

    @Test func aGatewayWithNothingBehindItSaysSo() {
        var s = Scene(allUp: false)
        #expect(s.core.unreadiness == "no parser service is connected")
        #expect(s.comes(1, s.request(s.token())) == [.http(1, 503, "parser_away"), .end(1)])
        _ = s.on(.peerUp(s.parsers[0]))
        #expect(s.comes(2, s.request(s.token())) == [.http(2, 503, "session_away"), .end(2)])
        _ = s.on(.peerUp(s.sessions[0]))
        #expect(s.core.unreadiness == nil)
        #expect(s.comes(3, s.request(s.token())) == [.http(3, 101)])
    }

    @Test func aHandshakeHasTenSeconds() {
        var s = Scene()
        #expect(s.comes(1, Array("GET /v1/ws HTTP/1.1\r\n".utf8)) == [])
        #expect(s.wait(9_999) == [])
        #expect(s.wait(1) == [.end(1)])
        #expect(s.sends(1, "x") == [])
    }

    @Test func theOldestHandshakeMakesRoomForTheNewest() {
        var s = Scene()
        // One that is through is nobody's room.
        s.opens(1)
        for socket in 2...2_049 as ClosedRange<UInt64> { #expect(s.on(.clientAccepted(SocketID(rawValue: socket))) == []) }
        #expect(s.on(.clientAccepted(SocketID(rawValue: 3_000))) == [.end(2)])
        #expect(s.on(.clientAccepted(SocketID(rawValue: 3_001))) == [.end(3)])
        #expect(s.sends(3_001, s.request(s.token(bob))) == [.http(3_001, 101)])
        #expect(s.on(.clientAccepted(SocketID(rawValue: 3_002))) == [])
        #expect(passed(s.sends(1, "{}")).count == 1)
    }

    @Test func nobodyIsLetIntoAFullHouseBeforeItsOldestHadTimeToSpeak() {
        var s = Scene()
        func isWanted() -> Bool { s.core.wantsClient(now: s.now.instant) }
        for socket in 1...2_047 as ClosedRange<UInt64> { _ = s.on(.clientAccepted(SocketID(rawValue: socket))) }
        #expect(isWanted())
        _ = s.wait(300)
        _ = s.on(.clientAccepted(SocketID(rawValue: 2_048)))
        #expect(!isWanted())
        // One that is through makes room at once, and so does one that leaves.
        #expect(s.sends(5, s.request(s.token())) == [.http(5, 101)])
        #expect(isWanted())
        _ = s.on(.clientAccepted(SocketID(rawValue: 2_049)))
        #expect(!isWanted())
        _ = s.wait(699)
        #expect(!isWanted())
        _ = s.wait(1)
        #expect(isWanted())
        #expect(s.on(.clientAccepted(SocketID(rawValue: 2_050))) == [.end(1)])
    }

    // MARK: Pace

    /// That many who ask in the same instant, from `first` on.
    private func crowd(_ s: Scene, _ count: UInt64, from first: UInt64 = 1) -> [Event] {
        let request = s.request(s.token())
        return (first..<first + count).flatMap { socket -> [Event] in
            [.clientAccepted(SocketID(rawValue: socket)), .clientReceived(SocketID(rawValue: socket), request[...])]
        }
    }

    private func letIn(_ done: [Did]) -> [UInt64] {
        done.compactMap { if case .http(let socket, 101, _) = $0 { socket } else { nil } }
    }

    @Test func aCrowdComesInStepByStepInItsOrder() {
        var s = Scene()
        #expect(letIn(s.tick(crowd(s, 12))) == [1, 2, 3, 4])
        // Whoever comes later stands behind them, even in a tick that has room.
        #expect(s.tick(crowd(s, 1, from: 13)) == [])
        #expect(letIn(s.wait(1)) == [5, 6, 7, 8])
        #expect(letIn(s.wait(1)) == [9, 10, 11, 12])
        #expect(letIn(s.wait(1)) == [13])
        #expect(letIn(s.tick(crowd(s, 1, from: 14))) == [14])
    }

    @Test func nobodyComesInWhileManyHellosAreOnTheirWay() {
        var s = Scene()
        for socket in 1...64 as ClosedRange<UInt64> { s.opens(socket) }
        let connections = (1...64 as ClosedRange<UInt64>).map { s.connection($0) }
        #expect(s.tick(crowd(s, 6, from: 65)) == [])
        #expect(s.wait(500) == [])
        // One is welcome: there is room in the next tick, and then again while fewer than 64 speak.
        _ = s.attached(connections[0], by: s.home(ana))
        _ = s.welcomed(connections[0], by: s.home(ana))
        #expect(letIn(s.wait(1)) == [65, 66, 67, 68])
        for socket in 65...68 as ClosedRange<UInt64> { _ = s.connection(socket) }
        _ = s.ends(2)
        #expect(letIn(s.wait(1)) == [])
    }

    @Test func aShardThatStandsStillKeepsNobodyOutForLong() {
        var s = Scene()
        for socket in 1...64 as ClosedRange<UInt64> {
            s.opens(socket)
            _ = s.connection(socket)
        }
        #expect(s.tick(crowd(s, 1, from: 65)) == [])
        #expect(letIn(s.wait(999)) == [])
        #expect(letIn(s.wait(2)) == [65])
    }

    @Test func whoLeavesTheQueueIsNoMoreInIt() {
        var s = Scene()
        _ = s.tick(crowd(s, 8))
        _ = s.ends(5)
        #expect(s.ends(6) == [])
        #expect(s.wait(1) == [.http(7, 101), .http(8, 101)])
        #expect(s.sends(5, "x") == [])
    }

    @Test func aTokenIsLookedAtWhenItsTurnHasCome() {
        var s = Scene()
        _ = s.tick(crowd(s, 4))
        _ = s.tick(crowd(s, 4, from: 5) + [.clientAccepted(SocketID(rawValue: 9)), .clientReceived(SocketID(rawValue: 9), s.request(s.token(key: strangeKey))[...])])
        #expect(s.wait(1) == [.http(9, 401, "token_bad_signature"), .end(9)])
    }

    @Test func aFirstMessageMayComeEarlyAndNoMore() {
        var s = Scene()
        _ = s.tick(crowd(s, 7))
        #expect(s.sends(5, "{}") == [])
        #expect(s.sends(6, [UInt8](repeating: 0, count: 16 * 1024)) == [])
        #expect(s.sends(6, [0]) == [.end(6)])
        let done = s.wait(1)
        #expect(letIn(done) == [5, 7])
        #expect(passed(done).map(\.bytes) == ["{}"])
    }

    @Test func whoWaitsForAPlaceCountsAmongTheHandshakes() {
        var s = Scene()
        func isWanted() -> Bool { s.core.wantsClient(now: s.now.instant) }
        for socket in 1...64 as ClosedRange<UInt64> {
            s.opens(socket)
            _ = s.connection(socket)
        }
        _ = s.tick(crowd(s, 2_047, from: 100))
        #expect(isWanted())
        _ = s.on(.clientAccepted(SocketID(rawValue: 3_000)))
        #expect(!isWanted())
        // The silent one is the only one that may be sent away; those who wait for us are not.
        _ = s.on(.clientAccepted(SocketID(rawValue: 3_001)))
        #expect(s.sends(3_000, "x") == [])
    }

    // MARK: Names

    @Test func theDeviceIsTheTokensOrTheUnnamedOne() {
        var s = Scene()
        let named = try! TokenMinter(signatures: crypto).mint(
            sub: ana, device: DeviceID("phone")!, ttlSeconds: 60, nowSeconds: Scene.start, key: key)
        var devices: [String] = []
        for (socket, token) in [(1, named), (2, s.token())] as [(UInt64, String)] {
            _ = s.comes(socket, s.request(token))
            for case .send(_, .clientInput(let input)) in s.sends(socket, "{}") { devices.append(input.origin.device.text) }
        }
        #expect(devices == ["phone", "main"])
    }

    @Test func connectionsOfOneMicrosecondHaveRisingNumbers() {
        var s = Scene()
        s.opens(1)
        s.opens(2)
        let first = s.connection(1)
        let second = s.connection(2)
        #expect(first.rawValue == UInt64(Scene.start) * 1_000_000)
        #expect(second.rawValue == first.rawValue + 1)
    }
}
