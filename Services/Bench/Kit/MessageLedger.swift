// What the machine's side of a run must know of a ledger, whatever it keeps: names for tokens, counts for samples, the pace
// for the curve.

public protocol MessageLedger: Sendable {
    var mark: MessageMark { get }
    var counts: LedgerCounts { get }
    /// Messages that hold back others.
    var inFlightSum: Int { get }
    /// Messages that were done by now: the curve shows how many a second.
    var paceCount: UInt64 { get }
}
