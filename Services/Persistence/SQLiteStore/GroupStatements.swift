// Every statement about groups: their logs and marks, and what inboxes share of them.

struct GroupStatements {
    let findLog, insertLog, updateLog, pendingGroups: Statement
    let insertEntry, findEntry, readEntries, readEvents, readNewest, dropTexts, nextEntry, deleteEntry: Statement
    let raiseWrote, raiseDelivered, raiseRead, readMembers: Statement
    let insertMark, firstMark, oldestMarks, deleteMark: Statement
    let insertShared, addCount, takeCount, deleteCount, deleteShared: Statement
    let findPlace, putPlace, insertCopy: Statement
    let putMembership, renameMembership, deleteMembership, deleteMemberships, readMemberships: Statement

    init(_ database: Database) throws(SQLiteError) {
        findLog = try database.prepare(
            "SELECT head, head_stamp, event_number, fanned_out, pruned, revision, told FROM group_logs WHERE id = ?1")
        insertLog = try database.prepare(
            """
            INSERT INTO group_logs (id, name, head, head_stamp, event_number, fanned_out, pruned)
            VALUES (?1, ?2, 0, 0, 0, 0, 0)
            """)
        updateLog = try database.prepare(
            """
            UPDATE group_logs
            SET head = ?2, head_stamp = ?3, event_number = ?4, fanned_out = ?5, pruned = ?6, revision = ?7, told = ?8
            WHERE id = ?1
            """)
        pendingGroups = try database.prepare(
            """
            SELECT name FROM group_logs INDEXED BY pending_groups
            WHERE (fanned_out < head OR told < revision) AND name > ?1 ORDER BY name LIMIT ?2
            """)

        insertEntry = try database.prepare(
            """
            INSERT INTO group_entries (key, group_id, author, kind, id, stamp, digest, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """)
        findEntry = try database.prepare(
            "SELECT key, stamp, kind, digest FROM group_entries WHERE group_id = ?1 AND author = ?2 AND id = ?3")
        readEntries = try database.prepare(
            """
            SELECT key, stamp, kind, author, id, body FROM group_entries WHERE key > ?1 AND key <= ?2 ORDER BY key
            """)
        readEvents = try database.prepare(
            """
            SELECT key, stamp, kind, author, id, body FROM group_entries INDEXED BY group_events
            WHERE group_id = ?3 AND kind = 2 AND key > ?1 AND key <= ?2 ORDER BY key
            """)
        readNewest = try database.prepare(
            """
            SELECT key, stamp, kind, author, id, body FROM group_entries WHERE key > ?1 AND key <= ?2 ORDER BY key DESC
            """)
        dropTexts = try database.prepare(
            "UPDATE group_entries SET body = NULL WHERE key > ?1 AND key <= ?2 AND kind = 1 AND typeof(body) <> 'null'")
        nextEntry = try database.prepare(
            "SELECT key, stamp, kind, author FROM group_entries WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT 1")
        deleteEntry = try database.prepare("DELETE FROM group_entries WHERE key = ?1")

        func raise(_ column: String) throws(SQLiteError) -> Statement {
            try database.prepare(
                """
                INSERT INTO group_members (group_id, name, member, wrote, delivered, read)
                VALUES (?1, ?2, ?3, \(["wrote", "delivered", "read"].map { $0 == column ? "?4" : "0" }.joined(separator: ", ")))
                ON CONFLICT (group_id, name) DO UPDATE SET \(column) = excluded.\(column) WHERE \(column) < excluded.\(column)
                """)
        }
        raiseWrote = try raise("wrote")
        raiseDelivered = try raise("delivered")
        raiseRead = try raise("read")
        readMembers = try database.prepare(
            """
            SELECT name, member, wrote, delivered, read FROM group_members
            WHERE group_id = ?1 AND name > ?2 ORDER BY name LIMIT ?3
            """)
        insertMark = try database.prepare(
            "INSERT INTO group_marks (group_id, member, kind, upto, at) VALUES (?1, ?2, ?3, ?4, ?5)")
        firstMark = try database.prepare(
            """
            SELECT at FROM group_marks WHERE group_id = ?1 AND member = ?2 AND kind = ?3 AND upto >= ?4
            ORDER BY upto LIMIT 1
            """)
        oldestMarks = try database.prepare(
            """
            SELECT upto, at FROM group_marks WHERE group_id = ?1 AND member = ?2 AND kind = ?3 AND upto < ?4
            ORDER BY upto LIMIT 2
            """)
        deleteMark = try database.prepare(
            "DELETE FROM group_marks WHERE group_id = ?1 AND member = ?2 AND kind = ?3 AND upto = ?4")

        insertShared = try database.prepare(
            """
            INSERT INTO shared (key, author, id, stamp, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO NOTHING
            """)
        addCount = try database.prepare(
            """
            INSERT INTO shared_counts (key, count) VALUES (?1, ?2)
            ON CONFLICT (key) DO UPDATE SET count = count + excluded.count
            """)
        takeCount = try database.prepare("UPDATE shared_counts SET count = count - ?2 WHERE key = ?1 RETURNING count")
        deleteCount = try database.prepare("DELETE FROM shared_counts WHERE key = ?1")
        deleteShared = try database.prepare("DELETE FROM shared WHERE key = ?1")

        findPlace = try database.prepare("SELECT last FROM group_places WHERE group_id = ?1 AND owner = ?2")
        putPlace = try database.prepare(
            """
            INSERT INTO group_places (group_id, owner, last) VALUES (?1, ?2, ?3)
            ON CONFLICT (group_id, owner) DO UPDATE SET last = excluded.last
            """)
        insertCopy = try database.prepare(
            """
            INSERT INTO entries (key, owner, author, kind, id, stamp, chat, digest, body, group_number)
            VALUES (?1, ?2, 0, ?3, '', ?4, ?5, 0, x'', ?6)
            """)
        putMembership = try database.prepare(
            """
            INSERT INTO memberships (owner, name, title) VALUES (?1, ?2, ?3)
            ON CONFLICT (owner, name) DO UPDATE SET title = excluded.title
            """)
        renameMembership = try database.prepare("UPDATE memberships SET title = ?3 WHERE owner = ?1 AND name = ?2")
        deleteMembership = try database.prepare("DELETE FROM memberships WHERE owner = ?1 AND name = ?2")
        deleteMemberships = try database.prepare("DELETE FROM memberships WHERE owner = ?1")
        readMemberships = try database.prepare(
            "SELECT name, title FROM memberships WHERE owner = ?1 AND name > ?2 ORDER BY name LIMIT ?3")
    }
}
