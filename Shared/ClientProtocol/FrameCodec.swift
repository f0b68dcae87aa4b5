// The two encodings of one schema, behind one door.

import Primitives

/// Why client bytes are no frame: what to tell the client.
public struct FrameRefusal: Error, Equatable, Sendable {
    public var error: ErrorFrame
    public init(_ error: ErrorFrame) { self.error = error }
}

extension ClientFrame {
    /// Reads one frame as a client wrote it. Strict: every refusal says what is wrong.
    public static func decode(_ bytes: [UInt8], as encoding: ClientEncoding) throws(FrameRefusal) -> ClientFrame {
        switch encoding {
        case .json: try decodeJSON(bytes)
        case .binary: try decodeBinary(bytes)
        }
    }

    /// Renders the frame; used by clients.
    public func encode(as encoding: ClientEncoding, into out: inout [UInt8]) {
        switch encoding {
        case .json: encodeJSON(into: &out)
        case .binary: encodeBinary(into: &out)
        }
    }
}

extension ServerFrame {
    /// Renders the frame for a device.
    public func encode(as encoding: ClientEncoding, into out: inout [UInt8]) {
        switch encoding {
        case .json: encodeJSON(into: &out)
        case .binary: encodeBinary(into: &out)
        }
    }

    public func encoded(as encoding: ClientEncoding) -> [UInt8] {
        var out: [UInt8] = []
        encode(as: encoding, into: &out)
        return out
    }

    /// Reads one frame as the cluster wrote it; used by clients. Unknown types and fields of a newer release:
    /// nil for an unknown type, unknown fields are ignored.
    public static func decode(_ bytes: [UInt8], as encoding: ClientEncoding) throws(FrameRefusal) -> ServerFrame? {
        switch encoding {
        case .json: try decodeJSON(bytes)
        case .binary: try decodeBinary(bytes)
        }
    }
}
