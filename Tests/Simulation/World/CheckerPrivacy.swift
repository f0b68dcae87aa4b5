// What people set, as the disk has it, and what follows for others: nobody sees what is hidden, whoever is blocked hears `sent`
// and nothing more.
//
// A change counts from the moment in which its disk had synced it. What the store itself decides by it (is the author blocked? are
// receipts wanted?) holds from there on without delay. What shards decide by what they were told holds a little later: while no
// fault has struck as long as a sign may be on its way, and later as long as a shard may be out of reach.

import ClientProtocol
import Primitives
import Privacy

/// The settings of one person, over time.
struct SettingsStory: Sendable {
    /// What it was, and since when. `isJump`: others were in between, in one batch of the store.
    private(set) var versions: [(since: Moment, settings: UserSettings, isJump: Bool)] = [(0, UserSettings(), false)]

    var last: UserSettings { versions.last!.settings }

    mutating func note(_ settings: UserSettings, _ moment: Moment) {
        guard settings.revision > last.revision else { return }
        versions.append((moment, settings, settings.revision > last.revision + 1))
    }

    /// May it have been so at any time in `since`...`until`?
    func mayHaveBeen(since: Moment, until: Moment, _ isSo: (UserSettings) -> Bool) -> Bool {
        for index in versions.indices where versions[index].since <= until {
            let end = index + 1 < versions.count ? versions[index + 1].since : .max
            if end >= since, isSo(versions[index].settings) { return true }
            if versions[index].isJump, versions[index].since >= since { return true }
        }
        return false
    }
}

extension Checker {
    // MARK: What the disk says

    mutating func readSettings(_ moment: Moment, _ world: World) {
        for user in shape.users.indices {
            let disk = world.processes[shape.partition(of: shape.users[user])].disk!
            if let found = disk.durable.settings[shape.users[user]] { settings[user].note(found, moment) }
        }
    }

    /// May `owner` have blocked `author` at any time in between?
    func mayBeBlocked(_ author: Int, by owner: Int, since: Moment, until: Moment) -> Bool {
        let user = shape.users[author]
        return settings[owner].mayHaveBeen(since: since, until: until) { $0.blocks(user) }
    }

    /// Was `author` blocked by `owner` all the time?
    func isBlocked(_ author: Int, by owner: Int, since: Moment, until: Moment) -> Bool {
        let user = shape.users[author]
        return !settings[owner].mayHaveBeen(since: since, until: until) { !$0.blocks(user) }
    }

    /// The store may have kept nothing of it, and its author need not know.
    func mayBeUnkept(_ message: SentMessage, _ moment: Moment) -> Bool {
        mayBeBlocked(author(message), by: message.to, since: message.writtenAt, until: message.sentAt ?? moment)
    }

    // MARK: What devices show

    /// A message is shown: its author was not blocked all the time since she wrote it.
    mutating func judgeBlocked(_ message: SentMessage, _ device: Int, _ moment: Moment) {
        guard isBlocked(author(message), by: message.to, since: message.writtenAt, until: moment) else { return }
        fail(.privacy, moment, "\(shape.users[message.to]) has blocked \(shape.users[author(message)]) and hears nothing of her", "\(name(device)) shows what she wrote", message.id)
    }

    /// Somebody is shown to type: not to whom she is blocked by.
    mutating func judgeTyping(_ from: UserID, _ device: Int, _ moment: Moment, since: Moment) {
        guard let author = users[from], isBlocked(author, by: shape.devices[device].user, since: since, until: moment) else { return }
        fail(.privacy, moment, "\(shape.users[shape.devices[device].user]) has blocked \(from) and does not see her type", "\(name(device)) shows it")
    }

    /// A tick names the stamp of a message: of one that was kept.
    mutating func judgeTick(_ with: Int, _ at: Stamp, _ device: Int, _ moment: Moment) {
        let named = chats[shape.devices[device].user][with].filter { messages[$0].stamp == at }
        guard let first = named.first, named.allSatisfy({ messages[$0].wasUnkept && messages[$0].shownBy.isEmpty }) else { return }
        fail(.privacy, moment, "a blocked author hears sent and nothing more", "\(name(device)) is told that \(messages[first].id) was delivered or read", messages[first].id)
    }

    /// Blue ticks between two people: both had their receipts on, some time since the message was written.
    mutating func judgeReceipts(_ reader: Int, _ at: Stamp, _ device: Int, _ moment: Moment, slack: Moment) {
        let author = shape.devices[device].user
        guard let index = chats[author][reader].first(where: { messages[$0].stamp == at }) else { return }
        let since = messages[index].writtenAt
        let authorWants = settings[author].mayHaveBeen(since: since, until: moment) { $0.readReceipts }
        let readerLets = settings[reader].mayHaveBeen(since: since - slack, until: moment) { $0.readReceipts }
        guard !authorWants || !readerLets else { return }
        fail(.privacy, moment, "read receipts are mutual: \(shape.users[authorWants ? reader : author]) has them off", "\(name(device)) is told that \(messages[index].id) was read", messages[index].id)
    }

    /// No blue ticks are owed where receipts were off for a while.
    func mayLackReceipts(_ message: SentMessage, _ moment: Moment) -> Bool {
        [author(message), message.to].contains { user in
            settings[user].mayHaveBeen(since: message.writtenAt, until: moment) { !$0.readReceipts }
        }
    }

    /// What a device is told of its person's settings is on the disk, and is what was there.
    mutating func onSettings(_ told: UserSettings, _ device: Int, _ moment: Moment) {
        settingsToldCount += 1
        let story = settings[shape.devices[device].user]
        guard told.revision <= story.last.revision else {
            return fail(.honestTicks, moment, "settings are on the disk when \(name(device)) is told so", "revision \(told.revision), the disk has \(story.last.revision)")
        }
        guard story.versions.contains(where: { $0.settings == told }) || story.versions.contains(where: { $0.isJump && $0.settings.revision > told.revision }) else {
            return fail(.honestTicks, moment, "settings as they were stored", "\(name(device)) is told of others under revision \(told.revision)")
        }
    }
}
