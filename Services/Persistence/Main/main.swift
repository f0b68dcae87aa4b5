// persistence: the only service that touches a database.
//
// Purpose    Keeps inboxes, device cursors, receipt watermarks and logs of groups of its partition, in SQLite or in PostgreSQL. Whatever
//            queued up while the last batch was synced is the next batch: one transaction, one sync, then the answers.
// Requests   Calls: append, openDevice, readInbox, storeCursor, storeWatermark, readWatermarks, readHead, readHistory;
//            for groups appendGroup, readGroup, settleGroup, readPendingGroups, storeGroupMarks, readGroupMarks, appendShared,
//            readMemberships.
// State      SQLite: DATA/persistence/NODE.db (WAL, full sync, deleted text overwritten). PostgreSQL: the schema `fantail` of the database.
//            A crash loses nothing that was answered.
// Touches    That file and those that SQLite keeps beside it, or the database.
// Settings   The common ones (--help). In cluster.conf: `store` (temporary or archive), `expiry` (default 30d), `database` (default: the
//            file). DATA/secrets/postgres.pass, in libpq's format, when the database asks for a password.
// Weaknesses One thread writes and reads: a reader of a long history delays the writers by a page.

import Cluster
import PersistenceCore
import Primitives
import SQLiteStore
import ServiceKit
import Storage

#if !WITHOUT_POSTGRES
    import PostgresStore
#endif

/// The embedded engine, as the writer thread wants it.
extension SQLiteStore: BlockingStore {
    public func idle() throws(StoreFailure) { try checkpoint() }
}

#if !WITHOUT_POSTGRES
/// The engine behind a connection. A batch may wait for a fail-over, so never in the loop.
extension PostgresStore: BlockingStore {
    public func idle() throws(StoreFailure) {}
    public var mayRunInLoop: Bool { false }
    public var figures: ConnectionFigures? {
        ConnectionFigures(
            roundTripCount: counts.roundTripCount, reconnectCount: counts.reconnectCount, repeatedCount: counts.repeatedCount,
            isConnected: counts.isConnected, isFenced: counts.isFenced)
    }
}

#endif

func openFile(_ start: ServiceStart, _ policy: StorePolicy) throws(StartFailure) -> StoreOpening {
    let path = "\(try start.makeDataDirectory("persistence"))/\(start.node.name).db"
    return { () throws(StartFailure) in
        do throws(StoreOpenFailure) {
            return try SQLiteStore(path: path, policy: policy)
        } catch {
            throw StartFailure(.unavailable, "\(error)")
        }
    }
}

#if !WITHOUT_POSTGRES
func openDatabase(_ url: DatabaseURL, _ start: ServiceStart, _ policy: StorePolicy) throws(StartFailure) -> StoreOpening {
    let passwordFile = try start.passwordFile("postgres.pass")
    let ring = start.cluster.ring(of: .persistence)
    let selfID = start.selfID
    // Which owner is whose follows from these words alone; the epoch is not among them.
    let parameters = start.cluster.ringParameters
    let layout = start.cluster.nodes(of: .persistence).map { "\($0.name)*\($0.weight)" }.joined(separator: " ")
        + " seed=\(parameters.seed) load=\(parameters.loadPermille)"
    let share = PostgresStore.Share(partition: start.node.name, layout: layout) { ring.owner(ofKey: $0.text.utf8) == selfID }
    var dice = start.dice()
    let holder = "\(start.node.name)-\(String(dice.next(), radix: 36))"
    return { () throws(StartFailure) in
        do throws(PostgresOpenFailure) {
            return try PostgresStore(
                url: url.description, passwordFile: passwordFile, policy: policy, share: share, holder: holder)
        } catch {
            throw StartFailure(.unavailable, "\(error)")
        }
    }
}
#else
func openDatabase(_ url: DatabaseURL, _ start: ServiceStart, _ policy: StorePolicy) throws(StartFailure) -> StoreOpening {
    throw StartFailure(
        .wrongConfiguration, "this executable was built without PostgreSQL, as those of the images are; remove the line database, or run one that deploy/run.sh built")
}
#endif

ServiceHost.run(
    .persistence, purpose: "keeps inboxes, cursors and receipts",
    store: { start throws(StartFailure) in
        let policy = StorePolicy(
            isArchive: start.cluster.storageMode == .archive, expiry: .seconds(Int64(start.cluster.expirySeconds)))
        if let url = start.cluster.database { return try openDatabase(url, start, policy) }
        return try openFile(start, policy)
    },
    core: { start throws(StartFailure) in
        PersistenceCore(selfID: start.selfID, cluster: start.cluster, dice: start.dice())
    })
