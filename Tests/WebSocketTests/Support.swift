// What the tests of this module share: dice with a seed, cuts of a stream, and SHA-1 from a table.
import WebSocket

/// SplitMix64: the same seed gives the same numbers everywhere.
struct SeededDice {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// 0..<bound
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

/// The example of RFC 6455, section 1.3.
let exampleKey = "dGhlIHNhbXBsZSBub25jZQ=="
let exampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
let exampleNonce = Array("the sample nonce".utf8)

/// SHA-1 of the one text that the tests hash: the example key and the fixed suffix. Anything else hashes to zeros, which no test expects.
func exampleSHA1(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes == Array((exampleKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8) else { return Array(repeating: 0, count: 20) }
    return [
        0xB3, 0x7A, 0x4F, 0x2C, 0xC0, 0x62, 0x4F, 0x16, 0x90, 0xF6, 0x46, 0x06, 0xCF, 0x38, 0x59, 0x45, 0xB2, 0xBE, 0xC4, 0xEA,
    ]
}

/// A stream cut into single bytes.
func singleBytes(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] { bytes.indices.map { bytes[$0..<$0 + 1] } }

/// A stream cut at random places; some pieces are empty.
func randomCuts(_ bytes: [UInt8], _ dice: inout SeededDice) -> [ArraySlice<UInt8>] {
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    while start < bytes.count {
        let end = min(bytes.count, start + dice.below(40))
        pieces.append(bytes[start..<end])
        start = end
    }
    return pieces
}

/// Everything a fresh decoder says about a stream in pieces.
func decode(
    _ pieces: [ArraySlice<UInt8>], role: WebSocketRole, limits: WebSocketLimits = .standard
) -> [WebSocketEvent] {
    var decoder = FrameDecoder(role: role, limits: limits)
    var events: [WebSocketEvent] = []
    for piece in pieces { decoder.receive(piece, into: &events) }
    return events
}

/// Frames as a client sends them, decoded by a server, whole and byte by byte; nil when the two differ.
func decodeBothWays(_ bytes: [UInt8], role: WebSocketRole, limits: WebSocketLimits = .standard) -> [WebSocketEvent]? {
    let whole = decode([bytes[...]], role: role, limits: limits)
    return whole == decode(singleBytes(bytes), role: role, limits: limits) ? whole : nil
}

func frame(
    _ opcode: FrameOpcode, _ payload: [UInt8], isFinal: Bool = true, mask: UInt32? = 0x37FA_213D
) -> [UInt8] {
    var out: [UInt8] = []
    FrameEncoder.appendFrame(opcode, isFinal: isFinal, payload: payload[...], mask: mask, to: &out)
    return out
}
