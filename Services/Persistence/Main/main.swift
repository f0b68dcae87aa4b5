// persistence: the only service that touches a database.
//
// Purpose    Keeps inboxes, device cursors, receipt watermarks and logs of groups of its partition in SQLite. Whatever queued up while the last
//            batch was synced is the next batch: one transaction, one sync, then the answers.
// Requests   Calls: append, openDevice, readInbox, storeCursor, storeWatermark, readWatermarks, readHead, readHistory;
//            for groups appendGroup, readGroup, settleGroup, readPendingGroups, storeGroupMarks, readGroupMarks, appendShared,
//            readMemberships.
// State      DATA/persistence/NODE.db (WAL, full sync, deleted text overwritten). A crash loses nothing that was answered.
// Touches    That file and the two that SQLite keeps beside it.
// Settings   The common ones (--help). In cluster.conf: `store` (temporary or archive), `expiry` (default 30d).
// Weaknesses One thread writes and reads: a reader of a long history delays the writers by a page.

import Cluster
import PersistenceCore
import Primitives
import SQLiteStore
import ServiceKit
import Storage

/// The embedded engine, as the writer thread wants it.
extension SQLiteStore: BlockingStore {
    public func idle() throws(StoreFailure) { try checkpoint() }
}

ServiceHost.run(
    .persistence, purpose: "keeps inboxes, cursors and receipts",
    store: { start throws(StartFailure) in
        let path = "\(try start.makeDataDirectory("persistence"))/\(start.node.name).db"
        let policy = StorePolicy(
            isArchive: start.cluster.storageMode == .archive, expiry: .seconds(Int64(start.cluster.expirySeconds)))
        return { () throws(StartFailure) in
            do throws(StoreOpenFailure) {
                return try SQLiteStore(path: path, policy: policy)
            } catch {
                throw StartFailure(.unavailable, "\(error)")
            }
        }
    },
    core: { start throws(StartFailure) in
        PersistenceCore(selfID: start.selfID, cluster: start.cluster, dice: start.dice())
    })
