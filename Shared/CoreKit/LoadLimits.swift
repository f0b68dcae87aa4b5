// The bounds of load shedding, in one place, with reasons and relations.

import Primitives

public enum LoadLimits {
    /// A wait that people begin to notice once it adds up over the five services of a path. Twice that is a tenth of a second
    /// each way; half of it would shed for what the scheduler of a busy machine does to everybody.
    public static let waitMax = Interval.milliseconds(20)

    /// Below this work flows again. Half of `waitMax`, so that a level does not flutter around one number.
    public static let waitCalm = Interval.milliseconds(10)

    /// How long the *smallest* wait must be above `waitMax`. A burst fills a queue for a moment and drains; a queue that was
    /// never short for so long stands. The idea is CoDel's (Nichols and Jacobson, 2012), the two numbers are those of DAGOR,
    /// the overload control of a messenger (Zhou and others, 2018).
    public static let window = Interval.milliseconds(100)

    /// How long it must be calm before a level is taken back, one at a time. Longer than what a step up needs, so that the
    /// ladder is climbed quickly and left carefully; twice that would hold back typing for four seconds after every peak.
    public static let calmTime = Interval.milliseconds(500)

    /// Time between two looks at how long work waits, while there is work: five in a window. More would wake idle loops.
    public static let probe = Interval.milliseconds(20)

    /// Of 1,000 users the fewest that may send at `full`: somebody must, or nobody would find out that it is over.
    public static let admitPermilleMin: UInt16 = 10

    /// A user is let in or kept out for so long at a time: messages of a chat hang together, and a chain of which every other
    /// link is refused would be stored as nothing but errors. Twice that would keep people out for as long as they have patience.
    public static let turnSeconds: Int64 = 4

    /// What a refused author is told to wait, milliseconds, spread evenly so that those who were refused together do not come
    /// back together. Far below a turn, so that who was kept out is there when hers begins: while everybody is away waiting, the
    /// cluster stands idle and takes it for calm. Half of it would have gateways and parsers busy with refusing.
    public static let retryMs: ClosedRange<UInt32> = 500...1_500

    /// While receipts are delayed, how long they gather. People hardly look at a second tick for longer; twice that would
    /// come near to the moment at which clients begin to repeat.
    public static let receiptWindow = Interval.milliseconds(250)

    /// What must hold between them.
    public static func check() {
        precondition(waitCalm < waitMax)
        precondition(probe * 4 <= window)
        precondition(window < calmTime)
        precondition(admitPermilleMin > 0 && admitPermilleMin < 1_000)
        precondition(Int64(retryMs.upperBound) < turnSeconds * 1_000)
    }
}
