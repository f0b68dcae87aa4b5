import Crypto
import Foundation
import Media
import MediaFileStore
import Primitives
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!
let begin = Stamp(microseconds: 1_767_225_600_000_000)
let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

/// A store in a folder of its own, and a clock that the test moves.
final class Bench {
    let path: String
    private var store: FileStore
    private let rules: MediaRules
    private let hasBucket: Bool
    var now = begin
    private var ticket: UInt64 = 0

    init(keptFor: Interval? = nil, hasBucket: Bool = false) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "fantail-media-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        rules = MediaRules(keptFor: keptFor)
        self.hasBucket = hasBucket
        store = try FileStore(path: path, tag: MediaReference.tag(ofNode: "media-1"), rules: rules, hasBucket: hasBucket)
    }

    deinit {
        store.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    func ask(_ work: MediaOrder.Work) -> MediaOutcome.Result {
        ticket += 1
        let outcome = store.carryOut(MediaOrder(MediaTicket(rawValue: ticket), work), now: now)
        #expect(outcome.ticket.rawValue == ticket)
        return outcome.result
    }

    func reopen() throws {
        store.close()
        store = try FileStore(path: path, tag: MediaReference.tag(ofNode: "media-1"), rules: rules, hasBucket: hasBucket)
    }

    func wait(_ seconds: Int64) { now = now + .seconds(seconds) }

    func open(_ bytes: [UInt8], by owner: UserID = ana, hash: String? = nil, opaque: Bool = false) throws -> String {
        let file = MediaFile(
            name: "fish.png", mime: "image/png", size: UInt64(bytes.count),
            hash: hash ?? HexName.text(OpenSSLCrypto().sha256(bytes)), isOpaque: opaque)!
        guard case .opened(let upload) = ask(.open(owner: owner, file: file)) else { throw Failed() }
        return upload
    }

    func put(_ bytes: [UInt8], by owner: UserID = ana) throws -> MediaReference {
        let upload = try open(bytes, by: owner)
        #expect(ask(.append(upload: upload, offset: 0, bytes: bytes)) == .appended)
        guard case .upload(let state) = ask(.finish(upload: upload)), let reference = state.reference else { throw Failed() }
        return reference
    }

    /// Whether there is something to read; closes it.
    func canRead(_ reference: MediaReference) -> Bool {
        guard case .reading(let stored) = ask(.read(id: reference.id)) else { return false }
        if let handle = stored.handle { close(handle.rawValue) }
        return true
    }

    /// Names of everything that lies in `folder`.
    func names(_ folder: String) -> [String] {
        (FileManager.default.enumerator(atPath: "\(path)/\(folder)")?.compactMap { $0 as? String } ?? []).filter { $0.count > 2 }
    }

    struct Failed: Error {}
}

@Suite struct FileStoreTests {
    @Test func aFileIsStoredOnceAndOpensByEachReference() throws {
        let bench = try Bench()
        let one = try bench.put(png + [1])
        let two = try bench.put(png + [1], by: bob)
        #expect(one != two)
        #expect(bench.names("files").count == 1)
        #expect(bench.names("uploads") == [])
        #expect(bench.canRead(one) && bench.canRead(two))
        let wrong = MediaReference(id: one.id, secret: two.secret)!
        #expect(bench.ask(.keep(wrong)) == .unknown)
        #expect(bench.ask(.keep(one)) == .kept)
    }

    /// A crash between the commit and the folder leaves bytes that no row knows as an upload any more.
    @Test func whatACrashLeftInTheFolderGoesWithTheNextStart() throws {
        let bench = try Bench()
        let upload = try bench.open(png + [3])
        #expect(bench.ask(.append(upload: upload, offset: 0, bytes: png)) == .appended)
        let stray = String(upload.reversed())
        try FileManager.default.copyItem(atPath: "\(bench.path)/uploads/\(upload)", toPath: "\(bench.path)/uploads/\(stray)")
        try bench.reopen()
        #expect(bench.names("uploads") == [upload])
    }

