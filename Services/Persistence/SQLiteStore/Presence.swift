// Settings and last seen, one row each for whoever ever set something or was ever here.
//
// Settings are asked for with every message, because of blocks, so they are remembered; most people never set anything, and
// while nobody in this file has, nobody is looked up. The row holds the settings as they travel.

import Messages
import Primitives
import Privacy
import Storage

extension SQLiteStore {
    /// Those of somebody who never set anything are plain.
    func settings(of owner: Int64) throws(SQLiteError) -> UserSettings {
        guard hasSettings else { return UserSettings() }
        if let known = settings[owner] { return known }
        defer { presenceSQL.findSettings.reset() }
        presenceSQL.findSettings.bind(1, owner)
        var found = UserSettings()
        if try presenceSQL.findSettings.step() {
            var reader = ByteReader(presenceSQL.findSettings.blob(0))
            do throws(DecodeError) {
                found = try UserSettings(from: &reader)
            } catch {
                throw .badRow("the settings of user \(owner) cannot be read: \(error)")
            }
        }
        settings[owner] = found
        return found
    }

    func changeSettings(_ request: ChangeSettings) throws(SQLiteError) -> SettingsStored {
        var new = try findUser(request.owner).map { id throws(SQLiteError) in try settings(of: id) } ?? UserSettings()
        let outcome = new.apply(request.change)
        guard outcome == .changed else { return SettingsStored(outcome: outcome, settings: new) }
        let owner = try makeUser(request.owner)
        if case .erase = request.change { try eraseProfile(of: owner) }
        var writer = ByteWriter()
        new.encode(into: &writer)
        presenceSQL.putSettings.bind(1, owner)
        presenceSQL.putSettings.bind(2, writer.bytes)
        try presenceSQL.putSettings.run()
        hasSettings = true
        settings[owner] = new
        return SettingsStored(outcome: .changed, settings: new)
    }

    /// Stamps only rise.
    func storeLastSeen(_ request: SeenBatch) throws(SQLiteError) {
        for item in request.items where item.at > .zero {
            presenceSQL.raiseLastSeen.bind(1, try makeUser(item.user))
            presenceSQL.raiseLastSeen.bind(2, item.at)
            try presenceSQL.raiseLastSeen.run()
        }
    }

    func readPresence(_ request: ReadPresence) throws(SQLiteError) -> PresencePage {
        var page = PresencePage(items: [])
        var bytes = 0
        for user in request.users where bytes < MessageLimits.presencePageBytesMax {
            var item = PresencePage.Item(lastSeen: nil, settings: UserSettings())
            if let id = try findUser(user) {
                item = PresencePage.Item(lastSeen: try lastSeen(of: id), settings: try settings(of: id))
            }
            bytes += item.settings.byteCount
            page.items.append(item)
        }
        return page
    }

    private func lastSeen(of owner: Int64) throws(SQLiteError) -> Stamp? {
        defer { presenceSQL.findLastSeen.reset() }
        presenceSQL.findLastSeen.bind(1, owner)
        return try presenceSQL.findLastSeen.step() ? presenceSQL.findLastSeen.stamp(0) : nil
    }
}

/// Every statement about settings and last seen.
struct PresenceStatements {
    let findSettings, putSettings, findLastSeen, raiseLastSeen, deleteLastSeen: Statement

    init(_ database: Database) throws(SQLiteError) {
        findSettings = try database.prepare("SELECT value FROM settings WHERE owner = ?1")
        putSettings = try database.prepare(
            "INSERT INTO settings (owner, value) VALUES (?1, ?2) ON CONFLICT (owner) DO UPDATE SET value = excluded.value")
        findLastSeen = try database.prepare("SELECT at FROM last_seen WHERE owner = ?1")
        raiseLastSeen = try database.prepare(
            """
            INSERT INTO last_seen (owner, at) VALUES (?1, ?2)
            ON CONFLICT (owner) DO UPDATE SET at = excluded.at WHERE at < excluded.at
            """)
        deleteLastSeen = try database.prepare("DELETE FROM last_seen WHERE owner = ?1")
    }
}
