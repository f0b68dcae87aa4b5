// Who did something, gathered until last-seen is told.
//
// The stamp is the parser's own, so nobody can be active in the future, and of many acts of one person only the newest leaves.

import Messages
import Primitives

struct Activity {
    /// In the order in which they were first active, so that the same events give the same batches.
    private var items: [SeenBatch.Item] = []
    private var places: [UserID: Int] = [:]
    /// When the window ends; nil: nothing has gathered.
    private(set) var due: Instant?

    var isFull: Bool { items.count == ParserLimits.activityUserCountMax }

    /// - Precondition: not full.
    mutating func note(_ user: UserID, now: Now) {
        if let place = places[user] {
            items[place].at = max(items[place].at, now.stamp)
        } else {
            places[user] = items.count
            items.append(SeenBatch.Item(user: user, at: now.stamp))
        }
        if due == nil { due = now.instant + ParserLimits.activityWindow }
    }

    /// Everything that has gathered; begins anew.
    mutating func drain() -> [SeenBatch.Item] {
        defer { self = Activity() }
        return items
    }
}
