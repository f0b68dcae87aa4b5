// The bounds of the parser, in one place, with reasons.

import Messages
import Primitives

public enum ParserLimits {
    /// How long activity gathers before last-seen hears of it. Nobody notices a quarter of a second in "online", and somebody who
    /// writes twenty messages a second costs last-seen four records instead of twenty. Half as long would double that; twice as
    /// long would be seen by whoever looks at both phones.
    static let activityWindow = Interval.milliseconds(250)

    /// People whose activity gathers at once: one batch. When as many have been active sooner, the window is cut short.
    static let activityUserCountMax = MessageLimits.seenCountMax
}
