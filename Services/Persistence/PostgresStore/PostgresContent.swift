// A database's content as `StoreTable` has it, read in one snapshot, and written to a database that has none yet.

import CPostgres
import Storage

/// Reads and fills a database while no persistence process uses it.
public final class PostgresContent: StoreContent {
    private let connection: Connection
    /// Rows that are read or written at a time.
    private static let rowCountMax = 1_000

    /// Makes the schema where it is missing.
    /// - Throws: `PostgresOpenFailure`.
    public init(url: String, passwordFile: String?, isArchive: Bool, schema: String? = nil) throws(PostgresOpenFailure) {
        let share = PostgresStore.Share(partition: "fantail store", layout: "fantail store") { _ in true }
        let link = PostgresLink(url: url, passwordFile: passwordFile, share: share, holder: "fantail store", isArchive: isArchive,
            schema: schema ?? PostgresSchema.nameDefault)
        do throws(PostgresError) {
            connection = try link.connectToCopy()
        } catch {
            throw PostgresOpenFailure(error, place: link.place)
        }
    }

    /// Runs SQL once, over a connection of its own; for tests.
    package static func run(_ sql: String, url: String, passwordFile: String?, schema: String) throws -> [[String?]] {
        let connection = try PostgresLink.open(url: url, passwordFile: passwordFile, name: "fantail test", setUp: "SET search_path TO \(schema)")
        return try connection.run(sql)
    }

    /// Whether anything is stored.
    public func isEmpty() throws(StoreFailure) -> Bool {
        for table in StoreTable.allCases {
            let rows = try text("SELECT EXISTS (SELECT 1 FROM \(table.name))")
            if rows.first?.first != "f" { return false }
        }
        return true
    }

    /// Runs `body` in one transaction that is committed, or not at all.
    public func transaction(_ body: () throws(StoreFailure) -> Void) throws(StoreFailure) {
        _ = try text("BEGIN ISOLATION LEVEL REPEATABLE READ")
        do throws(StoreFailure) {
            try body()
            _ = try text("COMMIT")
        } catch {
            _ = try? text("ROLLBACK")
            throw error
        }
    }

    public func read(_ table: StoreTable, _ take: ([StoreValue]) throws(StoreFailure) -> Void) throws(StoreFailure) {
        _ = try text("DECLARE content NO SCROLL CURSOR WITH HOLD FOR SELECT \(Self.columns(table)) FROM \(table.name)")
        defer { _ = try? text("CLOSE content") }
        while true {
            let rows: [[String?]] = try text("FETCH \(Self.rowCountMax) FROM content")
            if rows.isEmpty { return }
            for row in rows { try take(zip(row, Self.kinds(table)).map(Self.value)) }
        }
    }

    /// Adds rows, each with a value for each column.
    public func write(_ table: StoreTable, _ rows: [[StoreValue]]) throws(StoreFailure) {
        guard !rows.isEmpty else { return }
        let values = rows.map { row in "(\(row.map(Self.literal).joined(separator: ",")))" }.joined(separator: ",")
        _ = try text("INSERT INTO \(table.name) (\(table.columns.joined(separator: ", "))) VALUES \(values)")
    }

    private func text(_ sql: String) throws(StoreFailure) -> [[String?]] {
        do throws(PostgresError) {
            return try connection.run(sql)
        } catch {
            switch error {
            case .full: throw .full
            case .lost(let why), .refused(let why): throw .broken(why)
            case .fenced, .exists, .conflict: throw .broken("\(error)")
            }
        }
    }

    // MARK: Columns

    private enum Kind { case integer, text, bytes }

    private static func kinds(_ table: StoreTable) -> [Kind] {
        table.columns.map { column in
            switch column {
            case "owner", "author", "id", "chat", "device", "peer", "name", "title": .text
            case "body", "settings": .bytes
            default: .integer
            }
        }
    }

    /// Of a group's entry whose text is gone nobody asks for author and id; the embedded engine does not know them any more.
    private static func columns(_ table: StoreTable) -> String {
        guard table == .entries else { return table.columns.joined(separator: ", ") }
        let isGone = "kind >= 4 AND body IS NULL"
        return table.columns.map { column in
            switch column {
            case "author", "id": "CASE WHEN \(isGone) THEN '' ELSE \(column) END"
            case "message_stamp": "CASE WHEN \(isGone) THEN NULL ELSE \(column) END"
            default: column
            }
        }.joined(separator: ", ")
    }

    private static func value(_ text: String?, _ kind: Kind) -> StoreValue {
        guard let text else { return .null }
        switch kind {
        case .integer: return .integer(Int64(text) ?? 0)
        case .text: return .text(text)
        case .bytes: return .bytes(bytes(hex: text))
        }
    }

    /// `\x` and two digits for each byte: PostgreSQL manual, 8.4.1.
    private static func bytes(hex text: String) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 { byte < 0x3A ? byte - 0x30 : byte - 0x57 }
        let digits = Array(text.utf8.dropFirst(2))
        return stride(from: 0, to: digits.count - 1, by: 2).map { digit(digits[$0]) << 4 | digit(digits[$0 + 1]) }
    }

    private static func literal(_ value: StoreValue) -> String {
        switch value {
        case .null: return "NULL"
        case .integer(let number): return "\(number)"
        case .text(let text): return PostgresLink.quoted(text)
        case .bytes(let bytes):
            let digits = Array("0123456789abcdef".utf8)
            var hex: [UInt8] = []
            hex.reserveCapacity(2 * bytes.count)
            for byte in bytes {
                hex.append(digits[Int(byte >> 4)])
                hex.append(digits[Int(byte & 15)])
            }
            return "'\\x\(String(decoding: hex, as: UTF8.self))'::bytea"
        }
    }
}
