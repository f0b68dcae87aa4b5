// What is in the file, and how it came to be.
//
// One message costs two B-tree leaves: its row in `entries`, and its name in `entries_by_id`, which makes a repeat
// recognisable. The row's key packs (owner, number) into SQLite's integer row id: an inbox lies together in the order it is
// read, the search compares integers, and only leaves hold text. Names of users are replaced by small numbers, so that rows
// stay short. The last column is the body: a row whose body is not wanted is read without touching overflow pages.
//
// A dropped text is NULL; the rest of the row remains for a while so that its id is still known, and the newest row of an
// inbox remains for ever, because it carries the inbox's number and stamp on.
//
// A group's entry costs each recipient one small row without a name; what all of them have in common is kept once and goes
// with the last of these rows (see Shared.swift). Logs and marks of groups are apart from inboxes.

import Primitives

enum Schema {
    /// "FANT": tells our files from other people's.
    static let applicationID: Int64 = 0x4641_4E54

    /// The version this release writes: that of the last migration.
    static var version: Int64 { migrations.last!.version }

    struct Migration {
        let version: Int64
        let sql: String
    }

    /// In order; a file at version n gets all that follow n, in one transaction. A migration that was released is never
    /// edited: a change is a new one at the end.
    static let migrations: [Migration] = [
        Migration(
            version: 1,
            sql: """
                -- Everybody who is named anywhere. `delivered`: the highest cursor of any device that was forgotten, so
                -- that what was delivered stays delivered.
                CREATE TABLE users (
                    id INTEGER PRIMARY KEY,
                    name TEXT NOT NULL UNIQUE,
                    delivered INTEGER NOT NULL DEFAULT 0
                ) STRICT;

                -- `key`: see EntryKey. `digest`: ContentDigest of the body, outlives it. Stamps are microseconds.
                CREATE TABLE entries (
                    key INTEGER PRIMARY KEY,
                    owner INTEGER NOT NULL,
                    author INTEGER NOT NULL,
                    kind INTEGER NOT NULL,
                    id TEXT NOT NULL,
                    stamp INTEGER NOT NULL,
                    chat INTEGER NOT NULL,
                    digest INTEGER NOT NULL,
                    body BLOB
                ) STRICT;
                CREATE UNIQUE INDEX entries_by_id ON entries (owner, author, kind, id);

                -- `opened`: last sign of life, roughly.
                CREATE TABLE devices (
                    owner INTEGER NOT NULL,
                    device TEXT NOT NULL,
                    cursor INTEGER NOT NULL,
                    opened INTEGER NOT NULL,
                    PRIMARY KEY (owner, device)
                ) WITHOUT ROWID, STRICT;

                CREATE TABLE watermarks (
                    owner INTEGER NOT NULL,
                    peer INTEGER NOT NULL,
                    kind INTEGER NOT NULL,
                    upto INTEGER NOT NULL,
                    revision INTEGER NOT NULL,
                    PRIMARY KEY (owner, peer, kind)
                ) WITHOUT ROWID, STRICT;

                -- Where `probe` tries whether the disk takes writes. Empty between transactions.
                CREATE TABLE probes (id INTEGER PRIMARY KEY, filler BLOB NOT NULL) STRICT;
                """),
        Migration(
            version: 2,
            sql: """
                -- Of copies: the stamp of the message itself, in its addressee's inbox. `stamp` is the row's own, which rises
                -- from row to row.
                ALTER TABLE entries ADD COLUMN message_stamp INTEGER;
                """),
        Migration(
            version: 3,
            sql: """
                -- Of entries of groups: the number in the group's log. What all recipients have in common stands in `shared`
                -- under (chat, group_number); the row itself has author 0, id '', digest 0, and as body an empty blob as
                -- long as its text is kept. Such rows are not found by id.
                ALTER TABLE entries ADD COLUMN group_number INTEGER;
                DROP INDEX entries_by_id;
                CREATE UNIQUE INDEX entries_by_id ON entries (owner, author, kind, id) WHERE kind < 4;

                -- `key`: EntryKey of (group, number in its log). One row however many of this file's inboxes have it.
                CREATE TABLE shared (
                    key INTEGER PRIMARY KEY,
                    author INTEGER NOT NULL,
                    id TEXT NOT NULL,
                    stamp INTEGER NOT NULL,
                    body BLOB NOT NULL
                ) STRICT;
                -- How many rows of `entries` need the text. Apart, so that counting does not write the text again.
                CREATE TABLE shared_counts (key INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;

                -- The newest entry of a group that an inbox got. Recipients of one group lie together.
                CREATE TABLE group_places (
                    group_id INTEGER NOT NULL,
                    owner INTEGER NOT NULL,
                    last INTEGER NOT NULL,
                    PRIMARY KEY (group_id, owner)
                ) WITHOUT ROWID, STRICT;
                -- The groups that a user is in now. `name`: the group's.
                CREATE TABLE memberships (
                    owner INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    title TEXT NOT NULL,
                    PRIMARY KEY (owner, name)
                ) WITHOUT ROWID, STRICT;

                -- A group whose log is in this file. `pruned`: the log was looked through up to here for what may go.
                CREATE TABLE group_logs (
                    id INTEGER PRIMARY KEY,
                    name TEXT NOT NULL,
                    head INTEGER NOT NULL,
                    head_stamp INTEGER NOT NULL,
                    event_number INTEGER NOT NULL,
                    fanned_out INTEGER NOT NULL,
                    pruned INTEGER NOT NULL
                ) STRICT;
                CREATE INDEX pending_groups ON group_logs (name) WHERE fanned_out < head;

                CREATE TABLE group_entries (
                    key INTEGER PRIMARY KEY,
                    group_id INTEGER NOT NULL,
                    author INTEGER NOT NULL,
                    kind INTEGER NOT NULL,
                    id TEXT NOT NULL,
                    stamp INTEGER NOT NULL,
                    digest INTEGER NOT NULL,
                    body BLOB
                ) STRICT;
                CREATE UNIQUE INDEX group_entries_by_id ON group_entries (group_id, author, id);
                CREATE INDEX group_events ON group_entries (group_id) WHERE kind = 2;

                -- Where everybody who ever wrote, received or read stands in a group, by name.
                CREATE TABLE group_members (
                    group_id INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    member INTEGER NOT NULL,
                    wrote INTEGER NOT NULL,
                    delivered INTEGER NOT NULL,
                    read INTEGER NOT NULL,
                    PRIMARY KEY (group_id, name)
                ) WITHOUT ROWID, STRICT;
                -- When (`at`) a member came to `upto`, raise by raise.
                CREATE TABLE group_marks (
                    group_id INTEGER NOT NULL,
                    member INTEGER NOT NULL,
                    kind INTEGER NOT NULL,
                    upto INTEGER NOT NULL,
                    at INTEGER NOT NULL,
                    PRIMARY KEY (group_id, member, kind, upto)
                ) WITHOUT ROWID, STRICT;
                """),
        Migration(
            version: 4,
            sql: """
                -- What a user lets others see and whom they have blocked, as it travels between services.
                CREATE TABLE settings (
                    owner INTEGER PRIMARY KEY,
                    value BLOB NOT NULL
                ) STRICT;
                -- When a person last did something.
                CREATE TABLE last_seen (
                    owner INTEGER PRIMARY KEY,
                    at INTEGER NOT NULL
                ) STRICT;
                """),
        Migration(
            version: 5,
            sql: """
                -- `revision` counts what can move a tick, and authors were told what follows from it up to `told`. All of
                -- what there is counts as news once: nobody wrote down before who had been told.
                ALTER TABLE group_logs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE group_logs ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
                UPDATE group_logs SET revision = 1;
                DROP INDEX pending_groups;
                CREATE INDEX pending_groups ON group_logs (name) WHERE fanned_out < head OR told < revision;
                """),
    ]

