// A schema of its own in the PostgreSQL server that the environment names, gone with its test.

import Foundation
import PostgresStore
import Primitives
import Storage

final class TestDatabase: Sendable {
    static let url = ProcessInfo.processInfo.environment["FANTAIL_POSTGRES_URL"]
    static let passwordFile = ProcessInfo.processInfo.environment["FANTAIL_POSTGRES_PASS"]

    let schema = "test_" + UUID().uuidString.lowercased().filter { $0 != "-" }

    /// As another process each time.
    func open(
        _ policy: StorePolicy, partition: String? = nil, layout: String = "p1",
        owns: @escaping @Sendable (UserID) -> Bool = { _ in true }
    ) throws -> PostgresStore {
        try PostgresStore(
            url: Self.url!, passwordFile: Self.passwordFile, policy: policy,
            share: .init(partition: partition ?? schema, layout: layout, owns: owns), holder: UUID().uuidString, schema: schema)
    }

    /// Runs SQL as somebody else would.
    @discardableResult
    func run(_ sql: String) throws -> [[String?]] {
        try PostgresContent.run(sql, url: Self.url!, passwordFile: Self.passwordFile, schema: schema)
    }

    /// Cuts the connections of the store.
    func cut() throws {
        try run("SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE application_name = 'fantail \(schema)'")
    }

    func drop() { _ = try? run("DROP SCHEMA \(schema) CASCADE") }
}
