// What the tests of this module share: a fake of the keyed hash, processes with names, frames from hand-written parts.

import Messages
import Primitives
import RPC

/// Stands in for HMAC-SHA256: 32 bytes that depend on every byte of key and message. Deterministic, and no secret safe.
struct FakeHMAC: MessageAuthenticator {
    func hmacSHA256(key: [UInt8], message: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for lane in 0..<4 as Range<UInt64> {
            var value = StableHash(k0: lane, k1: 1)(key)
            value = StableHash(k0: value, k1: lane)(message)
            out += (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        }
        return out
    }
}

let secret = Array("correct horse".utf8)

func identity(
    _ node: String, service: String = "session", cluster: String = "test", epoch: UInt64 = 1, secret: [UInt8] = secret
) -> LinkIdentity {
    LinkIdentity(
        cluster: cluster, service: service, node: node, epoch: epoch, incarnation: 9, secret: secret,
        authenticator: FakeHMAC())
}

func nonce(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: Hello.nonceBytes) }

func ms(_ count: Int64) -> Instant { .zero + .milliseconds(count) }

func poke(_ name: String) -> Message { .poke(Poke(owner: UserID(name)!)) }
func readHead(_ name: String) -> Message { .readHead(ReadHead(owner: UserID(name)!)) }

/// A frame written by hand: nothing of `ByteWriter.frame` in it.
func rawFrame(
    version: UInt8 = 1, kind: UInt8, method: UInt16 = 0, call: UInt32 = 0, payload: [UInt8] = [], length: UInt32? = nil
) -> [UInt8] {
    var writer = ByteWriter()
    writer.u32(length ?? UInt32(8 + payload.count))
    writer.u8(version)
    writer.u8(kind)
    writer.u16(method)
    writer.u32(call)
    return writer.bytes + payload
}

func rawFrame(_ kind: FrameKind, method: UInt16 = 0, call: UInt32 = 0, payload: [UInt8] = []) -> [UInt8] {
    rawFrame(kind: kind.rawValue, method: method, call: call, payload: payload)
}

/// The kinds of the frames in a write, in order.
func kinds(_ bytes: [UInt8]) -> [FrameKind] {
    var kinds: [FrameKind] = []
    var splitter = FrameSplitter()
    splitter.append(bytes[...])
    while let (header, _) = try? splitter.next(limitBytes: RPCLimits.frameBytesMax) { kinds.append(header.kind) }
    return kinds
}

/// A stream in pieces: whole when `seed` is 0, byte by byte when it is 1, cut at random otherwise.
func pieces(_ bytes: [UInt8], seed: UInt64) -> [ArraySlice<UInt8>] {
    if seed == 0 { return [bytes[...]] }
    if seed == 1 { return bytes.indices.map { bytes[$0...$0] } }
    var dice = SeededGenerator(seed: seed)
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    while start < bytes.count {
        let end = min(bytes.count, start + dice.pick(0..<60))
        pieces.append(bytes[start..<end])
        start = end
    }
    return pieces
}
