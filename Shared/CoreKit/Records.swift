// What a core tells people: log records and trace records. Values, like every other effect.

import Primitives

public enum LogLevel: UInt8, Sendable, Comparable {
    case debug, info, warning, error
    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
    public var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }
}

/// One line of the log: an event's name and its fields.
public struct LogRecord: Equatable, Sendable {
    public struct Field: Equatable, Sendable {
        public var name: String
        public var value: String
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var level: LogLevel
    /// A name in snake_case that stays the same between releases.
    public var event: String
    public var fields: [Field]

    public init(_ level: LogLevel, _ event: String, _ fields: KeyValuePairs<String, String> = [:]) {
        self.level = level
        self.event = event
        self.fields = fields.map { Field($0.key, $0.value) }
    }
}

/// A step in the life of a message.
public enum TraceStage: UInt8, Sendable, CaseIterable {
    /// Its detail is the number of the node that it was for at that moment, 0 for none.
    case parsed = 1
    case storing = 2
    case stored = 3
    case sentAnswered = 4
    case refused = 5
    case pushed = 6
    case acknowledged = 7
    case receiptStored = 8
    case receiptPushed = 9
    case committed = 10
    case read = 11

    public var name: String {
        switch self {
        case .parsed: "parsed"
        case .storing: "storing"
        case .stored: "stored"
        case .sentAnswered: "sent_answered"
        case .refused: "refused"
        case .pushed: "pushed"
        case .acknowledged: "acknowledged"
        case .receiptStored: "receipt_stored"
        case .receiptPushed: "receipt_pushed"
        case .committed: "committed"
        case .read: "read"
        }
    }
}

/// The name under which the steps of one message are found in every process.
public struct TraceKey: Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// SipHash of `author/id`. Receipts, which speak of many messages, are traced under the pair of people.
    public init(author: UserID, id: MessageID) {
        rawValue = Self.hash(Array(author.text.utf8) + [0x2F] + Array(id.text.utf8))
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 { StableHash(k0: 0x7472_6163_6500, k1: 2)(bytes) }
}

/// One step of one message, kept in each process's trace ring.
public struct TraceRecord: Equatable, Sendable {
    public var key: TraceKey
    public var stage: TraceStage
    /// The inbox number, an error code, a node: what the stage says.
    public var detail: UInt64

    public init(_ key: TraceKey, _ stage: TraceStage, _ detail: UInt64 = 0) {
        self.key = key
        self.stage = stage
        self.detail = detail
    }
}
