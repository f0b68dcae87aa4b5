// The frame: `length u32 | version u8 | kind u8 | method u16 | call id u32 | payload`, little endian.
// The length counts everything behind itself.

import Messages
import Primitives

/// What a frame is for.
public enum FrameKind: UInt8, Sendable, CaseIterable {
    case hello = 1
    case proof = 2
    case request = 3
    case answer = 4
    case refusal = 5
    case oneWay = 6
    case ping = 7
    case pong = 8
}

/// A frame's fixed part.
public struct FrameHeader: Equatable, Sendable {
    public var kind: FrameKind
    /// The message's number; 0 where the kind says it all.
    public var method: UInt16
    /// Pairs an answer with its request; 0 for frames that are not answered.
    public var call: UInt32

    public init(kind: FrameKind, method: UInt16 = 0, call: UInt32 = 0) {
        self.kind = kind
        self.method = method
        self.call = call
    }
}

/// Why a stream of bytes is no stream of frames. The link is closed; nothing behind the fault is believed.
public enum FrameError: Error, Equatable, Sendable {
    case badLength(UInt32)
    case badVersion(UInt8)
    case badKind(UInt8)
}

extension ByteWriter {
    /// Appends a whole frame; `payload` writes what follows the header.
    public mutating func frame(_ header: FrameHeader, payload: (inout ByteWriter) -> Void) {
        let start = count
        u32(0)
        u8(RPCLimits.version)
        u8(header.kind.rawValue)
        u16(header.method)
        u32(header.call)
        payload(&self)
        let length = count - start - 4
        precondition(length >= RPCLimits.headerBytes)
        precondition(length <= RPCLimits.frameBytesMax)
        patch(u32: UInt32(length), at: start)
    }

    public mutating func frame(_ header: FrameHeader) { frame(header) { _ in } }

    /// A frame that carries `message`.
    public mutating func frame(_ kind: FrameKind, call: UInt32, _ message: Message) {
        frame(FrameHeader(kind: kind, method: message.method, call: call)) { message.encode(into: &$0) }
    }
}

/// Cuts a stream into frames. Holds at most one unfinished frame.
public struct FrameSplitter: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    /// Bytes of an unfinished frame.
    public var bufferedBytes: Int { buffer.count - start }

    public mutating func append(_ bytes: ArraySlice<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 256 * 1024)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole frame: its header and a reader over its payload; nil when more bytes are needed.
    /// - Parameter limitBytes: the longest length field accepted now (less before a peer has proved itself).
    public mutating func next(limitBytes: Int) throws(FrameError) -> (FrameHeader, ByteReader)? {
        let available = buffer.count - start
        guard available >= 4 else { return keepTail() }
        let length =
            UInt32(buffer[start]) | UInt32(buffer[start + 1]) << 8 | UInt32(buffer[start + 2]) << 16
            | UInt32(buffer[start + 3]) << 24
        guard length >= UInt32(RPCLimits.headerBytes), length <= UInt32(limitBytes) else { throw .badLength(length) }
        // The version is checked as soon as it is there: a stranger that speaks something else is told apart at once.
        if available >= 5, buffer[start + 4] != RPCLimits.version { throw .badVersion(buffer[start + 4]) }
        if available >= 6, FrameKind(rawValue: buffer[start + 5]) == nil { throw .badKind(buffer[start + 5]) }
        let end = start + 4 + Int(length)
        guard buffer.count >= end else { return keepTail() }
        let header = FrameHeader(
            kind: FrameKind(rawValue: buffer[start + 5])!,
            method: UInt16(buffer[start + 6]) | UInt16(buffer[start + 7]) << 8,
            call: UInt32(buffer[start + 8]) | UInt32(buffer[start + 9]) << 8 | UInt32(buffer[start + 10]) << 16
                | UInt32(buffer[start + 11]) << 24)
        let reader = ByteReader(buffer, start: start + 4 + RPCLimits.headerBytes, end: end)
        start = end
        return (header, reader)
    }

    /// Moves the unfinished frame to the front, once a batch.
    private mutating func keepTail() -> (FrameHeader, ByteReader)? {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        return nil
    }
}
