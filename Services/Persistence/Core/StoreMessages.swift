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
        default: return nil
        }
    }

    /// Whose inbox it is about; nil for the store's own housekeeping.
    var owner: UserID? {
        switch self {
        case .append(let payload): payload.owner
        case .openDevice(let payload): payload.owner
        case .readInbox(let payload): payload.owner
        case .storeCursor(let payload): payload.owner
        case .storeWatermark(let payload): payload.owner
        case .readWatermarks(let payload): payload.owner
        case .readHead(let payload): payload.owner
        case .readHistory(let payload): payload.owner
        case .dropExpired(let payload): payload.owner
        case .sweep, .probe: nil
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
        }
    }
}
