// Parameters and results in PostgreSQL's binary format: big-endian numbers, texts and blobs as they are, and arrays of these.
//
// A batch writes many rows by few statements: each parameter is a column of all rows, and `unnest` makes rows of them.
// Source: PostgreSQL 15, src/backend/utils/adt/arrayfuncs.c (array_recv) and the manual, 55.7 Message Formats.

import CPostgres
import Messages
import Primitives

/// A value of each row, of one type.
struct Column {
    enum Element: UInt32 {
        case bytes = 17
        case integer = 20
        case text = 25
    }

    private var elements: [UInt8] = []
    private(set) var count = 0
    private var hasNull = false
    private let element: Element

    init(_ element: Element) { self.element = element }

    mutating func add(_ number: Int64) { add(length: 8) { $0.appendBigEndian(UInt64(bitPattern: number)) } }
    mutating func add(_ stamp: Stamp) { add(stamp.microseconds) }
    mutating func add(_ text: String) { add(length: text.utf8.count) { $0.append(contentsOf: text.utf8) } }
    mutating func add(_ bytes: [UInt8]) { add(length: bytes.count) { $0.append(contentsOf: bytes) } }

    mutating func addNull() {
        count += 1
        hasNull = true
        elements.appendBigEndian(UInt32.max)
    }

    private mutating func add(length: Int, _ write: (inout [UInt8]) -> Void) {
        count += 1
        elements.appendBigEndian(UInt32(length))
        write(&elements)
    }

    /// One dimension, counted from 1; none when empty.
    var parameter: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + elements.count)
        bytes.appendBigEndian(UInt32(count == 0 ? 0 : 1))
        bytes.appendBigEndian(UInt32(hasNull ? 1 : 0))
        bytes.appendBigEndian(element.rawValue)
        guard count > 0 else { return bytes }
        bytes.appendBigEndian(UInt32(count))
        bytes.appendBigEndian(UInt32(1))
        bytes += elements
        return bytes
    }
}

extension Array<UInt8> {
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// A single number as a parameter.
    static func parameter(_ number: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendBigEndian(number)
        return bytes
    }

    static func parameter(_ text: String) -> [UInt8] { Array(text.utf8) }
}

/// The rows that a statement gave. Reads out of the result that libpq keeps; it goes with this.
final class Rows {
    private let result: OpaquePointer

    init(_ result: OpaquePointer) { self.result = result }
    deinit { PQclear(result) }

    var count: Int { Int(PQntuples(result)) }
    /// What the statement did, for instance COMMIT.
    var tag: String { String(cString: PQcmdStatus(result)) }

    func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(result, Int32(row), Int32(column)) == 1 }

    func bytes(_ row: Int, _ column: Int) -> [UInt8] {
        let count = Int(PQgetlength(result, Int32(row), Int32(column)))
        guard count > 0, let start = PQgetvalue(result, Int32(row), Int32(column)) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    func text(_ row: Int, _ column: Int) -> String {
        let count = Int(PQgetlength(result, Int32(row), Int32(column)))
        guard count > 0, let start = PQgetvalue(result, Int32(row), Int32(column)) else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// 0 for null.
    func int64(_ row: Int, _ column: Int) -> Int64 {
        guard PQgetlength(result, Int32(row), Int32(column)) == 8, let start = PQgetvalue(result, Int32(row), Int32(column)) else { return 0 }
        return Int64(bigEndian: UnsafeRawPointer(start).loadUnaligned(as: Int64.self))
    }

    func uint64(_ row: Int, _ column: Int) -> UInt64 { UInt64(clamping: int64(row, column)) }
    func stamp(_ row: Int, _ column: Int) -> Stamp { Stamp(microseconds: int64(row, column)) }

    func user(_ row: Int, _ column: Int) throws(PostgresError) -> UserID {
        let text = text(row, column)
        guard let user = UserID(text) else { throw .badRow("not a user's name: \(text)") }
        return user
    }

    func messageID(_ row: Int, _ column: Int) throws(PostgresError) -> MessageID {
        let text = text(row, column)
        guard let id = MessageID(text) else { throw .badRow("not a message id: \(text)") }
        return id
    }
}
