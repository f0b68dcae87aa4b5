// One connection through libpq in pipeline mode: statements go out without waiting for the answers to those before.
//
// libpq never blocks here: what it cannot send it keeps, and waiting is `poll` with a deadline, on reading and writing at
// once. Otherwise a large batch and its large answers could wait for each other for ever.
// Source: PostgreSQL 15 manual, 34.5 Pipeline Mode.

import CPostgres
import Glibc

final class Connection {
    private let handle: OpaquePointer
    /// Statements whose results have not been read.
    private var openCount = 0
    /// Results of the transaction so far, in the order of its statements.
    private(set) var results: [Rows] = []
    /// Times that somebody waited for answers.
    private(set) var roundTripCount: UInt64 = 0

    /// - Parameters:
    ///   - settings: of libpq; `dbname` may be a whole connection string, and wins over those before it.
    ///   - setUp: SQL that is run at once.
    init(_ settings: [(String, String)], setUp: String) throws(PostgresError) {
        let words = settings.map { strdup($0.0) } + [nil]
        let values = settings.map { strdup($0.1) } + [nil]
        defer { for text in words + values { free(text) } }
        let opened = words.map { UnsafePointer($0) }.withUnsafeBufferPointer { words in
            values.map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                PQconnectdbParams(words.baseAddress, values.baseAddress, 1)
            }
        }
        guard let opened else { throw .lost("out of memory") }
        handle = opened
        guard PQstatus(opened) == CONNECTION_OK else { throw .lost(Self.message(of: opened)) }
        // What the server has to say goes into results, and nothing to our standard error.
        PQsetNoticeProcessor(opened, { _, _ in }, nil)
        try run(setUp)
    }

    deinit { PQfinish(handle) }

    private static func message(of handle: OpaquePointer) -> String {
        String(cString: PQerrorMessage(handle)).split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    // MARK: Outside of the pipeline: start, and rare things

    /// Runs any number of statements at once, and waits.
    /// - Returns: the rows of the last one, as text.
    @discardableResult
    func run(_ sql: String) throws(PostgresError) -> [[String?]] {
        precondition(PQpipelineStatus(handle) == PQ_PIPELINE_OFF)
        roundTripCount += 1
        guard let result = PQexec(handle, sql) else { throw .lost(Self.message(of: handle)) }
        let rows = Rows(result)
        try check(result)
        return (0..<rows.count).map { row in
            (0..<Int(PQnfields(result))).map { rows.isNull(row, $0) ? nil : rows.text(row, $0) }
        }
    }

    /// From now on statements are sent, and their results are collected. All of them are compiled by the server first.
    func startPipeline(timeoutMs: Int64) throws(PostgresError) {
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else { throw .lost(Self.message(of: handle)) }
        for statement in Statement.allCases {
            guard PQsendPrepare(handle, statement.rawValue, statement.sql, 0, nil) == 1 else { throw .lost(Self.message(of: handle)) }
            openCount += 1
        }
        try collect(isLast: true, timeoutMs: timeoutMs)
        begin()
    }

    private func check(_ result: OpaquePointer) throws(PostgresError) {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_PIPELINE_SYNC: return
        default:
            guard PQstatus(handle) == CONNECTION_OK, let state = PQresultErrorField(result, 67 /* PG_DIAG_SQLSTATE, 'C' */) else {
                throw .lost(Self.message(of: handle))
            }
            let message = PQresultErrorField(result, 77 /* PG_DIAG_MESSAGE_PRIMARY, 'M' */).map { String(cString: $0) } ?? "no message"
            throw PostgresError(state: String(cString: state), message: message)
        }
    }

    // MARK: The pipeline

    /// Forgets the results of the transaction before.
    func begin() {
        precondition(openCount == 0)
        results.removeAll(keepingCapacity: true)
    }

    /// Sends a statement.
    /// - Returns: the place of its result.
    @discardableResult
    func send(_ statement: Statement, _ parameters: [[UInt8]] = []) throws(PostgresError) -> Int {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parameters.reduce(0) { $0 + $1.count } + 1)
        var offsets: [Int] = []
        for parameter in parameters {
            offsets.append(bytes.count)
            bytes += parameter
        }
        // An empty value must have an address: none would mean null.
        bytes.append(0)
        let lengths = parameters.map { Int32($0.count) }
        let formats = [Int32](repeating: 1, count: parameters.count)
        let isSent = bytes.withUnsafeBytes { buffer in
            let start = buffer.baseAddress!.assumingMemoryBound(to: CChar.self)
            let values = offsets.map { UnsafePointer<CChar>?(start + $0) }
            return PQsendQueryPrepared(handle, statement.rawValue, Int32(parameters.count), values, lengths, formats, 1)
        }
        guard isSent == 1 else { throw .lost(Self.message(of: handle)) }
        openCount += 1
        return results.count + openCount - 1
    }

    /// Waits for the results of everything that was sent.
    /// - Parameter isLast: the transaction ends here.
    /// - Throws: the first error; then the transaction was rolled back, and another may begin.
    func collect(isLast: Bool, timeoutMs: Int64) throws(PostgresError) {
        roundTripCount += 1
        let deadline = Self.milliseconds() + timeoutMs
        guard (isLast ? PQpipelineSync(handle) : PQsendFlushRequest(handle)) == 1 else { throw .lost(Self.message(of: handle)) }
        var failure: PostgresError?
        while openCount > 0, failure == nil {
            let result = try nextResult(deadline)
            let rows = Rows(result)
            do throws(PostgresError) {
                try check(result)
                results.append(rows)
            } catch {
                if case .lost = error { throw error }
                failure = error
            }
            openCount -= 1
        }
        guard failure != nil || isLast else { return }
        if let failure {
            try clear(isSynced: isLast, deadline)
            throw failure
        }
        try readSync(deadline)
    }

    /// After an error: reads past what was skipped, and ends the transaction.
    private func clear(isSynced: Bool, _ deadline: Int64) throws(PostgresError) {
        guard isSynced || PQpipelineSync(handle) == 1 else { throw .lost(Self.message(of: handle)) }
        try readSync(deadline)
        openCount = 0
        try send(.rollback)
        guard PQpipelineSync(handle) == 1 else { throw .lost(Self.message(of: handle)) }
        try readSync(deadline)
        openCount = 0
    }

    private func readSync(_ deadline: Int64) throws(PostgresError) {
        while true {
            let result = try nextResult(deadline)
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC { return }
        }
    }

    /// The next result. Between those of two statements there is a nil.
    private func nextResult(_ deadline: Int64) throws(PostgresError) -> OpaquePointer {
        for _ in 0..<3 {
            if let result = try next(deadline) { return result }
        }
        throw .lost("fewer answers than questions")
    }

    private func next(_ deadline: Int64) throws(PostgresError) -> OpaquePointer? {
        var isFlushed = PQflush(handle)
        while PQisBusy(handle) == 1 || isFlushed == 1 {
            if isFlushed < 0 { throw .lost(Self.message(of: handle)) }
            if PQisBusy(handle) == 0 { break }
            var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN | (isFlushed == 1 ? POLLOUT : 0)), revents: 0)
            let left = deadline - Self.milliseconds()
            guard left > 0 else { throw .lost("no answer for too long") }
            _ = poll(&descriptor, 1, Int32(clamping: left))
            if descriptor.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
                guard PQconsumeInput(handle) == 1 else { throw .lost(Self.message(of: handle)) }
            }
            isFlushed = PQflush(handle)
        }
        return PQgetResult(handle)
    }

    static func milliseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }
}
