// What a store holds, said in a way that no engine owns: tables of rows of plain values, with names instead of numbers.
//
// Copies are judged by it. Two stores hold the same when each table has as many rows and the same digest, be they a file
// and its backup, or a file and the database that it was moved to.

import Primitives

/// A column's value.
public enum StoreValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
}

/// The tables, each with the columns that identify a row first.
public enum StoreTable: UInt8, CaseIterable, Sendable {
    /// Text of a group's entry stands in each row; where it is gone, author and id are empty and the message's stamp is null.
    case entries = 1
    case devices = 2
    /// Only rows that say something: a cursor that outlived its device, settings, or when somebody was here.
    case people = 3
    case watermarks = 4
    case memberships = 5
    case places = 6
    case logs = 7
    case logEntries = 8
    case members = 9
    case marks = 10

    public var name: String {
        switch self {
        case .entries: "entries"
        case .devices: "devices"
        case .people: "people"
        case .watermarks: "watermarks"
        case .memberships: "memberships"
        case .places: "places"
        case .logs: "logs"
        case .logEntries: "log_entries"
        case .members: "members"
        case .marks: "marks"
        }
    }

    public var columns: [String] {
        switch self {
        case .entries:
            ["owner", "number", "kind", "author", "id", "stamp", "message_stamp", "chat", "digest", "body", "group_number"]
        case .devices: ["owner", "device", "cursor", "opened"]
        case .people: ["owner", "forgotten", "settings", "last_seen"]
        case .watermarks: ["owner", "peer", "kind", "upto", "revision"]
        case .memberships: ["owner", "name", "title"]
        case .places: ["owner", "name", "last"]
        case .logs: ["owner", "head", "head_stamp", "event_number", "fanned_out", "pruned", "revision", "told"]
        case .logEntries: ["owner", "number", "kind", "author", "id", "stamp", "digest", "body"]
        case .members: ["owner", "name", "wrote", "delivered", "read"]
        case .marks: ["owner", "name", "kind", "upto", "at"]
        }
    }
}

/// Something whose content can be read, row by row.
public protocol StoreContent {
    /// Hands out all rows of a table, in any order, each with a value for each of its columns.
    /// - Throws: `StoreFailure`, or what `take` throws.
    func read(_ table: StoreTable, _ take: ([StoreValue]) throws(StoreFailure) -> Void) throws(StoreFailure)
}

/// What a table comes to: how many rows, and a digest that does not depend on their order.
public struct TableSum: Equatable, Sendable {
    public private(set) var rowCount: Int64 = 0
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private let table: StoreTable

    /// Two independent functions of 64 bits: two stores that differ agree by chance once in 2^128. No secret, and no guard
    /// against somebody who builds a store to deceive.
    private static let hashes = (StableHash(k0: 0x66_61_6E_74, k1: 1), StableHash(k0: 0x66_61_6E_74, k1: 2))

    public init(_ table: StoreTable) { self.table = table }

    public mutating func add(_ row: [StoreValue]) {
        precondition(row.count == table.columns.count)
        var writer = ByteWriter(reserving: 128)
        writer.u8(table.rawValue)
        for value in row {
            switch value {
            case .null: writer.u8(0)
            case .integer(let number):
                writer.u8(1)
                writer.i64(number)
            case .text(let text):
                writer.u8(2)
                writer.string(text)
            case .bytes(let bytes):
                writer.u8(3)
                writer.blob(bytes)
            }
        }
        rowCount += 1
        low &+= Self.hashes.0(writer.bytes)
        high &+= Self.hashes.1(writer.bytes)
    }

    /// What both together come to.
    public static func + (left: TableSum, right: TableSum) -> TableSum {
        precondition(left.table == right.table)
        var sum = left
        sum.rowCount += right.rowCount
        sum.low &+= right.low
        sum.high &+= right.high
        return sum
    }

    /// 32 hexadecimal digits.
    public var digest: String { Self.hex(high) + Self.hex(low) }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// All tables of a store.
public struct ContentSum: Equatable, Sendable {
    /// In the order of `StoreTable.allCases`.
    public let tables: [TableSum]

    /// Reads everything. O(rows).
    public init(of content: some StoreContent) throws(StoreFailure) {
        var tables: [TableSum] = []
        for table in StoreTable.allCases {
            var sum = TableSum(table)
            try content.read(table) { row throws(StoreFailure) in sum.add(row) }
            tables.append(sum)
        }
        self.tables = tables
    }

    /// Of a store that holds nothing.
    public init() { tables = StoreTable.allCases.map { TableSum($0) } }

    private init(_ tables: [TableSum]) { self.tables = tables }

    /// What both together come to: partitions have no row in common.
    public static func + (left: ContentSum, right: ContentSum) -> ContentSum {
        ContentSum(zip(left.tables, right.tables).map { $0 + $1 })
    }

    /// The tables in which two stores differ.
    public func differences(from other: ContentSum) -> [StoreTable] {
        zip(StoreTable.allCases, zip(tables, other.tables)).filter { $0.1.0 != $0.1.1 }.map(\.0)
    }
}
