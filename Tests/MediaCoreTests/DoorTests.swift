import CoreKit
import Media
import MediaCore
import Primitives
import RPC
import Testing

@Suite struct DoorTests {
    /// `/v1/media/up/…`, as a fresh link spells it.
    private func upload(_ scene: inout Scene) -> String { "/" + scene.link(.upload(picture), .opened(upload: uploadID)) }

    @Test func anUploadIsLookedUpWrittenAndFinished() {
        var s = Scene()
        let path = upload(&s)
        _ = s.connects()
        let asked = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
        #expect(asked.contains(.disk(.pause(socket, true))))
        #expect(s.orders.map(\.work) == [.look(upload: uploadID)])
        let begun = s.answer(.upload(UploadState(offset: 0, size: 10, reference: nil)))
        #expect(begun.contains(.disk(.pause(socket, false))))
        #expect(s.orders.map(\.work) == [.append(upload: uploadID, offset: 0, bytes: Array("01234".utf8))])
        #expect(s.answer(.appended) == [])
        _ = s.says("56789 and what nobody asked for")
        #expect(s.orders.map(\.work) == [.append(upload: uploadID, offset: 5, bytes: Array("56789".utf8))])
        _ = s.answer(.appended)
        #expect(s.orders.map(\.work) == [.finish(upload: uploadID)])
        #expect(status(s.answer(.upload(UploadState(offset: 10, size: 10, reference: reference)))) == 201)
    }

    @Test func aPartIsAcknowledgedAndTheWrongPlaceIsNot() {
        var s = Scene()
        let path = upload(&s)
        _ = s.connects()
        _ = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nUpload-Offset: 3\r\n\r\nab")
        #expect(status(s.answer(.upload(UploadState(offset: 4, size: 10, reference: nil)))) == 409)
        _ = s.connects()
        _ = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nUpload-Offset: 3\r\n\r\nab")
        _ = s.answer(.upload(UploadState(offset: 3, size: 10, reference: nil)))
        #expect(status(s.answer(.appended)) == 204)
        _ = s.connects()
        _ = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nUpload-Offset: 5\r\n\r\nab")
        #expect(status(s.answer(.upload(UploadState(offset: 5, size: 10, reference: nil)))) == 413)
    }

    @Test func aFullDiskIsSaid() {
        var s = Scene()
        let path = upload(&s)
        _ = s.connects()
        _ = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
        _ = s.answer(.upload(UploadState(offset: 0, size: 10, reference: nil)))
        #expect(status(s.answer(.full)) == 507)
        _ = s.ask(.upload(picture))
        #expect(complaint(s.answer(.full)) == .storageFull)
    }

