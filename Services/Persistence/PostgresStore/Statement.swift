// Every statement of a batch, compiled once a connection. SQL stands here, in PostgresSchema and in PostgresContent.
//
// Parameters are columns of many rows; `i` counts the rows of a question from 1. All numbers in results are eight bytes.

enum Statement: String, CaseIterable {
    // The transaction.
    case begin, commit, rollback, fence, look
    // What is known.
    case inboxes, devices, known, watermarks, places, logs, knownLog, members
    // Reading.
    case readEntries, readHeaders, firstText, history, historyOfChat, sweep, readWatermarks, readMemberships, readPresence
    case readLog, readEvents, readNewest, pendingLogs, nextLog, authorAt, readMembers, readMembersAt
    // Writing.
    case insertEntries, blank, purge, putDevices, deleteDevices, putForgotten, putSettings, raiseSeen, putWatermarks
    case putPlaces, putMemberships, renameMemberships, deleteMemberships
    case insertLogEntries, putLogs, dropTexts, deleteLogEntries, putMembers, insertMarks, pruneMarks
    case eraseDevices, eraseWatermarks, eraseSeen, eraseMemberships
    case insertProbe, deleteProbe

    var sql: String {
        switch self {
        case .begin: "BEGIN"
        case .commit: "COMMIT"
        case .rollback: "ROLLBACK"
        // Whoever takes a partition over raises its token, which waits for this lock; without the row there is a division by zero.
        case .fence: "SELECT 1 / count(*) FROM (SELECT 1 FROM leases WHERE partition = $1::text AND token = $2::bigint FOR UPDATE) AS held"
        case .look: "SELECT 1 / count(*) FROM leases WHERE partition = $1::text AND token = $2::bigint"

        case .inboxes:
            """
            SELECT q.i, h.number, h.stamp, p.forgotten, p.settings,
                (SELECT max(w.revision) FROM watermarks AS w WHERE w.owner = q.owner)
            FROM unnest($1::text[]) WITH ORDINALITY AS q(owner, i)
            LEFT JOIN LATERAL (SELECT number, stamp FROM entries AS e WHERE e.owner = q.owner ORDER BY number DESC LIMIT 1) AS h ON true
            LEFT JOIN people AS p ON p.owner = q.owner
            """
        case .devices:
            """
            SELECT q.i, d.device, d.cursor, d.opened FROM unnest($1::text[]) WITH ORDINALITY AS q(owner, i)
            JOIN devices AS d ON d.owner = q.owner ORDER BY d.owner, d.device
            """
        case .known:
            """
            SELECT q.i, e.number, e.stamp, e.chat, e.digest
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) WITH ORDINALITY AS q(owner, author, kind, id, i)
            JOIN entries AS e ON e.owner = q.owner AND e.author = q.author AND e.kind = q.kind AND e.id = q.id AND e.kind < 4
            """
        case .watermarks:
            """
            SELECT q.i, w.upto, w.revision FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS q(owner, peer, kind, i)
            JOIN watermarks AS w ON w.owner = q.owner AND w.peer = q.peer AND w.kind = q.kind
            """
        case .places:
            """
            SELECT q.i, p.last FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q(owner, name, i)
            JOIN places AS p ON p.owner = q.owner AND p.name = q.name
            """
        case .logs:
            """
            SELECT q.i, l.head, l.head_stamp, l.event_number, l.fanned_out, l.pruned, l.revision, l.told,
                (SELECT e.stamp FROM log_entries AS e WHERE e.owner = q.owner AND e.number > l.pruned ORDER BY e.number LIMIT 1)
            FROM unnest($1::text[]) WITH ORDINALITY AS q(owner, i) JOIN logs AS l ON l.owner = q.owner
            """
        case .knownLog:
            """
            SELECT q.i, e.number, e.stamp, e.kind::bigint, e.digest
            FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q(owner, author, id, i)
            JOIN log_entries AS e ON e.owner = q.owner AND e.author = q.author AND e.id = q.id
            """
        case .members:
            """
            SELECT q.i, m.wrote, m.delivered, m.read FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q(owner, name, i)
            JOIN members AS m ON m.owner = q.owner AND m.name = q.name
            """

        case .readEntries: Self.page("e.body", "AND number > $2::bigint ORDER BY number LIMIT $3::bigint")
        case .readHeaders: Self.page("NULL::bytea", "AND number > $2::bigint ORDER BY number LIMIT $3::bigint")
        case .history: Self.page("e.body", "AND number < $2::bigint ORDER BY number DESC LIMIT $3::bigint")
        case .historyOfChat: Self.page("e.body", "AND number < $2::bigint AND chat = $4::text ORDER BY number DESC LIMIT $3::bigint")
        case .firstText:
            "SELECT number FROM entries WHERE owner = $1::text AND number > $2::bigint AND body IS NOT NULL ORDER BY number LIMIT 1"
        case .sweep:
            """
            SELECT owner, number, stamp, kind::bigint, author, id, (body IS NOT NULL)::int::bigint FROM entries
            WHERE (owner, number) > ($1::text, $2::bigint) ORDER BY owner, number LIMIT $3::bigint
            """
        case .readWatermarks:
            """
            SELECT peer, kind::bigint, upto, revision FROM watermarks WHERE owner = $1::text AND revision > $2::bigint
            ORDER BY revision LIMIT $3::bigint
            """
        case .readMemberships: "SELECT name, title FROM memberships WHERE owner = $1::text AND name > $2::text ORDER BY name LIMIT $3::bigint"
        case .readPresence:
            """
            SELECT p.last_seen, p.settings FROM unnest($1::text[]) WITH ORDINALITY AS q(owner, i)
            LEFT JOIN people AS p ON p.owner = q.owner ORDER BY q.i
            """
        case .readLog: Self.log("AND number > $2::bigint AND number <= $3::bigint ORDER BY number LIMIT $4::bigint")
        case .readEvents: Self.log("AND number > $2::bigint AND number <= $3::bigint AND kind = 2 ORDER BY number LIMIT $4::bigint")
        case .readNewest: Self.log("AND number > $2::bigint AND number <= $3::bigint ORDER BY number DESC LIMIT $4::bigint")
        case .pendingLogs:
            "SELECT owner FROM logs WHERE (fanned_out < head OR told < revision) AND owner > $1::text ORDER BY owner LIMIT $2::bigint"
        case .nextLog:
            """
            SELECT number, stamp, kind::bigint FROM log_entries WHERE owner = $1::text AND number > $2::bigint
            ORDER BY number LIMIT 3
            """
        case .authorAt: "SELECT author, kind::bigint FROM log_entries WHERE owner = $1::text AND stamp = $2::bigint"
        case .readMembers:
            "SELECT name, wrote, delivered, read FROM members WHERE owner = $1::text AND name > $2::text ORDER BY name LIMIT $3::bigint"
        case .readMembersAt:
            """
            SELECT name, wrote,
                (SELECT at FROM marks AS k WHERE k.owner = m.owner AND k.name = m.name AND k.kind = 1 AND k.upto >= $4::bigint ORDER BY upto LIMIT 1),
                (SELECT at FROM marks AS k WHERE k.owner = m.owner AND k.name = m.name AND k.kind = 2 AND k.upto >= $4::bigint ORDER BY upto LIMIT 1)
            FROM members AS m WHERE owner = $1::text AND name > $2::text ORDER BY name LIMIT $3::bigint
            """

        case .insertEntries:
            """
            INSERT INTO entries (owner, number, kind, author, id, stamp, message_stamp, chat, digest, body, group_number)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[],
                $9::bigint[], $10::bytea[], $11::bigint[])
            """
        case .blank:
            """
            UPDATE entries AS e SET body = NULL FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS q(owner, after, through)
            WHERE e.owner = q.owner AND e.number > q.after AND e.number <= q.through AND e.body IS NOT NULL
            """
        case .purge:
            "DELETE FROM entries AS e USING unnest($1::text[], $2::bigint[]) AS q(owner, number) WHERE e.owner = q.owner AND e.number = q.number"
        case .putDevices:
            """
            INSERT INTO devices (owner, device, cursor, opened) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
            ON CONFLICT (owner, device) DO UPDATE SET cursor = excluded.cursor, opened = excluded.opened
            """
        case .deleteDevices:
            "DELETE FROM devices AS d USING unnest($1::text[], $2::text[]) AS q(owner, device) WHERE d.owner = q.owner AND d.device = q.device"
        case .putForgotten:
            """
            INSERT INTO people (owner, forgotten) SELECT * FROM unnest($1::text[], $2::bigint[])
            ON CONFLICT (owner) DO UPDATE SET forgotten = excluded.forgotten
            """
        case .putSettings:
            """
            INSERT INTO people (owner, settings) SELECT * FROM unnest($1::text[], $2::bytea[])
            ON CONFLICT (owner) DO UPDATE SET settings = excluded.settings
            """
        case .raiseSeen:
            """
            INSERT INTO people (owner, last_seen) SELECT * FROM unnest($1::text[], $2::bigint[])
            ON CONFLICT (owner) DO UPDATE SET last_seen = greatest(people.last_seen, excluded.last_seen)
            """
        case .putWatermarks:
            """
            INSERT INTO watermarks (owner, peer, kind, upto, revision)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            ON CONFLICT (owner, peer, kind) DO UPDATE SET upto = excluded.upto, revision = excluded.revision
            """
        case .putPlaces:
            """
            INSERT INTO places (owner, name, last) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
            ON CONFLICT (owner, name) DO UPDATE SET last = excluded.last
            """
        case .putMemberships:
            """
            INSERT INTO memberships (owner, name, title) SELECT owner, $2::text, $3::text FROM unnest($1::text[]) AS q(owner)
            ON CONFLICT (owner, name) DO UPDATE SET title = excluded.title
            """
        case .renameMemberships:
            "UPDATE memberships AS m SET title = $3::text FROM unnest($1::text[]) AS q(owner) WHERE m.owner = q.owner AND m.name = $2::text"
        case .deleteMemberships:
            "DELETE FROM memberships AS m USING unnest($1::text[]) AS q(owner) WHERE m.owner = q.owner AND m.name = $2::text"

        case .insertLogEntries:
            """
            INSERT INTO log_entries (owner, number, kind, author, id, stamp, digest, body)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bytea[])
            """
        case .putLogs:
            """
            INSERT INTO logs (owner, head, head_stamp, event_number, fanned_out, pruned, revision, told)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
            ON CONFLICT (owner) DO UPDATE SET head = excluded.head, head_stamp = excluded.head_stamp,
                event_number = excluded.event_number, fanned_out = excluded.fanned_out, pruned = excluded.pruned,
                revision = excluded.revision, told = excluded.told
            """
        case .dropTexts:
            """
            UPDATE log_entries AS e SET body = NULL FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS q(owner, after, through)
            WHERE e.owner = q.owner AND e.number > q.after AND e.number <= q.through AND e.kind = 1 AND e.body IS NOT NULL
            """
        case .deleteLogEntries:
            "DELETE FROM log_entries AS e USING unnest($1::text[], $2::bigint[]) AS q(owner, number) WHERE e.owner = q.owner AND e.number = q.number"
        case .putMembers:
            """
            INSERT INTO members (owner, name, wrote, delivered, read)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            ON CONFLICT (owner, name) DO UPDATE SET wrote = excluded.wrote, delivered = excluded.delivered, read = excluded.read
            """
        case .insertMarks:
            """
            INSERT INTO marks (owner, name, kind, upto, at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            """
        // Of each series the two oldest below the newest, as long as they are older than $5.
        case .pruneMarks:
            """
            DELETE FROM marks AS k
            USING unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS q(owner, name, kind, newest),
                LATERAL (
                    SELECT o.upto, max(o.at) OVER (ORDER BY o.upto) AS at FROM (
                        SELECT m.upto, m.at FROM marks AS m
                        WHERE m.owner = q.owner AND m.name = q.name AND m.kind = q.kind AND m.upto < q.newest ORDER BY m.upto LIMIT 2
                    ) AS o
                ) AS old
            WHERE k.owner = q.owner AND k.name = q.name AND k.kind = q.kind AND k.upto = old.upto AND old.at < $5::bigint
            """
        case .eraseDevices: "DELETE FROM devices WHERE owner = $1::text"
        case .eraseWatermarks: "DELETE FROM watermarks WHERE owner = $1::text"
        case .eraseMemberships: "DELETE FROM memberships WHERE owner = $1::text"
        case .eraseSeen: "UPDATE people SET last_seen = NULL WHERE owner = $1::text"
        case .insertProbe: "INSERT INTO probes (partition, filler) VALUES ($1::text, $2::bytea)"
        case .deleteProbe: "DELETE FROM probes WHERE partition = $1::text"
        }
    }

    private static func page(_ body: String, _ rest: String) -> String {
        """
        SELECT number, coalesce(message_stamp, stamp), kind::bigint, author, chat, id, coalesce(group_number, 0), \(body)
        FROM entries AS e WHERE owner = $1::text AND body IS NOT NULL \(rest)
        """
    }

    private static func log(_ rest: String) -> String {
        "SELECT number, stamp, kind::bigint, author, id, body FROM log_entries WHERE owner = $1::text \(rest)"
    }
}
