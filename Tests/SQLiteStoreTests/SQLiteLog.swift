// The log of the file: writes to it gather, and are there when a batch is answered.

import Foundation
import Messages
import Primitives
import SQLiteStore
import Storage
import Testing

@Suite("SQLite: the log")
struct SQLiteLog {
    /// One page, and more than gathers at once; the second batch begins where the first ended.
    @Test("A copy made while the store is open has everything that was answered", arguments: [1, 400])
    func copies(count: Int) throws {
        let directory = try Directory()
        let policy = StorePolicy(isArchive: true)
        let store = try SQLiteStore(path: directory.path, policy: policy)
        defer { store.close() }
        let body = [UInt8](repeating: 0x78, count: 1_000)
        for batch in 0..<3 {
            let requests = (0..<count).map {
                StoreRequest.append(
                    Append(
                        owner: ana, kind: .message, author: ben, chat: ben, id: id("m-\(batch)-\($0)"), after: nil, body: body))
            }
            _ = try store.apply(requests, stamp: Stamp(microseconds: 1_767_225_600_000_000 + Int64(batch)))
            // In the middle the log is emptied, and its next writes begin at its start.
            if batch == 1 { try store.checkpoint() }
            let copy = try Directory()
            for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: directory.path + suffix) {
                try FileManager.default.copyItem(atPath: directory.path + suffix, toPath: copy.path + suffix)
            }
            #expect(try SQLiteStore.integrityCheck(path: copy.path) == [])
            let other = try SQLiteStore(path: copy.path, policy: policy)
            defer { other.close() }
            guard case .inboxHead(let head) = try other.apply([.readHead(ReadHead(owner: ana))], stamp: .zero)[0] else {
                Issue.record("no head")
                return
            }
            #expect(head.head == UInt64((batch + 1) * count))
        }
    }
}