    @Test func aSlowDiskHoldsBytesBack() {
        var s = Scene()
        let large = MediaFile(name: "", mime: "x/y", size: 1_000, hash: hash, isOpaque: true)!
        let path = "/" + s.link(.upload(large), .opened(upload: uploadID))
        _ = s.connects()
        _ = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        _ = s.answer(.upload(UploadState(offset: 0, size: 1_000, reference: nil)))
        for _ in 1..<MediaLimits.pieceCountMax { #expect(!s.says("0123456789").contains(.disk(.pause(socket, true)))) }
        #expect(s.says("0123456789").contains(.disk(.pause(socket, true))))
        #expect(s.answer(.appended) == [])
        #expect(s.answer(.appended).contains(.disk(.pause(socket, false))))
    }

    /// Each other letter at each place of the signature, and each order of its letters that a patient guesser would try.
    @Test func noOtherSignatureOpens() {
        var s = Scene()
        let path = upload(&s)
        let split = path.ranges(of: "sig=").first!.upperBound
        let signature = Array(path[split...])
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var wrong = signature.indices.map { Array(signature[$0...] + signature[..<$0]) }
        for place in signature.indices {
            for letter in letters {
                var other = signature
                other[place] = letter
                wrong.append(other)
            }
        }
        for other in wrong where other != signature {
            _ = s.connects()
            #expect(status(s.says("HEAD \(path[..<split])\(String(other)) HTTP/1.1\r\nHost: x\r\n\r\n")) == 403)
        }
    }

    @Test func linksEndAndBelongToOneThing() {
        var s = Scene()
        let path = upload(&s)
        _ = s.connects()
        #expect(status(s.says("PUT \(path.replacing("ana", with: "bob")) HTTP/1.1\r\nHost: x\r\n\r\n")) == 403)
        _ = s.connects()
        #expect(status(s.says("GET \(path.replacing("/up/", with: "/get/")) HTTP/1.1\r\nHost: x\r\n\r\n")) == 403)
        _ = s.wait(3_601)
        _ = s.connects()
        let late = s.says("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(status(late) == 403)
    }

    @Test func whoDoesNotGetOnIsEnded() {
        var s = Scene()
        let path = upload(&s)
        _ = s.connects()
        #expect(status(s.wait(11)) == 408)
        _ = s.connects()
        _ = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0")
        _ = s.answer(.upload(UploadState(offset: 0, size: 10, reference: nil)))
        // The disk is slow, not the client.
        #expect(status(s.wait(11)) == nil)
        _ = s.answer(.appended)
        #expect(status(s.wait(11)) == 408)
    }

    @Test func aFileOfAConnectionThatHasGoneIsClosed() {
        var s = Scene()
        let path = "/" + s.link(.link(reference), .kept)
        _ = s.connects()
        _ = s.says("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = s.on(.clientClosed(socket))
        let handle = FileHandle(rawValue: 9)
        #expect(s.answer(.reading(StoredFile(file: picture, handle: handle))) == [.disk(.close(handle))])
    }

    @Test func aRangeGoesOutAndThenTheEnd() {
        var s = Scene()
        let path = "/" + s.link(.link(reference), .kept)
        let handle = FileHandle(rawValue: 9)
        _ = s.connects()
        _ = s.says("GET \(path) HTTP/1.1\r\nHost: x\r\nRange: bytes=2-4\r\n\r\n")
        let sent = s.answer(.reading(StoredFile(file: picture, handle: handle)))
        #expect(status(sent) == 206)
        #expect(sent.last == .disk(.send(socket, handle, offset: 2, count: 3)))
        #expect(s.on(.disk(.sent(socket))) == [])
    }

    @Test func behindAFileAnotherMayBeAskedFor() {
        var s = Scene()
        let path = "/" + s.link(.link(reference), .kept)
        let handle = FileHandle(rawValue: 9)
        _ = s.connects()
        for _ in 0..<3 {
            _ = s.says("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(status(s.answer(.reading(StoredFile(file: picture, handle: handle)))) == 200)
            #expect(s.on(.disk(.sent(socket))) == [])
        }
        _ = s.says("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(status(s.answer(.reading(StoredFile(file: picture, handle: handle)))) == 200)
        // Nobody asks any more, and nothing is wrong with that.
        #expect(s.wait(11) == [.closeClient(socket)])
    }

    @Test func aConnectionIsNotKeptForWhoDoesNotWantItOrDoesNotWait() {
        var s = Scene()
        let path = "/" + s.link(.link(reference), .kept)
        let handle = FileHandle(rawValue: 9)
        _ = s.connects()
        _ = s.says("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n")
        _ = s.answer(.reading(StoredFile(file: picture, handle: handle)))
        #expect(s.on(.disk(.sent(socket))) == [.closeClient(socket)])
        _ = s.connects()
        _ = s.says("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = s.answer(.reading(StoredFile(file: picture, handle: handle)))
        #expect(s.says("GET /") == [])
        #expect(s.on(.disk(.sent(socket))) == [.closeClient(socket)])
    }

    @Test func whatCameTooEarlyIsNotForgotten() {
        var s = Scene()
        let path = "/" + s.link(.link(reference), .kept)
        _ = s.connects()
        _ = s.says("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = s.says("GET \(path) HTTP/1.1\r\n")
        let sent = s.answer(.reading(StoredFile(file: picture, handle: FileHandle(rawValue: 9))))
        #expect(status(sent) == 200)
        #expect(s.on(.disk(.sent(socket))) == [.closeClient(socket)])
    }

    @Test func oneUserDoesNotHoldTheDoor() {
        var s = Scene()
        let path = "/" + s.link(.link(reference), .kept)
        func come(_ number: UInt64, _ s: inout Scene) -> [Effect] {
            let socket = SocketID(rawValue: 100 + number)
            _ = s.on(.clientAccepted(socket))
            return s.on(.clientReceived(socket, Array("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)[...]))
        }
        for number in 0..<UInt64(MediaLimits.userConnectionCountMax) { #expect(status(come(number, &s)) == nil) }
        #expect(status(come(1_000, &s)) == 503)
        _ = s.on(.clientClosed(SocketID(rawValue: 100)))
        #expect(status(come(1_001, &s)) == nil)
    }

    @Test func connectionsAreBounded() {
        var s = Scene()
        for number in 0..<MediaLimits.connectionCountMax { _ = s.on(.clientAccepted(SocketID(rawValue: UInt64(number + 10)))) }
        #expect(status(s.connects()) == 503)
    }

    @Test(arguments: [
        (MediaOutcome.Result.unknown, "media_unknown"), (.quotaExceeded, "media_quota"), (.tooManyUploads, "too_many_uploads"),
        (.broken("x"), "unavailable"),
    ])
    func eachNoHasItsName(result: MediaOutcome.Result, name: String) {
        var s = Scene()
        _ = s.ask(.upload(picture))
        #expect(complaint(s.answer(result))?.name == name)
    }
}

/// Files that are in a bucket; the test plays it.
@Suite struct BucketDoorTests {
    private let wide = MediaFile(name: "", mime: "x/y", size: MediaLimits.fetchBytesMax + 5, hash: hash, isOpaque: true)!
    private let handle = FileHandle(rawValue: 9)

    private func get(_ scene: inout Scene, _ headers: String = "") -> [Effect] {
        let path = "/" + scene.link(.link(reference), .kept)
        _ = scene.connects()
        return scene.says("GET \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n")
    }

    @Test func aFileIsFetchedAPieceAtATime() {
        var s = Scene()
        _ = get(&s)
        #expect(s.answer(.reading(StoredFile(file: wide, handle: nil))).allSatisfy { if case .disk(.order) = $0 { true } else { false } })
        #expect(s.orders.map(\.work) == [.fetch(hash: hash, range: 0..<MediaLimits.fetchBytesMax)])
        let first = s.answer(.fetched(handle))
        #expect(status(first) == 200)
        #expect(first.last == .disk(.send(socket, handle, offset: 0, count: MediaLimits.fetchBytesMax)))
        #expect(s.orders.isEmpty)
        _ = s.on(.disk(.sent(socket)))
        #expect(s.orders.map(\.work) == [.fetch(hash: hash, range: MediaLimits.fetchBytesMax..<wide.size)])
        #expect(s.answer(.fetched(handle)) == [.disk(.send(socket, handle, offset: 0, count: 5))])
        #expect(s.on(.disk(.sent(socket))) == [])
    }

    @Test func aBucketThatIsAwayIsSaidWhileItCanBe() {
        var s = Scene()
        _ = get(&s, "Range: bytes=7-\r\n")
        _ = s.answer(.reading(StoredFile(file: wide, handle: nil)))
        #expect(s.orders.map(\.work) == [.fetch(hash: hash, range: 7..<wide.size)])
        #expect(status(s.answer(.away("x"))) == 503)
        _ = get(&s)
        _ = s.answer(.reading(StoredFile(file: wide, handle: nil)))
        _ = s.answer(.fetched(handle))
        _ = s.on(.disk(.sent(socket)))
        let late = s.answer(.away("x"))
        #expect(status(late) == nil && late.last == .closeClient(socket))
        _ = get(&s)
        _ = s.answer(.reading(StoredFile(file: wide, handle: nil)))
        #expect(status(s.answer(.unknown)) == 404)
        _ = get(&s)
        _ = s.answer(.reading(StoredFile(file: wide, handle: nil)))
        #expect(status(s.answer(.forbidden("x"))) == 503)
    }

    @Test func aPieceForNobodyIsClosed() {
        var s = Scene()
        _ = get(&s)
        _ = s.answer(.reading(StoredFile(file: wide, handle: nil)))
        _ = s.on(.clientClosed(socket))
        #expect(s.answer(.fetched(handle)) == [.disk(.close(handle))])
    }

    @Test func downloadsFromItAreBounded() {
        var s = Scene()
        let paths = (0...MediaLimits.fetchCountMax / MediaLimits.userConnectionCountMax).map { number in
            s.user = UserID("user-\(number)")!
            return "/" + s.link(.link(reference), .kept)
        }
        for number in 0...MediaLimits.fetchCountMax {
            let path = paths[number / MediaLimits.userConnectionCountMax]
            let other = SocketID(rawValue: UInt64(number + 10))
            _ = s.on(.clientAccepted(other))
            _ = s.on(.clientReceived(other, Array("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)[...]))
        }
        for _ in 0..<MediaLimits.fetchCountMax { #expect(status(s.answer(.reading(StoredFile(file: wide, handle: nil)))) == nil) }
        #expect(status(s.answer(.reading(StoredFile(file: wide, handle: nil)))) == 503)
        // Whoever ends makes room, however it ends.
        _ = s.on(.clientClosed(SocketID(rawValue: 10)))
        while !s.orders.isEmpty { _ = s.answer(.away("x")) }
        _ = get(&s)
        #expect(status(s.answer(.reading(StoredFile(file: wide, handle: nil)))) == nil)
        #expect(s.orders.count == 1)
    }

    @Test func anUploadIsPutBeforeItsReferenceIsTold() {
        var s = Scene()
        let path = "/" + s.link(.upload(picture), .opened(upload: uploadID))
        let done = MediaOutcome.Result.upload(UploadState(offset: 10, size: 10, reference: reference))
        func finish() {
            _ = s.connects()
            _ = s.says("PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nUpload-Offset: 10\r\n\r\n")
            _ = s.answer(.upload(UploadState(offset: 10, size: 10, reference: nil)))
            #expect(s.orders.map(\.work) == [.finish(upload: uploadID)])
            #expect(s.answer(.hashing).count == 1)
            #expect(s.orders.map(\.work) == [.finish(upload: uploadID)])
            _ = s.answer(.placing(hash: hash, size: 10))
            #expect(s.orders.map(\.work) == [.put(upload: uploadID, hash: hash, size: 10)])
        }
        finish()
        #expect(status(s.answer(.away("x"))) == 503)
        #expect(s.orders.map(\.work) == [.notPlaced(upload: uploadID)])
        _ = s.answer(.done)
        finish()
        // Whoever waited has gone; it is finished all the same.
        _ = s.on(.clientClosed(socket))
        _ = s.answer(.done)
        #expect(s.orders.map(\.work) == [.placed(upload: uploadID)])
        _ = s.answer(done)
        finish()
        #expect(status(s.answer(.done)) == nil)
        #expect(status(s.answer(done)) == 201)
    }
}
