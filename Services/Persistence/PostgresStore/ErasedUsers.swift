// What goes when a user's data is erased. The rules are those of the embedded engine.

import Messages
import Primitives
import Storage

extension PostgresStore {
    /// One round trip more than others.
    func eraseInbox(_ request: EraseInbox) throws(PostgresError) -> InboxErased {
        let head = try inbox(request.owner).head.number
        guard let first = try firstText(of: request.owner, after: request.after) else {
            return InboxErased(through: max(request.after, head), hasMore: false)
        }
        let through = min(head, first - 1 + UInt64(request.limit))
        writes.blank(request.owner, after: first - 1, through: through)
        return InboxErased(through: through, hasMore: through < head)
    }

    /// Devices, receipts, the list of groups, and when the person was here. What was delivered stays delivered.
    func eraseProfile(of owner: UserID, _ state: inout InboxState) throws(PostgresError) {
        let lowest = state.devices.lowest
        let delivered = state.devices.delivered
        for statement in [Statement.eraseDevices, .eraseWatermarks, .eraseSeen, .eraseMemberships] {
            try write(statement, [.parameter(owner.text)])
        }
        writes.remember(owner, forgotten: delivered)
        watermarks.removeAll()
        state.devices = DeviceSet(devices: [], forgotten: delivered)
        state.revision = .zero
        drop(of: owner, after: lowest, through: delivered)
    }
}