    @Test func whatIsAcknowledgedIsThereAfterReopening() throws {
        let bench = try Bench()
        let stored = try bench.put(png + [2])
        let upload = try bench.open(png + [3])
        #expect(bench.ask(.append(upload: upload, offset: 0, bytes: png)) == .appended)
        try bench.reopen()
        #expect(bench.canRead(stored))
        #expect(bench.ask(.look(upload: upload)) == .upload(UploadState(offset: 8, size: 9, reference: nil)))
        #expect(bench.ask(.append(upload: upload, offset: 7, bytes: [3])) == .misplaced)
        #expect(bench.ask(.append(upload: upload, offset: 8, bytes: [3, 3])) == .misplaced)
        #expect(bench.ask(.finish(upload: upload)) == .misplaced)
        #expect(bench.ask(.append(upload: upload, offset: 8, bytes: [3])) == .appended)
        let first = bench.ask(.finish(upload: upload))
        try bench.reopen()
        #expect(bench.ask(.finish(upload: upload)) == first)
        #expect(bench.ask(.look(upload: upload)) == first)
    }

    @Test func aFileInItsPlaceWithoutARowIsTakenOrCollected() throws {
        let bench = try Bench()
        let bytes = png + [4]
        // The process ended between the rename and the commit.
        let upload = try bench.open(bytes)
        let hash = HexName.text(OpenSSLCrypto().sha256(bytes))
        try FileManager.default.createDirectory(atPath: "\(bench.path)/files/\(hash.prefix(2))", withIntermediateDirectories: true)
        _ = FileManager.default.createFile(atPath: "\(bench.path)/files/\(hash.prefix(2))/\(hash)", contents: Data(bytes))
        #expect(bench.ask(.look(upload: upload)) == .upload(UploadState(offset: 0, size: 9, reference: nil)))
        bench.wait(3_601)
        #expect(bench.ask(.sweep) == .swept(count: 1, remove: []))
        #expect(bench.names("files") == [])
        #expect(bench.ask(.look(upload: upload)) == .unknown)
    }

    @Test func aLieIsRefusedAndNothingOfItStays() throws {
        let bench = try Bench()
        let text = Array("<html>".utf8)
        let lie = try bench.open(text)
        #expect(bench.ask(.append(upload: lie, offset: 0, bytes: text)) == .appended)
        #expect(bench.ask(.finish(upload: lie)) == .typeDiffers)
        let other = try bench.open(png, hash: String(repeating: "0", count: 64))
        #expect(bench.ask(.append(upload: other, offset: 0, bytes: png)) == .appended)
        #expect(bench.ask(.finish(upload: other)) == .hashDiffers)
        #expect(bench.names("uploads") + bench.names("files") == [])
        #expect(bench.ask(.look(upload: lie)) == .unknown)
        let honest = try bench.open(text, opaque: true)
        #expect(bench.ask(.append(upload: honest, offset: 0, bytes: text)) == .appended)
        guard case .upload = bench.ask(.finish(upload: honest)) else { throw Bench.Failed() }
    }

    @Test func whatNobodyKeepsIsCollectedAfterADay() throws {
        let bench = try Bench()
        let kept = try bench.put(png + [5])
        let orphan = try bench.put(png + [6])
        let shared = try bench.put(png + [5], by: bob)
        let partial = try bench.open(png + [7])
        #expect(bench.ask(.append(upload: partial, offset: 0, bytes: png)) == .appended)
        #expect(bench.ask(.keep(kept)) == .kept)
        bench.wait(3_601)
        #expect(bench.ask(.sweep) == .swept(count: 1, remove: []))
        #expect(bench.names("uploads") == [])
        #expect(bench.canRead(orphan))
        bench.wait(24 * 3_600)
        #expect(!bench.canRead(orphan) && !bench.canRead(shared))
        #expect(bench.ask(.sweep) == .swept(count: 2, remove: []))
        #expect(bench.names("files").count == 1)
        #expect(bench.canRead(kept))
        bench.wait(365 * 24 * 3_600)
        #expect(bench.ask(.sweep) == .swept(count: 0, remove: []))
        #expect(bench.canRead(kept))
    }

