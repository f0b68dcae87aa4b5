// The mask: every payload byte of a client is combined with one of four key bytes in turn.
//
// It hides nothing; it keeps old proxies from taking chat text for HTTP. XOR undoes itself, so one function serves both ways. The
// key is held as the number that its four bytes spell on the wire, first byte highest.

enum Masking {
    /// Combines `bytes[start...]` with the key in place, eight bytes a step.
    /// - Parameter phase: payload bytes that were masked before this piece; only its last two bits matter.
    /// - Complexity: O(bytes.count - start). Source: RFC 6455, section 5.3.
    static func apply(_ key: UInt32, phase: Int, to bytes: inout [UInt8], from start: Int) {
        precondition(start >= 0)
        precondition(start <= bytes.count)
        guard key != 0 else { return }
        // The key as it stands under the first byte of this piece.
        let shift = UInt32(phase & 3) * 8
        let turned = shift == 0 ? key : (key << shift) | (key >> (32 - shift))
        let wide = (UInt64(turned) << 32 | UInt64(turned)).bigEndian
        bytes.withUnsafeMutableBytes { buffer in
            let end = buffer.count
            var index = start
            // The loop condition keeps each load and store inside the buffer.
            while end - index >= 8 {
                let masked = buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
                buffer.storeBytes(of: masked, toByteOffset: index, as: UInt64.self)
                index += 8
            }
            var tail = turned
            while index < end {
                buffer[index] ^= UInt8(truncatingIfNeeded: tail >> 24)
                tail = tail << 8 | tail >> 24
                index += 1
            }
        }
    }
}
