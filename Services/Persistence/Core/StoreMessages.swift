// Messages of the mesh on one side, requests to an engine on the other.

import Messages
import Primitives
import Storage

extension StoreRequest {
    /// Nil for a message that asks nothing of a store.
    init?(_ message: Message) {
        switch message {
        case .append(let payload): self = .append(payload)
        case .openDevice(let payload): self = .openDevice(payload)
        case .readInbox(let payload): self = .readInbox(payload)
        case .storeCursor(let payload): self = .storeCursor(payload)
        case .storeWatermark(let payload): self = .storeWatermark(payload)
        case .readWatermarks(let payload): self = .readWatermarks(payload)
        case .readHead(let payload): self = .readHead(payload)
        case .readHistory(let payload): self = .readHistory(payload)
        case .appendGroup(let payload): self = .appendGroup(payload)
        case .readGroup(let payload): self = .readGroup(payload)
        case .settleGroup(let payload): self = .settleGroup(payload)
        case .readPendingGroups(let payload): self = .readPendingGroups(payload)
        case .storeGroupMarks(let payload): self = .storeGroupMarks(payload)
        case .readGroupMarks(let payload): self = .readGroupMarks(payload)
        case .appendShared(let payload): self = .appendShared(payload)
        case .readMemberships(let payload): self = .readMemberships(payload)
        case .changeSettings(let payload): self = .changeSettings(payload)
        case .readPresence(let payload): self = .readPresence(payload)
        case .storeLastSeen(let payload): self = .storeLastSeen(payload)
        case .eraseInbox(let payload): self = .eraseInbox(payload)
        case .readDevices(let payload): self = .readDevices(payload)
        default: return nil
        }
    }

    /// Whose inboxes or which group it is about: each lives in one partition. None for what concerns a partition as a whole.
    var owners: [UserID] {
        switch self {
        case .append(let payload): [payload.owner]
        case .openDevice(let payload): [payload.owner]
        case .readInbox(let payload): [payload.owner]
        case .storeCursor(let payload): [payload.owner]
        case .storeWatermark(let payload): [payload.owner]
        case .readWatermarks(let payload): [payload.owner]
        case .readHead(let payload): [payload.owner]
        case .readHistory(let payload): [payload.owner]
        case .appendGroup(let payload): [payload.group]
        case .readGroup(let payload): [payload.group]
        case .settleGroup(let payload): [payload.group]
        case .storeGroupMarks(let payload): [payload.group]
        case .readGroupMarks(let payload): [payload.group]
        case .appendShared(let payload): payload.recipients
        case .readMemberships(let payload): [payload.owner]
        case .changeSettings(let payload): [payload.owner]
        case .readPresence(let payload): payload.users
        case .storeLastSeen(let payload): payload.items.map(\.user)
        case .eraseInbox(let payload): [payload.owner]
        case .readDevices(let payload): [payload.owner]
        case .dropExpired(let payload): [payload.owner]
        case .readPendingGroups, .sweep, .probe: []
        }
    }
}

extension Message {
    /// An engine's answer as it travels.
    init(_ answer: StoreAnswer) {
        switch answer {
        case .done, .swept: self = .done
        case .appended(let payload): self = .appended(payload)
        case .deviceOpened(let payload): self = .deviceOpened(payload)
        case .inboxPage(let payload): self = .inboxPage(payload)
        case .watermarkStored(let payload): self = .watermarkStored(payload)
        case .watermarkPage(let payload): self = .watermarkPage(payload)
        case .inboxHead(let payload): self = .inboxHead(payload)
        case .historyPage(let payload): self = .historyPage(payload)
        case .groupAppended(let payload): self = .groupAppended(payload)
        case .groupPage(let payload): self = .groupPage(payload)
        case .pendingGroups(let payload): self = .pendingGroups(payload)
        case .groupMarks(let payload): self = .groupMarks(payload)
        case .sharedAppended(let payload): self = .sharedAppended(payload)
        case .membershipPage(let payload): self = .membershipPage(payload)
        case .settingsStored(let payload): self = .settingsStored(payload)
        case .presencePage(let payload): self = .presencePage(payload)
        case .groupMarksStored(let payload): self = .groupMarksStored(payload)
        case .inboxErased(let payload): self = .inboxErased(payload)
        case .devicePage(let payload): self = .devicePage(payload)
        }
    }
}
