// The bounds fit each other, and the manual keeps up with the code.

import Foundation
import Messages
import Primitives
import RPC
import Testing

@Suite struct RPCLimitsTests {
    @Test func waitsStandInTheirOrder() {
        #expect(RPCLimits.heartbeat < RPCLimits.silenceMax)
        // A dead peer is noticed as such before its calls time out.
        #expect(RPCLimits.silenceMax < RPCLimits.callTimeout)
        #expect(RPCLimits.redialFirst < RPCLimits.redialMax)
        #expect(RPCLimits.heartbeat < RPCLimits.handshakeTimeout)
    }

    @Test func sizesStandInTheirOrder() {
        #expect(RPCLimits.frameBytesMax == RPCLimits.headerBytes + MessageLimits.payloadBytesMax)
        #expect(RPCLimits.helloBytesMax < RPCLimits.frameBytesMax)
        #expect(RPCLimits.sendQueueBytesSoft >= 2 * RPCLimits.frameBytesMax)
        #expect(RPCLimits.sendQueueBytesMax >= 2 * RPCLimits.sendQueueBytesSoft)
    }

    @Test func theManualHasEveryMessageAndEveryRefusal() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let manual = try String(contentsOf: root.appending(path: "docs/rpc.md"), encoding: .utf8)
        let rows = manual.split(separator: "\n").filter { $0.hasPrefix("| ") }
        for method in UInt16.min...UInt16.max {
            var reader = ByteReader([])
            // Reading nothing tells: nil for a number that is not known, no bytes for one that is.
            do throws(DecodeError) { if try Message(method: method, from: &reader) == nil { continue } } catch {}
            #expect(
                rows.contains { $0.hasPrefix("| \(method) | ") }, "docs/rpc.md has no row for message \(method): add it to the table")
        }
        for code in Refusal.Code.allCases {
            #expect(rows.contains { $0.hasPrefix("| \(code.rawValue) | `\(code)` |") }, "docs/rpc.md has no row for refusal \(code)")
        }
        for kind in FrameKind.allCases {
            #expect(rows.contains { $0.hasPrefix("| \(kind.rawValue) | `\(kind)` |") }, "docs/rpc.md has no row for kind \(kind)")
        }
    }
}