    /// Histories by chat; row ids end every index entry, so each chat lies in the order of numbers. Only archives pay for
    /// it: it is made and dropped with the mode, apart from the version.
    static let archiveIndex = "CREATE INDEX IF NOT EXISTS entries_by_chat ON entries (owner, chat)"
    static let noArchiveIndex = "DROP INDEX IF EXISTS entries_by_chat"
    static let hasArchiveIndex = "SELECT count(*) FROM sqlite_schema WHERE name = 'entries_by_chat'"

    /// Texts of messages in groups' logs that every inbox has: what an archive kept goes when it becomes temporary.
    static let dropFannedOut = """
        UPDATE group_entries SET body = NULL
        WHERE kind = 1 AND typeof(body) <> 'null'
            AND key <= (group_id << \(EntryKey.numberBits) | (SELECT fanned_out FROM group_logs WHERE id = group_id))
        """
}

/// (owner, number) in the 63 bits of a positive row id.
enum EntryKey {
    /// 2^35 - 1 = 34 billion messages in one inbox: a thousand a second for a year.
    static let numberBits: Int64 = 35
    static let numberMax: UInt64 = (1 << 35) - 1
    /// The 28 bits that are left: 268 million names in one file, more than one SQLite file should ever serve.
    static let ownerMax: Int64 = (1 << 28) - 1

    /// Numbers above the largest possible one become it: they come from clients' cursors.
    static func of(owner: Int64, number: UInt64) -> Int64 {
        precondition(owner >= 0)
        precondition(owner <= ownerMax)
        return owner << numberBits | Int64(min(number, numberMax))
    }

    static func last(of owner: Int64) -> Int64 { of(owner: owner, number: numberMax) }
    static func owner(_ key: Int64) -> Int64 { key >> numberBits }
    static func number(_ key: Int64) -> UInt64 { UInt64(key) & numberMax }
}
