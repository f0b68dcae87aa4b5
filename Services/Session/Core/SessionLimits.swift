// The bounds of the session service, in one place, with reasons.

import Messages
import Primitives

public enum SessionLimits {
    /// Entries pushed to one device and not acknowledged: one page. More would only let a silent device hold more.
    static let inflightEntryCountMax = MessageLimits.pageEntryCountMax

    /// A page is read for a device only while less than this is in flight, bytes of bodies; with the page itself a device
    /// that never acknowledges holds at most one and a half pages.
    static let inflightBytesLow = MessageLimits.pageBodyBytesMax / 2

    /// How long a pushed entry may stay without acknowledgement before it is pushed again; doubled each time. An acknowledgement that was
    /// lost may hold back what follows, so it stays below the five seconds that a message may wait.
    static let ackTimeoutFirst = Interval.seconds(4)

    /// Pushes without any acknowledgement after which the connection counts as dead: 4 + 8 + 16 + 32 + 64 seconds.
    static let ackTryCountMax = 5

    /// Events for webhooks that no api node has taken yet, with at most 4 KiB of text each: 16 MiB at worst, and some seconds of a busy
    /// shard. Beyond it they are lost, and counted; twice as many would only hold older news.
    static let hookEventCountMax = 4_096

    /// A message that its author repeats is told once more so long after it was stored: a client repeats at once, and within seconds of
    /// an outage.
    static let hookRepeatMax = Interval.seconds(60)

    /// How long marks of members gather before a group hears of them. Authors are told of ticks every 50 ms, so they hardly
    /// notice, and a member who has got several messages by then costs the stores one mark and one cursor. Twice as much would
    /// also hold up the receipts of her other chats, which wait for their turn behind these.
    static let groupMarkWindow = Interval.milliseconds(20)

    /// How long receipts gather behind others, when nobody is behind. A tenth of what a person sees as at once; at a few hundred
    /// acknowledgements a second of a shard it makes one commit of four. Twice as much would save little more, and closed loops would
    /// feel it.
    static let receiptWindow = Interval.milliseconds(10)

    /// How long cursors gather. What a device gets in that time is one write; four times as much would keep text on disk for seconds
    /// that everybody has.
    static let cursorWindow = Interval.milliseconds(500)

    /// `read` marks that gather; about 300 bytes each. Beyond that they are stored one by one, as
    /// without a delay: twice as many would mean that a client makes them up.
    static let delayedReadCountMax = 4_096

    /// Wait before work that persistence or another shard refused is tried again. Spread by jitter.
    static let retry = Interval.milliseconds(500)

    /// Devices that wait for the link to their gateway. A cluster that starts has its links within a second, and what is
    /// pushed out of here comes again by the client's own patience; twice as much would only hold twice as many dead ones.
    static let attachWaitingCountMax = 1_024

    /// Connections that ended before their hello came. The hello follows within a link's delay; when there are as many, all
    /// are forgotten, and a hello that still comes holds a place until its device comes again or its acknowledgements are
    /// overdue.
    static let endedEarlyCountMax = 1_024

    /// How often the inbox of a user held out of turn is looked at. Two seconds and a read stay below the five seconds that a
    /// message may wait.
    static let outOfTurnCheck = Interval.seconds(2)

    /// When a shard comes into reach, and for renewals, so many users a time, with so long a pause between: 5,000 a second, a
    /// tenth of what persistence reads, so that messages hardly notice.
    static let roundUserCount = 256
    static let roundPause = Interval.milliseconds(50)

    /// People who are shown as typing to one person at once: more than fit on a screen. What one more writes is not shown; a crowd
    /// that floods somebody costs her eight pushes a second.
    static let typistCountMax = 16

    /// How often persistence is told of a device that is live, in the time after which it is forgotten: a device outlives
    /// some rounds that fail. With the default expiry one small write in two days.
    static let renewalsPerExpiry: Int64 = 16
}
