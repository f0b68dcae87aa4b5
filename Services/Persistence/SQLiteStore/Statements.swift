// Every statement about inboxes, compiled once when the file is opened. SQL stands here, in GroupStatements and in Schema,
// nowhere else.

struct Statements {
    let beginRead, beginWrite, commit, rollback: Statement
    let findUser, nameUser, insertUser, deliveredOfUser, rememberDelivered: Statement
    let head, insertEntry, findEntry, blankRange, deleteEntry: Statement
    let readEntries, readHeaders, firstWithText, history, sweepEntries: Statement
    /// Only in archives: it uses their index.
    let historyOfChat: Statement?
    let devices, insertDevice, moveDevice, deleteDevice, deleteDevices: Statement
    let findWatermark, putWatermark, deleteWatermarks, lastRevision, readWatermarks: Statement
    let insertProbe, deleteProbe: Statement

    init(_ database: Database, isArchive: Bool) throws(SQLiteError) {
        beginRead = try database.prepare("BEGIN")
        beginWrite = try database.prepare("BEGIN IMMEDIATE")
        commit = try database.prepare("COMMIT")
        rollback = try database.prepare("ROLLBACK")

        findUser = try database.prepare("SELECT id FROM users WHERE name = ?1")
        nameUser = try database.prepare("SELECT name FROM users WHERE id = ?1")
        insertUser = try database.prepare("INSERT INTO users (name) VALUES (?1)")
        deliveredOfUser = try database.prepare("SELECT delivered FROM users WHERE id = ?1")
        rememberDelivered = try database.prepare("UPDATE users SET delivered = ?2 WHERE id = ?1")

        head = try database.prepare(
            "SELECT key, stamp FROM entries WHERE key > ?1 AND key <= ?2 ORDER BY key DESC LIMIT 1")
        insertEntry = try database.prepare(
            """
            INSERT INTO entries (key, owner, author, kind, id, stamp, chat, digest, body, message_stamp)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            ON CONFLICT (owner, author, kind, id) WHERE kind < 4 DO NOTHING
            """)
        findEntry = try database.prepare(
            """
            SELECT key, stamp, chat, digest FROM entries
            WHERE owner = ?1 AND author = ?2 AND kind = ?3 AND id = ?4 AND kind < 4
            """)
        // `typeof` reads the row's header only; `IS NULL` would read the text.
        blankRange = try database.prepare(
            """
            UPDATE entries SET body = NULL WHERE key > ?1 AND key <= ?2 AND typeof(body) <> 'null'
            RETURNING CASE WHEN kind >= 4 THEN chat << \(EntryKey.numberBits) | group_number ELSE 0 END
            """)
        deleteEntry = try database.prepare("DELETE FROM entries WHERE key = ?1")
        // Of a group's entry the columns that all recipients have in common come from `shared`.
        let header =
            """
            e.key, coalesce(s.stamp, e.message_stamp, e.stamp), e.kind, coalesce(s.author, e.author), e.chat,
            coalesce(s.id, e.id), e.group_number
            """
        let join = "LEFT JOIN shared AS s ON s.key = (e.chat << \(EntryKey.numberBits) | e.group_number)"
        readEntries = try database.prepare(
            """
            SELECT \(header), coalesce(s.body, e.body) FROM entries AS e \(join)
            WHERE e.key > ?1 AND e.key <= ?2 AND typeof(e.body) <> 'null' ORDER BY e.key
            """)
        readHeaders = try database.prepare(
            """
            SELECT \(header) FROM entries AS e \(join)
            WHERE e.key > ?1 AND e.key <= ?2 AND typeof(e.body) <> 'null' ORDER BY e.key
            """)
        firstWithText = try database.prepare(
            "SELECT key FROM entries WHERE key > ?1 AND key <= ?2 AND typeof(body) <> 'null' ORDER BY key LIMIT 1")
        history = try database.prepare(
            """
            SELECT \(header), coalesce(s.body, e.body) FROM entries AS e \(join)
            WHERE e.key > ?1 AND e.key < ?2 AND typeof(e.body) <> 'null' ORDER BY e.key DESC
            """)
        historyOfChat =
            isArchive
            ? try database.prepare(
                """
                SELECT \(header), coalesce(s.body, e.body) FROM entries AS e INDEXED BY entries_by_chat \(join)
                WHERE e.owner = ?3 AND e.chat = ?4 AND e.key > ?1 AND e.key < ?2 AND typeof(e.body) <> 'null'
                ORDER BY e.key DESC
                """)
            : nil
        sweepEntries = try database.prepare(
            """
            SELECT key, stamp, kind, author, id, typeof(body) <> 'null' FROM entries
            WHERE key > ?1 ORDER BY key LIMIT ?2
            """)

        devices = try database.prepare("SELECT device, cursor, opened FROM devices WHERE owner = ?1 ORDER BY device")
        insertDevice = try database.prepare(
            "INSERT INTO devices (owner, device, cursor, opened) VALUES (?1, ?2, ?3, ?4)")
        moveDevice = try database.prepare("UPDATE devices SET cursor = ?3, opened = ?4 WHERE owner = ?1 AND device = ?2")
        deleteDevice = try database.prepare("DELETE FROM devices WHERE owner = ?1 AND device = ?2")
        deleteDevices = try database.prepare("DELETE FROM devices WHERE owner = ?1")

        findWatermark = try database.prepare(
            "SELECT upto, revision FROM watermarks WHERE owner = ?1 AND peer = ?2 AND kind = ?3")
        putWatermark = try database.prepare(
            "INSERT OR REPLACE INTO watermarks (owner, peer, kind, upto, revision) VALUES (?1, ?2, ?3, ?4, ?5)")
        deleteWatermarks = try database.prepare("DELETE FROM watermarks WHERE owner = ?1")
        lastRevision = try database.prepare("SELECT max(revision) FROM watermarks WHERE owner = ?1")
        readWatermarks = try database.prepare(
            """
            SELECT peer, kind, upto, revision FROM watermarks
            WHERE owner = ?1 AND revision > ?2 ORDER BY revision LIMIT ?3
            """)

        insertProbe = try database.prepare("INSERT INTO probes (id, filler) VALUES (1, zeroblob(?1))")
        deleteProbe = try database.prepare("DELETE FROM probes")
    }
}
