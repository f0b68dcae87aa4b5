// What must hold, and whether it did. One broken line makes the exit status 1.

import Primitives

/// A line of the verdict.
public struct VerdictLine: Equatable, Sendable {
    public enum Bound: Equatable, Sendable {
        case atMost(Double)
        case exactly(Double)
    }

    /// In the JSON.
    public let key: String
    public let label: String
    /// nil: could not be found out, which breaks the line.
    public let value: Double?
    public let bound: Bound

    public init(_ key: String, _ label: String, _ value: Double?, _ bound: Bound) {
        self.key = key
        self.label = label
        self.value = value
        self.bound = bound
    }

    public var isKept: Bool {
        guard let value else { return false }
        switch bound {
        case .atMost(let most): return value <= most
        case .exactly(let wanted): return value == wanted
        }
    }
}

public struct Verdict: Equatable, Sendable {
    public var lines: [VerdictLine]

    public init(_ lines: [VerdictLine] = []) { self.lines = lines }

    /// A verdict without a line says nothing, and is not kept.
    public var isKept: Bool { !lines.isEmpty && lines.allSatisfy(\.isKept) }

    /// All members came.
    public static func arrivals(_ roster: Roster) -> VerdictLine {
        VerdictLine("connected", "clients connected", Double(roster.arrivedCount), .exactly(Double(roster.memberCount)))
    }

    /// What the ledger of messages must say at the end.
    public static func ledger(_ counts: LedgerCounts, _ balance: LedgerBalance) -> [VerdictLine] {
        func none(_ key: String, _ label: String, _ value: UInt64) -> VerdictLine {
            VerdictLine(key, label, Double(value), .exactly(0))
        }
        return [
            none("lost", "lost: sent, never delivered", balance.lost),
            none("duplicated", "duplicated: delivered twice", counts.duplicated),
            none("out_of_order", "out of order within a chat", counts.outOfOrder),
            none("foreign", "foreign: not ours, or changed", counts.foreign),
            none("refused", "refused for good", counts.refused),
            none("gaps", "inbox numbers given up", counts.gaps),
            none("false_receipts", "receipts without a delivery", counts.falseReceipts),
            none("unanswered", "without sent at the end", balance.unanswered),
            none("receipts_missing", "delivered, without receipt", balance.receiptsMissing),
        ]
    }
}
