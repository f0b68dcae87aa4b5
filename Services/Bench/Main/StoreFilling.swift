// Entries of other people for a store that is to be large, put into its files by the engine itself while no service runs.
//
// Owner after owner gets all of its entries, which is the order of the file, so that nothing is read again; pages become
// fuller than those of a store that grew over months, and as deep. Who is to be measured later is no stranger to such a
// store: these guests are made known in between, evenly, so that their rows will lie between those of the others.

import BenchKit
import FantailCLI
import Glibc
import Messages
import Primitives
import SQLiteStore
import ServiceKit
import Storage

struct StoreFilling {
    let home: ClusterHome
    let entryCount: Int
    /// Names the owners, and what they were written.
    let mark: MessageMark
    let guests: [UserID]

    /// With a hundred messages each they are five million.
    private static let ownerCountMax = 50_000
    /// Requests in one transaction: one sync for so many, and some 4 MB of requests in memory.
    private static let batchCount = 8_192
    /// Batches between two words on how far it is.
    private static let batchesPerWord = 32

    /// - Parameter onProgress: is told how many entries there are, and says whether to go on.
    /// - Returns: nil when it said no.
    func run(_ onProgress: (Int) -> Bool) throws(CommandFailure) -> ScaleFilling? {
        let start = SystemCalls.instant()
        let nodes = home.map.nodes(of: .persistence)
        let paths = nodes.map { "\(home.folder)/persistence/\($0.name).db" }
        let policy = StorePolicy(isArchive: home.map.storageMode == .archive, expiry: .seconds(Int64(home.map.expirySeconds)))
        var stores: [SQLiteStore] = []
        defer { for store in stores { store.close() } }
        do {
            for path in paths { stores.append(try SQLiteStore(path: path, policy: policy)) }
            guard try fill(stores, onProgress) else { return nil }
        } catch {
            throw .failure("filling the store in \(home.folder) failed: \(error); it needs about 200 bytes an entry (set TMPDIR, or take --entries-max)")
        }
        // The log goes into the file: what is measured begins with a store at rest.
        for store in stores { store.close() }
        let seconds = Double((SystemCalls.instant() - start).nanoseconds) / 1e9
        return ScaleFilling(entryCount: entryCount, seconds: seconds, fileBytes: paths.reduce(0) { $0 + Self.bytes($1) })
    }

    /// - Returns: false when it was told to stop.
    private func fill(_ stores: [SQLiteStore], _ onProgress: (Int) -> Bool) throws -> Bool {
        let ring = home.map.ring(of: .persistence)
        let nodes = home.map.nodes(of: .persistence)
        var waiting = [[StoreRequest]](repeating: [], count: stores.count)
        var batches = 0
        var done = 0

        func put(_ request: StoreRequest, of owner: UserID) throws -> Bool {
            let place = stores.count == 1 ? 0 : nodes.firstIndex { $0.id == ring.owner(ofKey: owner.text.utf8) }!
            waiting[place].append(request)
            guard waiting[place].count >= Self.batchCount else { return true }
            try Self.apply(&waiting[place], to: stores[place])
            batches += 1
            return batches % Self.batchesPerWord != 0 || onProgress(done)
        }

        let owners = min(Self.ownerCountMax, entryCount)
        for owner in 0..<owners {
            let name = mark.user(owner)
            let author = mark.user(owner + 1)
            for number in 0..<Self.share(owner, of: entryCount, among: owners).count {
                let append = Append(
                    owner: name, kind: .message, author: author, chat: author, id: mark.id(chat: owner, number: UInt32(number)), after: nil,
                    body: mark.body(chat: owner, number: UInt32(number)))
                guard try put(.append(append), of: name) else { return false }
                done += 1
            }
            for guest in Self.share(owner, of: guests.count, among: owners) {
                let open = OpenDevice(owner: guests[guest], device: .unnamed, cursor: nil)
                guard try put(.openDevice(open), of: guests[guest]) else { return false }
            }
        }
        for place in stores.indices { try Self.apply(&waiting[place], to: stores[place]) }
        return true
    }

    /// The part of `count` things that the one at `place` of `sharers` gets; the parts are even and follow each other.
    private static func share(_ place: Int, of count: Int, among sharers: Int) -> Range<Int> {
        place * count / sharers..<(place + 1) * count / sharers
    }

    private static func apply(_ requests: inout [StoreRequest], to store: SQLiteStore) throws {
        guard !requests.isEmpty else { return }
        for answer in try store.apply(requests, stamp: SystemCalls.now().stamp) {
            switch answer {
            case .appended(let appended): guard appended.outcome == .stored else { throw StoreFailure.broken("an entry was not stored: \(appended.outcome)") }
            case .deviceOpened(let opened): guard opened.outcome == .opened else { throw StoreFailure.broken("a device was not opened: \(opened.outcome)") }
            default: throw StoreFailure.broken("another answer than the question has: \(answer)")
            }
        }
        requests.removeAll(keepingCapacity: true)
    }

    private static func bytes(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
