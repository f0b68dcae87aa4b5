// When to say `ack`. One ack covers everything before it, and each one wakes every service on its way to the store. So the
// first after a quiet moment goes at once, for somebody waits for a tick; what follows close behind gathers. A device in a
// busy group says twenty a second instead of one for each message, and its room in flight at the server never runs out.

import ClientProtocol
import Primitives

struct Acknowledging: Sendable {
    private var isOwed = false
    private var count = 0
    private var bytes = 0
    /// When the last one was said on this connection.
    private var saidAt: Instant?
    /// The server has dropped something that has no name, perhaps the last ack: nothing is said before this moment.
    private var notBefore: Instant?

    /// An entry or a gap came, perhaps one that was known: the server is owed an ack.
    mutating func owe(bytes: Int) {
        isOwed = true
        // Whoever pushes is there.
        notBefore = nil
        count += 1
        self.bytes += bytes
    }

    /// The last one may have been dropped: it is owed once more, when the pause that the server asks for is over.
    mutating func oweAgain(at moment: Instant) {
        guard saidAt != nil else { return }
        isOwed = true
        notBefore = moment
    }

    /// When to say it: now, or at a later moment; nil: nothing is owed.
    func due(now: Instant) -> Instant? {
        guard isOwed else { return nil }
        if let notBefore { return max(now, notBefore) }
        guard let saidAt, count < ClientTimes.ackEntryCountMax, bytes < ClientTimes.ackBytesMax else { return now }
        return max(now, saidAt + ClientTimes.ackPause)
    }

    mutating func onSaid(now: Instant) {
        self = Acknowledging()
        saidAt = now
    }

    /// The connection is gone: the next hello says the cursor itself.
    mutating func onLost() { self = Acknowledging() }
}

extension ServerFrame {
    /// What an entry carries; 0 for everything without text.
    var bodyBytes: Int {
        switch self {
        case .message(_, _, _, _, let body), .copy(_, _, _, _, let body), .groupMessage(_, _, _, _, _, _, let body): body.count
        default: 0
        }
    }
}
