// Settings and last seen in the plain store.

import Messages
import Primitives
import Privacy
import Storage

extension MemoryStore {
    /// The answer to a request about settings or last seen; nil for all others.
    mutating func answerPresence(_ request: StoreRequest) -> StoreAnswer? {
        switch request {
        case .changeSettings(let request):
            var new = settings[request.owner] ?? UserSettings()
            let outcome = new.apply(request.change)
            if outcome == .changed {
                let owner = place(of: request.owner)
                settings[request.owner] = new
                if case .erase = request.change { eraseProfile(request.owner, owner) }
            }
            return .settingsStored(SettingsStored(outcome: outcome, settings: new))
        case .readPresence(let request):
            var page = PresencePage(items: [])
            var bytes = 0
            for user in request.users where bytes < MessageLimits.presencePageBytesMax {
                let item = PresencePage.Item(lastSeen: lastSeen[user], settings: settings[user] ?? UserSettings())
                bytes += item.settings.byteCount
                page.items.append(item)
            }
            return .presencePage(page)
        case .storeLastSeen(let batch):
            for item in batch.items where item.at > .zero {
                _ = place(of: item.user)
                lastSeen[item.user] = max(lastSeen[item.user] ?? .zero, item.at)
            }
            return .done
        default: return nil
        }
    }

    private mutating func eraseProfile(_ user: UserID, _ owner: Int) {
        let lowest = inboxes[owner].lowest
        inboxes[owner].forgotten = inboxes[owner].delivered
        inboxes[owner].devices = [:]
        inboxes[owner].watermarks = [:]
        inboxes[owner].revision = .zero
        lastSeen[user] = nil
        for group in inboxes[owner].places.keys { inboxes[owner].places[group]!.title = nil }
        dropWhatAllHave(owner, after: lowest)
    }
}
