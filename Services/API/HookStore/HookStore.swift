// The queue of webhooks, in SQLite: what waits, and what nobody tries any more. Every commit is synced before it returns.

import CoreKit
import Primitives
import SQLiteStore
import Storage

public enum HookStoreLimits {
    /// Bodies in one page of dead letters, bytes: half of what the loop keeps for a client that reads slowly.
    static let pageBytesMax = 256 * 1024
}

public struct HookStore: HookWorking {
    private static let schema = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE IF NOT EXISTS hooks (
          number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, body BLOB NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
          due INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '', died INTEGER
        );
        CREATE INDEX IF NOT EXISTS hooks_dead ON hooks (died, number) WHERE died IS NOT NULL;
        """

    private let database: Database
    private let deadCountMax: Int

    /// - Parameters:
    ///   - path: of the file, made when it is missing.
    ///   - deadCountMax: dead letters that are kept; beyond it the oldest goes.
    /// - Throws: `StoreFailure` when it cannot be used.
    public init(path: String, deadCountMax: Int) throws(StoreFailure) {
        self.deadCountMax = deadCountMax
        do throws(SQLiteError) {
            database = try Database(path: path, creates: true)
            try database.execute(Self.schema)
            database.merge(whenClosing: true)
        } catch {
            throw error.failure
        }
    }

    public mutating func close() { database.close() }

    public mutating func carryOut(_ order: HookOrder, now: Stamp) -> HookOutcome {
        do throws(SQLiteError) {
            return HookOutcome(order.ticket, try result(of: order.work, now))
        } catch {
            return HookOutcome(order.ticket, .broken("\(error.failure)"))
        }
    }

    private func result(of work: HookOrder.Work, _ now: Stamp) throws(SQLiteError) -> HookOutcome.Result {
        switch work {
        case .load: .loaded(try rows("SELECT number, tries, due FROM hooks WHERE died IS NULL ORDER BY number"), deadCount: try deadCount())
        case .add(let news): .added(try add(news, now))
        case .read(let number): try body(number).map { HookOutcome.Result.body($0) } ?? .missing
        case .settle(let number, let fate): try settle(number, fate, now)
        case .dead(let after, let limit): try dead(after, limit)
        case .revive(let number): try revive(number, now)
        case .drop(let number):
            try run("DELETE FROM hooks WHERE number = ? AND died IS NOT NULL", number) ? .settled(deadCount: try deadCount()) : .missing
        case .post: preconditionFailure("a table posts nothing")
        }
    }

    private func add(_ news: [HookNews], _ now: Stamp) throws(SQLiteError) -> [HookRow] {
        var rows: [HookRow] = []
        try database.execute("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            let insert = try database.prepare("INSERT INTO hooks (key, body, due) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING")
            defer { insert.finalize() }
            for item in news {
                insert.bind(1, item.key)
                insert.bind(2, item.body)
                insert.bind(3, now)
                try insert.run()
                if database.changeCount > 0 { rows.append(HookRow(number: database.lastRowID, tryCount: 0, due: now)) }
                insert.reset()
            }
            try database.execute("COMMIT")
        } catch {
            if database.isInTransaction { try database.execute("ROLLBACK") }
            throw error
        }
        return rows
    }

    private func settle(_ number: Int64, _ fate: HookFate, _ now: Stamp) throws(SQLiteError) -> HookOutcome.Result {
        switch fate {
        case .done: _ = try run("DELETE FROM hooks WHERE number = ?", number)
        case .again(let due, let error):
            let update = try database.prepare("UPDATE hooks SET tries = tries + 1, due = ?2, error = ?3 WHERE number = ?1")
            defer { update.finalize() }
            update.bind(1, number)
            update.bind(2, due)
            update.bind(3, error)
            try update.run()
        case .dead(let error):
            let update = try database.prepare("UPDATE hooks SET tries = tries + 1, died = ?2, error = ?3 WHERE number = ?1")
            defer { update.finalize() }
            update.bind(1, number)
            update.bind(2, now)
            update.bind(3, error)
            try update.run()
            try database.execute(
                "DELETE FROM hooks WHERE number IN (SELECT number FROM hooks WHERE died IS NOT NULL ORDER BY died DESC, number DESC "
                    + "LIMIT -1 OFFSET \(deadCountMax))")
        }
        return .settled(deadCount: try deadCount())
    }

    private func revive(_ number: Int64, _ now: Stamp) throws(SQLiteError) -> HookOutcome.Result {
        let update = try database.prepare("UPDATE hooks SET tries = 0, due = ?2, died = NULL WHERE number = ?1 AND died IS NOT NULL")
        defer { update.finalize() }
        update.bind(1, number)
        update.bind(2, now)
        try update.run()
        guard database.changeCount > 0 else { return .missing }
        return .revived(HookRow(number: number, tryCount: 0, due: now), deadCount: try deadCount())
    }

    private func dead(_ after: Int64, _ limit: Int) throws(SQLiteError) -> HookOutcome.Result {
        let statement = try database.prepare(
            "SELECT number, tries, error, died, body FROM hooks WHERE died IS NOT NULL AND number > ?1 ORDER BY number LIMIT ?2")
        defer { statement.finalize() }
        statement.bind(1, after)
        statement.bind(2, Int64(limit + 1))
        var letters: [DeadLetter] = []
        var bytes = 0
        var hasMore = false
        while try statement.step() {
            // A page is an answer: it fits into what the loop keeps for a client.
            hasMore = letters.count == limit || !letters.isEmpty && bytes + statement.blob(4).count > HookStoreLimits.pageBytesMax
            if hasMore { break }
            bytes += statement.blob(4).count
            letters.append(
                DeadLetter(
                    number: statement.int64(0), tryCount: Int(statement.int64(1)), error: statement.text(2), diedAt: statement.stamp(3),
                    body: statement.blob(4)))
        }
        return .dead(letters, more: hasMore)
    }

    private func body(_ number: Int64) throws(SQLiteError) -> [UInt8]? {
        let statement = try database.prepare("SELECT body FROM hooks WHERE number = ? AND died IS NULL")
        defer { statement.finalize() }
        statement.bind(1, number)
        return try statement.step() ? statement.blob(0) : nil
    }

    private func deadCount() throws(SQLiteError) -> Int {
        Int(try database.number("SELECT count(*) FROM hooks WHERE died IS NOT NULL"))
    }

    private func rows(_ sql: String) throws(SQLiteError) -> [HookRow] {
        let statement = try database.prepare(sql)
        defer { statement.finalize() }
        var rows: [HookRow] = []
        while try statement.step() {
            rows.append(HookRow(number: statement.int64(0), tryCount: Int(statement.int64(1)), due: statement.stamp(2)))
        }
        return rows
    }

    /// - Returns: whether a row was touched.
    private func run(_ sql: String, _ number: Int64) throws(SQLiteError) -> Bool {
        let statement = try database.prepare(sql)
        defer { statement.finalize() }
        statement.bind(1, number)
        try statement.run()
        return database.changeCount > 0
    }
}
