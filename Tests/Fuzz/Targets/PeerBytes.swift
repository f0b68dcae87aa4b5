// Bytes of peers: whoever reaches the RPC port, before and after it has proved itself.

import Crypto
import Messages
import Primitives
import RPC

extension FuzzTarget {
    static var peerTargets: [FuzzTarget] {
        [
            FuzzTarget("rpc-stranger", seeds: [stranger], run: stranger),
            FuzzTarget("rpc-message", seeds: (0...120).map { [UInt8($0), 0] + [UInt8](repeating: 1, count: 40) }, run: message),
        ]
    }

    private static func identity(_ node: String) -> LinkIdentity {
        LinkIdentity(
            cluster: "fuzz", service: "session", node: node, epoch: 1, incarnation: 2, secret: [UInt8](repeating: 3, count: 32),
            authenticator: OpenSSLCrypto())
    }

    private static let nonce = [UInt8](repeating: 4, count: Hello.nonceBytes)

    /// What a peer says first.
    private static var stranger: [UInt8] {
        var link = Link(dialing: "session-2", identity: identity("session-1"), nonce: nonce, now: Instant(nanoseconds: 0))
        return link.takeOutbound()
    }

    /// Without the secret nobody gets in, however the stream is split.
    private static func stranger(_ bytes: [UInt8]) {
        for isDialer in [false, true] {
            var link = isDialer
                ? Link(dialing: "session-1", identity: identity("session-2"), nonce: nonce, now: Instant(nanoseconds: 0))
                : Link(acceptingWith: identity("session-2"), nonce: nonce, now: Instant(nanoseconds: 0))
            var events: [LinkEvent] = []
            for piece in bytes.pieces {
                do throws(LinkFault) {
                    try link.receive(piece, now: Instant(nanoseconds: 1), into: &events)
                } catch {
                    break
                }
            }
            demand(link.peer == nil && events.isEmpty, "a stranger is not let in")
        }
    }

    /// Method in two bytes, then the payload. What was understood means the same after it was said again.
    private static func message(_ bytes: [UInt8]) {
        guard bytes.count >= 2 else { return }
        let method = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
        var reader = ByteReader(Array(bytes.dropFirst(2)))
        guard let message = try? Message(method: method, from: &reader) else { return }
        var writer = ByteWriter()
        message.encode(into: &writer)
        var again = ByteReader(writer.bytes)
        demand((try? Message(method: message.method, from: &again)) == message, "message \(method) survives")
        demand(again.isAtEnd, "message \(method) is read to its end")
    }
}
