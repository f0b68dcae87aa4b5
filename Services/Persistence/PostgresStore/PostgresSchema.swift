// What is in the database, and how it came to be.
//
// Every key begins with the owner, a user or a group, and no rule needs rows of two owners together: an engine that distributes
// PostgreSQL can keep each owner where it likes. A batch writes rows of many in one transaction all the same, and the row of the
// lease with them (docs/decisions/0022 has what that costs). There are no sequences, no foreign keys and no numbers for names.
// What a group sends to a thousand people is a thousand rows with the text in each, because a row that they shared would be
// everybody's.
//
// An entry is inserted, loses its text by an update, and is deleted a day later. `fillfactor` leaves room in its page for the
// update, which then touches no index (PostgreSQL manual, 73.7, Heap-Only Tuples).

enum PostgresSchema {
    /// The schema of the database in which our tables lie, unless a test wants one of its own.
    static let nameDefault = "fantail"
    /// The version this release writes. A later one adds its migration behind `first`.
    static let version: Int64 = 1
    /// All processes that start wait for each other under this number, "FANT".
    static let advisoryLock: Int64 = 0x4641_4E54

    static let first = """
        CREATE TABLE entries (
            owner text COLLATE "C" NOT NULL, number bigint NOT NULL, kind smallint NOT NULL, author text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL, stamp bigint NOT NULL, message_stamp bigint, chat text COLLATE "C" NOT NULL,
            digest bigint NOT NULL, body bytea, group_number bigint, PRIMARY KEY (owner, number)
        ) WITH (fillfactor = 70);
        CREATE UNIQUE INDEX entries_by_id ON entries (owner, author, kind, id) WHERE kind < 4;
        CREATE TABLE devices (
            owner text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL, cursor bigint NOT NULL, opened bigint NOT NULL,
            PRIMARY KEY (owner, device)
        ) WITH (fillfactor = 50);
        CREATE TABLE people (
            owner text COLLATE "C" NOT NULL PRIMARY KEY, forgotten bigint NOT NULL DEFAULT 0, settings bytea, last_seen bigint
        ) WITH (fillfactor = 70);
        CREATE TABLE watermarks (
            owner text COLLATE "C" NOT NULL, peer text COLLATE "C" NOT NULL, kind smallint NOT NULL, upto bigint NOT NULL,
            revision bigint NOT NULL, PRIMARY KEY (owner, peer, kind)
        ) WITH (fillfactor = 50);
        CREATE TABLE memberships (
            owner text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, title text NOT NULL, PRIMARY KEY (owner, name)
        );
        CREATE TABLE places (
            owner text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, last bigint NOT NULL, PRIMARY KEY (owner, name)
        ) WITH (fillfactor = 50);
        CREATE TABLE logs (
            owner text COLLATE "C" NOT NULL PRIMARY KEY, head bigint NOT NULL, head_stamp bigint NOT NULL, event_number bigint NOT NULL,
            fanned_out bigint NOT NULL, pruned bigint NOT NULL, revision bigint NOT NULL, told bigint NOT NULL
        ) WITH (fillfactor = 50);
        CREATE INDEX pending_logs ON logs (owner) WHERE fanned_out < head OR told < revision;
        CREATE TABLE log_entries (
            owner text COLLATE "C" NOT NULL, number bigint NOT NULL, kind smallint NOT NULL, author text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL, stamp bigint NOT NULL, digest bigint NOT NULL, body bytea, PRIMARY KEY (owner, number)
        ) WITH (fillfactor = 70);
        CREATE UNIQUE INDEX log_entries_by_id ON log_entries (owner, author, id);
        CREATE INDEX log_entries_by_stamp ON log_entries (owner, stamp);
        CREATE INDEX log_events ON log_entries (owner, number) WHERE kind = 2;
        CREATE TABLE members (
            owner text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, wrote bigint NOT NULL, delivered bigint NOT NULL,
            read bigint NOT NULL, PRIMARY KEY (owner, name)
        ) WITH (fillfactor = 50);
        CREATE TABLE marks (
            owner text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, kind smallint NOT NULL, upto bigint NOT NULL,
            at bigint NOT NULL, PRIMARY KEY (owner, name, kind, upto)
        );
        CREATE TABLE probes (partition text NOT NULL, filler bytea NOT NULL);
        """

    /// Leases and the version come before everything else, so that an older release sees at once what it does not know.
    static let leases = """
        CREATE TABLE schema_version (version bigint NOT NULL);
        INSERT INTO schema_version VALUES (\(version));
        CREATE TABLE leases (
            partition text COLLATE "C" NOT NULL PRIMARY KEY, token bigint NOT NULL, holder text NOT NULL, layout text NOT NULL
        ) WITH (fillfactor = 50);
        """

    /// Histories by chat: only archives pay for it.
    static let archiveIndex = "CREATE INDEX IF NOT EXISTS entries_by_chat ON entries (owner, chat, number)"
    static let noArchiveIndex = "DROP INDEX IF EXISTS entries_by_chat"
    static func hasArchiveIndex(_ schema: String) -> String { "SELECT to_regclass('\(schema).entries_by_chat') IS NOT NULL" }

    /// Texts in groups' logs that every inbox has: what an archive kept goes when it becomes temporary.
    static let dropFannedOut = """
        UPDATE log_entries AS e SET body = NULL FROM logs AS l
        WHERE l.owner = e.owner AND e.kind = 1 AND e.number <= l.fanned_out AND e.body IS NOT NULL
        """

    /// Of each connection. `synchronous_commit`: what was acknowledged is on the disk, and on that of the synchronous standby.
    /// The time-outs end what nobody waits for any more; plans by index are right for all statements, however young the statistics.
    static func session(_ schema: String) -> String {
        """
        SET search_path TO \(schema);
        SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';
        SET idle_in_transaction_session_timeout = '10s';
        SET lock_timeout = '5s';
        SET enable_seqscan = off;
        SET enable_hashjoin = off;
        SET enable_mergejoin = off;
        SET plan_cache_mode = force_generic_plan;
        """
    }
}