    @Test func inATemporaryClusterKeptFilesEndToo() throws {
        let bench = try Bench(keptFor: .seconds(10 * 24 * 3_600))
        let reference = try bench.put(png + [8])
        #expect(bench.ask(.keep(reference)) == .kept)
        bench.wait(9 * 24 * 3_600)
        // Another keep does not lengthen it.
        #expect(bench.ask(.keep(reference)) == .kept)
        bench.wait(24 * 3_600)
        #expect(bench.ask(.keep(reference)) == .unknown)
        #expect(bench.ask(.sweep) == .swept(count: 1, remove: []))
        #expect(bench.names("files") == [])
    }

    @Test func oneUserHasBoundsAndADayEnds() throws {
        let bench = try Bench()
        for _ in 0..<MediaLimits.openUploadCountMax { _ = try bench.open(png) }
        let file = MediaFile(name: "", mime: "image/png", size: 1, hash: String(repeating: "0", count: 64), isOpaque: false)!
        #expect(bench.ask(.open(owner: ana, file: file)) == .tooManyUploads)
        _ = try bench.open(png, by: bob)
        bench.wait(3_601)
        _ = bench.ask(.sweep)
        var large = file
        large.size = MediaLimits.fileBytesMax
        var count = 0
        while case .opened = bench.ask(.open(owner: ana, file: large)) { count += 1 }
        #expect(count == Int(MediaLimits.userBytesPerDayMax / MediaLimits.fileBytesMax))
        #expect(bench.ask(.open(owner: ana, file: large)) == .quotaExceeded)
        // What came of it does not matter.
        bench.wait(3_601)
        #expect(bench.ask(.sweep) == .swept(count: count, remove: []))
        #expect(bench.ask(.open(owner: ana, file: large)) == .quotaExceeded)
        bench.wait(24 * 3_600 + 1)
        guard case .opened = bench.ask(.open(owner: ana, file: large)) else { throw Bench.Failed() }
    }

    @Test func manyTinyFilesCountAsMore() throws {
        let bench = try Bench()
        // Each is finished, so that only the day's bound can stop them.
        let perDay = Int(MediaLimits.userBytesPerDayMax / MediaLimits.userBytesPerFileMin)
        #expect(perDay == 16_384)
        let first = try bench.put(png)
        #expect(bench.canRead(first))
    }

    @Test func whatWasNotHashedAsItCameInIsHashedInTurns() throws {
        let bench = try Bench()
        let piece = [UInt8](repeating: 7, count: 1024 * 1024)
        let count = Int(MediaLimits.hashBytesMax) / piece.count * 2 + 1
        let bytes = [UInt8](repeating: 7, count: count * piece.count)
        let upload = try bench.open(bytes, opaque: true)
        for number in 0..<count {
            #expect(bench.ask(.append(upload: upload, offset: UInt64(number * piece.count), bytes: piece)) == .appended)
            // What was known of the hash is lost in the middle.
            if number == count - 2 { try bench.reopen() }
        }
        #expect(bench.ask(.finish(upload: upload)) == .hashing)
        #expect(bench.ask(.finish(upload: upload)) == .hashing)
        guard case .upload = bench.ask(.finish(upload: upload)) else { throw Bench.Failed() }
        let other = try bench.open(bytes, by: bob, opaque: true)
        for number in 0..<count { _ = bench.ask(.append(upload: other, offset: UInt64(number * piece.count), bytes: piece)) }
        guard case .upload = bench.ask(.finish(upload: other)) else { throw Bench.Failed() }
    }
}

/// The test plays the bucket.
@Suite struct BucketTests {
    private func hash(_ bytes: [UInt8]) -> String { HexName.text(OpenSSLCrypto().sha256(bytes)) }

