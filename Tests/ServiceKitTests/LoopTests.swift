// The loop with real sockets: what the kernel does cannot be made up.

import Cluster
import CoreKit
import Foundation
import Primitives
import ServiceKit
import Testing

@Suite(.serialized) struct LoopTests {
    @Test func bytesOfAClientGoRoundByAnotherServiceAndThePagesTellOfIt() throws {
        let loopback = try Loopback()
        try loopback.start()
        let ana = try Client(loopback.gateway.client!)
        let ben = try Client(loopback.gateway.client!)
        ana.send("hello")
        ben.send("good day")
        #expect(ana.receive(5) == Array("HELLO".utf8))
        #expect(ben.receive(8) == Array("GOOD DAY".utf8))

        let peers = try loopback.page("/peers")
        #expect(peers.contains(#"{"name":"parser-1","service":"parser","up":true}"#))
        #expect(peers.contains(#"{"name":"session-1","service":"session","up":false}"#))
        let metrics = try loopback.page("/metrics")
        #expect(metrics.contains("\nfantail_front_test_total 42\n"))
        #expect(metrics.contains("\nfantail_sockets{kind=\"client\"} 2\n"))
        #expect(metrics.contains("\nfantail_rpc_peer_up{peer=\"parser-1\",service=\"parser\"} 1\n"))
        #expect(metrics.contains("\nfantail_loop_tick_seconds_count "))
        #expect(try loopback.page("/trace?key=ab").contains(#""node":"gateway-1","stage":"parsed","detail":7}"#))
        #expect(try loopback.page("/").contains("\r\nLocation: /status\r\n"))
        #expect(try loopback.page("/healthz").hasSuffix("\r\n\r\nok\n"))
        #expect(try loopback.page("/else").hasPrefix("HTTP/1.1 404 "))
        try loopback.stop()
        #expect(throws: Client.NotConnected.self) { try Client(loopback.gateway.client!) }
    }

    @Test func aClosedClientReadsTheLastByteThoughItsOwnWereNotRead() throws {
        let loopback = try Loopback()
        try loopback.start()
        let ana = try Client(loopback.gateway.client!)
        ana.send("bye")
        // What comes behind is thrown away; a reset instead of an end would destroy the farewell.
        let first = ana.receive(1)
        ana.send(String(repeating: "x", count: 100_000))
        #expect(first + (try ana.receiveAll()) == FrontCore.farewell)
        try loopback.stop()
    }

    @Test func aClientThatDoesNotReadIsCutAndTheOthersGoOn() throws {
        let loopback = try Loopback()
        try loopback.start()
        let deaf = try Client(loopback.gateway.client!)
        let ana = try Client(loopback.gateway.client!)
        deaf.send("flood")
        ana.send("still here")
        #expect(ana.receive(10) == Array("STILL HERE".utf8))
        #expect(deaf.receiveCount() < 1024 * FrontCore.floodChunk.count)
        let metrics = try loopback.page("/metrics")
        #expect(metrics.contains("\nfantail_sockets_cut_total 1\n"))
        #expect(metrics.contains("\nfantail_sockets{kind=\"client\"} 1\n"))
        try loopback.stop()
    }

    @Test func aTakenPortIsNamedWithTheRemedy() throws {
        let loopback = try Loopback()
        try loopback.start()
        let port = loopback.gateway.rpc.port
        let stop = SystemCalls.makeEvent()
        #expect(
            throws: StartFailure(
                .unavailable, "port \(port) of 127.0.0.1 is taken by another process; stop it or change cluster.conf")
        ) {
            try ServiceHost.serve(.gateway, loopback.options("gateway-1"), stop: stop, makeStore: nil) { _ in ShoutingCore() }
        }
        try loopback.stop()
    }

    @Test func wrongConfigurationIsSaidBeforeAnythingIsOpened() throws {
        let loopback = try Loopback()
        let stop = SystemCalls.makeEvent()
        func failure(_ role: Role, _ options: ServiceOptions) -> StartFailure? {
            do throws(StartFailure) {
                try ServiceHost.serve(role, options, stop: stop, makeStore: nil) { _ in ShoutingCore() }
                return nil
            } catch {
                return error
            }
        }
        #expect(failure(.gateway, loopback.options("gateway-9"))?.sentence.contains("give --node one of: gateway-1") == true)
        #expect(failure(.gateway, loopback.options("parser-1"))?.sentence.contains("start the parser executable") == true)
        var options = loopback.options("gateway-1")
        options.secret = "\(loopback.folder)/none"
        #expect(failure(.gateway, options)?.sentence.contains("cannot read the cluster's secret") == true)
        for mode in [0o640, 0o604, 0o620, 0o610, 0o602, 0o644] {
            try Loopback.write(String(repeating: "5a", count: 32), to: options.secret, mode: mode)
            #expect(failure(.gateway, options)?.status == .wrongConfiguration)
            #expect(failure(.gateway, options)?.sentence.contains("type: chmod 600 \(options.secret)") == true)
        }
        try Loopback.write("abcd", to: options.secret)
        #expect(failure(.gateway, options)?.status == .wrongConfiguration)
        #expect(failure(.gateway, options)?.sentence.contains("has 2 bytes, at least 32 are needed") == true)
    }
}
