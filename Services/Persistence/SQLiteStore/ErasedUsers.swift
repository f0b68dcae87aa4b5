// What goes when a user's data is erased: the texts of the inbox, a bounded step at a time, then at once what is kept beside it.
//
// An entry loses its text as if every device had it, so all rules go on to hold: the sweep takes the rest of it away once its id has
// been known for long enough, and the newest entry of the inbox carries the number on.

import Messages
import Primitives
import Storage

extension SQLiteStore {
    /// O(`limit`) and the entries without text behind `after`.
    func eraseInbox(_ request: EraseInbox) throws(SQLiteError) -> InboxErased {
        guard let owner = try findUser(request.owner) else { return InboxErased(through: request.after, hasMore: false) }
        let head = try head(of: owner).number
        guard let first = try firstText(of: owner, after: request.after) else {
            return InboxErased(through: max(request.after, head), hasMore: false)
        }
        let through = min(head, first - 1 + UInt64(request.limit))
        try blank(after: EntryKey.of(owner: owner, number: first - 1), through: EntryKey.of(owner: owner, number: through))
        return InboxErased(through: through, hasMore: through < head)
    }

    /// Devices, receipts, the list of groups, and when the person was here. What was delivered stays delivered.
    func eraseProfile(of owner: Int64) throws(SQLiteError) {
        let set = try devices(of: owner)
        sql.rememberDelivered.bind(1, owner)
        sql.rememberDelivered.bind(2, Int64(set.delivered))
        for statement in [
            sql.rememberDelivered, sql.deleteDevices, sql.deleteWatermarks, presenceSQL.deleteLastSeen, groupSQL.deleteMemberships,
        ] {
            statement.bind(1, owner)
            try statement.run()
        }
        let rest = DeviceSet(devices: [], forgotten: set.delivered)
        deviceSets[owner] = rest
        revisions[owner] = .zero
        try drop(of: owner, after: set.lowest, through: rest.lowest)
    }
}