    private func place(_ bytes: [UInt8], by owner: UserID = ana, in bench: Bench) throws -> MediaReference {
        let upload = try bench.open(bytes, by: owner)
        #expect(bench.ask(.append(upload: upload, offset: 0, bytes: bytes)) == .appended)
        #expect(bench.ask(.finish(upload: upload)) == .placing(hash: hash(bytes), size: UInt64(bytes.count)))
        #expect(bench.names("uploads") == [upload])
        guard case .upload(let state) = bench.ask(.placed(upload: upload)), let reference = state.reference else { throw Bench.Failed() }
        return reference
    }

    @Test func aFileIsPutOnceAndReadFromTheBucket() throws {
        let bench = try Bench(hasBucket: true)
        let reference = try place(png, in: bench)
        #expect(bench.names("uploads") + bench.names("files") == [])
        guard case .reading(let stored) = bench.ask(.read(id: reference.id)) else { throw Bench.Failed() }
        #expect(stored.handle == nil && stored.file.hash == hash(png))
        // Somebody else's is there already.
        let other = try bench.put(png, by: bob)
        #expect(other != reference && bench.names("uploads") == [])
    }

    @Test func aPutThatFailedIsOrderedAgainAndOneThatEndedInBetweenToo() throws {
        let bench = try Bench(hasBucket: true)
        let upload = try bench.open(png)
        #expect(bench.ask(.append(upload: upload, offset: 0, bytes: png)) == .appended)
        let placing = MediaOutcome.Result.placing(hash: hash(png), size: 8)
        #expect(bench.ask(.finish(upload: upload)) == placing)
        #expect(bench.ask(.notPlaced(upload: upload)) == .done)
        #expect(bench.ask(.finish(upload: upload)) == placing)
        try bench.reopen()
        #expect(bench.ask(.look(upload: upload)) == .upload(UploadState(offset: 8, size: 8, reference: nil)))
        #expect(bench.ask(.finish(upload: upload)) == placing)
        // Whoever waited came again: both hear the same.
        #expect(bench.ask(.finish(upload: upload)) == placing)
        let first = bench.ask(.placed(upload: upload))
        #expect(bench.ask(.placed(upload: upload)) == first)
        #expect(bench.ask(.finish(upload: upload)) == first)
    }

    @Test func whatIsOverLeavesTheBucketWhenTheBucketSaysSo() throws {
        let bench = try Bench(hasBucket: true)
        _ = try place(png, in: bench)
        _ = try place(png + [1], in: bench)
        bench.wait(24 * 3_600 + 1)
        #expect(bench.ask(.sweep) == .swept(count: 2, remove: [hash(png), hash(png + [1])].sorted()))
        try bench.reopen()
        #expect(bench.ask(.sweep) == .swept(count: 0, remove: [hash(png), hash(png + [1])].sorted()))
        #expect(bench.ask(.forget(hashes: [hash(png)])) == .done)
        #expect(bench.ask(.sweep) == .swept(count: 0, remove: [hash(png + [1])]))
        // It is wanted again: first while it is put, then because it is there.
        let upload = try bench.open(png + [1])
        #expect(bench.ask(.append(upload: upload, offset: 0, bytes: png + [1])) == .appended)
        #expect(bench.ask(.finish(upload: upload)) == .placing(hash: hash(png + [1]), size: 9))
        #expect(bench.ask(.sweep) == .swept(count: 0, remove: []))
        guard case .upload = bench.ask(.placed(upload: upload)) else { throw Bench.Failed() }
        #expect(bench.ask(.sweep) == .swept(count: 0, remove: []))
    }

    @Test func anUploadThatEndedBetweenPutAndRowIsCollected() throws {
        let bench = try Bench(hasBucket: true)
        let upload = try bench.open(png)
        #expect(bench.ask(.append(upload: upload, offset: 0, bytes: png)) == .appended)
        #expect(bench.ask(.finish(upload: upload)) == .placing(hash: hash(png), size: 8))
        bench.wait(3_601)
        // It is on its way: not now.
        #expect(bench.ask(.sweep) == .swept(count: 0, remove: []))
        #expect(bench.ask(.placed(upload: upload)) == .unknown)
        #expect(bench.ask(.sweep) == .swept(count: 1, remove: [hash(png)]))
        #expect(bench.names("uploads") == [])
    }
}
